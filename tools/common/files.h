// Whole files, for commands.
#pragma once

#include <string>
#include <string_view>

#include "vault/base/result.h"

namespace facekeep::tools {

// A whole file as text. kNotFound, kIo, kTooLarge.
Result<std::string> load_text(const std::string& path, std::size_t max_bytes = 1 << 20);
// A new file of this mode. kAlreadyExists if there is one, kIo, kOutOfSpace.
Status save_text(const std::string& path, std::string_view text, unsigned mode = 0644);
// Puts a file in the place of the one that may be there, whole or not at all, and syncs it and its folder, which is
// made where missing. kIo, kOutOfSpace.
Status replace_file(const std::string& path, std::string_view bytes, unsigned mode = 0644);

}  // namespace facekeep::tools
