#include "api/http/types.h"

namespace facekeep::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decode_segment(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return make_error(Errc::kMalformed, "the path has a broken percent escape");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f) return make_error(Errc::kMalformed, "the path has a control character");
    out.push_back(c);
  }
  // Dot segments mean "somewhere else" to every client library; no route of ours is called so.
  if (out.empty() || out == "." || out == "..") return make_error(Errc::kMalformed, "the path has an empty part");
  if (!is_valid_utf8(out)) return make_error(Errc::kMalformed, "the path is not UTF-8");
  return out;
}

}  // namespace

void Headers::add(std::string_view name, std::string_view value) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  fields_.emplace_back(std::move(lower), std::string(value));
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (key == name) return std::string_view(value);
  }
  return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const {
  std::size_t n = 0;
  for (const auto& field : fields_) n += field.first == name ? 1 : 0;
  return n;
}

Result<std::vector<std::string>> split_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return make_error(Errc::kMalformed, "the path does not start with '/'");
  std::vector<std::string> out;
  path.remove_prefix(1);
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    FK_TRY(std::string segment, decode_segment(path.substr(0, slash)));
    out.push_back(std::move(segment));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return out;
}

}  // namespace facekeep::http
