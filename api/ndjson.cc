#include "api/ndjson.h"

namespace facekeep::api {

std::vector<std::string_view> split_ndjson(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view row = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.find_first_not_of(" \t\r") != std::string_view::npos) out.push_back(row);
  }
  return out;
}

}  // namespace facekeep::api
