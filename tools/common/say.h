// Errors whose sentences come from the catalogue, in the language of this run.
#pragma once

#include <initializer_list>
#include <string_view>

#include "tools/common/catalogue.h"
#include "vault/base/result.h"

namespace facekeep::tools {

// The language of this run, for errors that are made far from the command. English until set, once, before any
// command runs.
void set_error_lang(Lang lang);
Lang error_lang();

// `problem` is its stable name (a literal).
Error say_error(Errc code, const char* problem, Msg message, Msg hint,
                std::initializer_list<std::string_view> args = {});

}  // namespace facekeep::tools
