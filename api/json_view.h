// A checked look at a JSON text that stays where it is.
//
// Bodies carry probes and templates. A parser that builds a document copies every token through
// buffers that it does not overwrite, so bodies are checked and cut up in place (in the request's own
// cleansed buffer) and only what is not biometric is handed to parse_json.
//
// Accepts exactly what parse_json() accepts (vault/base/json.h), but for numbers out of a double's
// range, which are left to who reads the number, and a byte order mark, which is refused (RFC 8259,
// section 8.1); tests/unit/api/json_view_test.cc compares the two.
// Pure and total: any bytes give a result or an error. Source: RFC 8259, RFC 3629.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/json.h"

namespace facekeep::api {

struct JsonMember;

// One value of a checked text, without the white space around it. Views the text.
class JsonView {
 public:
  enum class Kind : std::uint8_t { kObject, kArray, kString, kNumber, kLiteral };

  [[nodiscard]] Kind kind() const;
  [[nodiscard]] std::string_view text() const { return text_; }

  // The value as a document. Not for biometric values.
  [[nodiscard]] Result<Json> to_json() const { return parse_json(text_); }
  // Precondition: kString. The text between the quotes, escapes as sent.
  [[nodiscard]] std::string_view raw_string() const { return text_.substr(1, text_.size() - 2); }

 private:
  friend class JsonChecker;
  friend std::vector<JsonView> elements(const JsonView& array);
  friend std::vector<JsonMember> members(const JsonView& object);
  explicit JsonView(std::string_view text) : text_(text) {}
  std::string_view text_;
};

// Checks the whole text. Problems: "not-json", "json-too-deep", "json-too-large" (values), "duplicate-key". No error
// quotes the text.
Result<JsonView> check_json(std::string_view text, const JsonLimits& limits = {});

struct JsonMember {
  std::string key;  // unescaped
  JsonView value;
};
// Precondition: kObject / kArray, out of check_json.
std::vector<JsonMember> members(const JsonView& object);
std::vector<JsonView> elements(const JsonView& array);

}  // namespace facekeep::api
