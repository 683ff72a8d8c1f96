// Texts of the catalogue with arguments that were put together at run time.
#pragma once

#include <string>
#include <vector>

#include "tools/common/catalogue.h"

namespace facekeep::tools {

// As format_message: the arguments are inserted as they are.
std::string words(Lang lang, Msg id, const std::vector<std::string>& args = {});
// "a, b, c"; the text of `none` for no items.
std::string list_of(Lang lang, const std::vector<std::string>& items, Msg none);

}  // namespace facekeep::tools
