// Splits newline-delimited JSON into its rows, without copying.
#pragma once

#include <string_view>
#include <vector>

namespace facekeep::api {

// The rows between LF (or CRLF) line ends; rows of white space alone are not rows. Total.
std::vector<std::string_view> split_ndjson(std::string_view text);

}  // namespace facekeep::api
