// The strict reading of one object of a request: every field is asked for by name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json_view.h"

namespace facekeep::api {

// The fields of one object, each asked for by name; finish() refuses the rest. The first failure
// sticks. Problems: "missing-field", "unknown-field", "wrong-type". `what` names the object in errors ("the request
// body").
class Fields {
 public:
  Fields(const JsonView& object, std::string what);

  // The value, or nothing (and a failure, unless optional).
  std::optional<JsonView> take(std::string_view key);
  std::optional<JsonView> take_optional(std::string_view key);
  // A string of at most max_bytes; empty with a failure otherwise.
  std::string text(std::string_view key, std::size_t max_bytes = 256);

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  void fail(Error error);
  Status finish();

 private:
  std::vector<JsonMember> members_;
  std::vector<bool> taken_;  // one a member
  std::string what_;
  std::optional<Error> error_;
};

}  // namespace facekeep::api
