#include "api/json_view.h"

#include <set>

namespace facekeep::api {
namespace {

Error not_json(std::size_t at) {
  return make_problem(Errc::kMalformed, "not-json", "the text is not JSON, at byte " + std::to_string(at),
                      "send one JSON value (RFC 8259) in UTF-8");
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

// A recursive-descent reader without recursion: the nesting is a vector, so its depth is a number.
class JsonChecker {
 public:
  JsonChecker(std::string_view text, const JsonLimits& limits) : t_(text), limits_(limits) {}

  Result<JsonView> run() {
    if (!is_valid_utf8(t_)) {
      return make_problem(Errc::kMalformed, "not-json", "the text is not UTF-8", "send JSON in UTF-8");
    }
    skip_space();
    const std::size_t start = at_;
    FK_CHECK(value());
    const std::size_t end = at_;
    skip_space();
    if (at_ != t_.size()) return not_json(at_);
    return JsonView(t_.substr(start, end - start));
  }

 private:
  struct Open {
    bool object;
    std::set<std::string> keys;
  };

  void skip_space() {
    while (at_ < t_.size() && is_space(t_[at_])) ++at_;
  }
  [[nodiscard]] char peek() const { return at_ < t_.size() ? t_[at_] : '\0'; }

  // One value with all that is in it.
  Status value() {
    for (;;) {
      skip_space();
      FK_TRY(const bool opened, begin_value());
      if (opened) continue;  // the first element of a new array or object is next
      // A value is complete: close what ends here, or go to the next element.
      for (;;) {
        if (open_.empty()) return {};
        skip_space();
        const char c = peek();
        Open& top = open_.back();
        if (c == ',') {
          ++at_;
          if (top.object) FK_CHECK(key(top));
          break;
        }
        if (c != (top.object ? '}' : ']')) return not_json(at_);
        ++at_;
        open_.pop_back();
      }
    }
  }

  // True if it opened an array or object that is not empty.
  Result<bool> begin_value() {
    if (++values_ > limits_.max_values) {
      return make_problem(Errc::kTooLarge, "json-too-large", "the JSON text has too many values",
                          "send less in one call");
    }
    const char c = peek();
    if (c == '{' || c == '[') {
      if (open_.size() >= limits_.max_depth) {
        return make_problem(Errc::kMalformed, "json-too-deep", "the JSON text is nested too deeply",
                            "send at most " + std::to_string(limits_.max_depth) + " levels");
      }
      ++at_;
      skip_space();
      if (peek() == (c == '{' ? '}' : ']')) {
        ++at_;
        return false;
      }
      open_.push_back({c == '{', {}});
      if (c == '{') FK_CHECK(key(open_.back()));
      return true;
    }
    if (c == '"') {
      FK_CHECK(string());
    } else if (c == '-' || is_digit(c)) {
      FK_CHECK(number());
    } else {
      FK_CHECK(literal());
    }
    return false;
  }

  Status key(Open& object) {
    skip_space();
    const std::size_t start = at_;
    if (peek() != '"') return not_json(at_);
    FK_CHECK(string());
    FK_TRY(Json name, parse_json(t_.substr(start, at_ - start)));
    skip_space();
    if (peek() != ':') return not_json(at_);
    ++at_;
    if (!object.keys.insert(name.get<std::string>()).second) {
      return make_problem(Errc::kMalformed, "duplicate-key", "an object has the same key twice",
                          "send each field once");
    }
    return {};
  }

  Status literal() {
    for (const std::string_view word : {"true", "false", "null"}) {
      if (t_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return {};
      }
    }
    return not_json(at_);
  }

  Status digits() {
    if (!is_digit(peek())) return not_json(at_);
    while (is_digit(peek())) ++at_;
    return {};
  }

  Status number() {
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else {
      FK_CHECK(digits());
    }
    if (peek() == '.') {
      ++at_;
      FK_CHECK(digits());
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      FK_CHECK(digits());
    }
    return {};
  }

  // Four hexadecimal digits after "\u", or -1.
  int hex4() {
    if (t_.size() - at_ < 4) return -1;
    int v = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = t_[at_];
      const int digit = is_digit(c)              ? c - '0'
                        : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                        : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                                 : -1;
      if (digit < 0) return -1;
      v = v * 16 + digit;
    }
    return v;
  }

  Status escape() {
    ++at_;  // the backslash
    const char c = peek();
    if (c != 'u') {
      if (c == '\0' || std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos) return not_json(at_);
      ++at_;
      return {};
    }
    ++at_;
    const int first = hex4();
    if (first < 0 || (first >= 0xDC00 && first <= 0xDFFF)) return not_json(at_);
    if (first < 0xD800 || first > 0xDBFF) return {};
    if (!t_.substr(at_).starts_with("\\u")) return not_json(at_);
    at_ += 2;
    const int second = hex4();
    if (second < 0xDC00 || second > 0xDFFF) return not_json(at_);
    return {};
  }

  Status string() {
    ++at_;
    while (at_ < t_.size()) {
      const char c = t_[at_];
      if (c == '"') {
        ++at_;
        return {};
      }
      if (static_cast<unsigned char>(c) < 0x20) return not_json(at_);
      if (c == '\\') {
        FK_CHECK(escape());
      } else {
        ++at_;
      }
    }
    return not_json(at_);
  }

  std::string_view t_;
  JsonLimits limits_;
  std::size_t at_ = 0;
  std::size_t values_ = 0;
  std::vector<Open> open_;
};

Result<JsonView> check_json(std::string_view text, const JsonLimits& limits) {
  return JsonChecker(text, limits).run();
}

JsonView::Kind JsonView::kind() const {
  switch (text_.front()) {
    case '{': return Kind::kObject;
    case '[': return Kind::kArray;
    case '"': return Kind::kString;
    case 't':
    case 'f':
    case 'n': return Kind::kLiteral;
    default: return Kind::kNumber;
  }
}

namespace {

// The end of the value that begins at `at`, in a text that was checked: only quotes and brackets count.
std::size_t end_of_value(std::string_view t, std::size_t at) {
  std::size_t depth = 0;
  bool quoted = false;
  for (; at < t.size(); ++at) {
    const char c = t[at];
    if (quoted) {
      if (c == '\\') {
        ++at;
      } else if (c == '"') {
        quoted = false;
        if (depth == 0) return at + 1;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      if (depth == 0) return at;  // the container's own end, behind a number or literal
      if (--depth == 0) return at + 1;
    } else if (depth == 0 && (c == ',' || is_space(c))) {
      return at;
    }
  }
  return t.size();
}

std::size_t skip_to(std::string_view t, std::size_t at) {
  while (at < t.size() && (is_space(t[at]) || t[at] == ',' || t[at] == ':')) ++at;
  return at;
}

}  // namespace

std::vector<JsonMember> members(const JsonView& object) {
  std::vector<JsonMember> out;
  const std::string_view t = object.text();
  for (std::size_t at = skip_to(t, 1); at < t.size() && t[at] != '}'; at = skip_to(t, at)) {
    const std::size_t key_end = end_of_value(t, at);
    auto key = parse_json(t.substr(at, key_end - at));
    at = skip_to(t, key_end);
    const std::size_t end = end_of_value(t, at);
    out.push_back(
        {key && key->is_string() ? key->get<std::string>() : std::string(), JsonView(t.substr(at, end - at))});
    at = end;
  }
  return out;
}

std::vector<JsonView> elements(const JsonView& array) {
  std::vector<JsonView> out;
  const std::string_view t = array.text();
  for (std::size_t at = skip_to(t, 1); at < t.size() && t[at] != ']'; at = skip_to(t, at)) {
    const std::size_t end = end_of_value(t, at);
    out.push_back(JsonView(t.substr(at, end - at)));
    at = end;
  }
  return out;
}

}  // namespace facekeep::api
