// Showing text that a stranger wrote, so that what is seen is what is there.
#pragma once

#include <string>
#include <string_view>

namespace facekeep::tools {

// One line of printable text. Control characters (C0, C1, DEL, line breaks), bidirectional controls,
// zero-width and other invisible characters and the backslash become \u{hex}; bytes that are not
// UTF-8 become \x{hex}. Different inputs give different outputs. Thread safe.
std::string escape_untrusted(std::string_view text);

}  // namespace facekeep::tools
