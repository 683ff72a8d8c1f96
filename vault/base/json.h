// JSON in and out: a strict reader for what strangers send, and RFC 8785 canonical form for what
// the log keeps.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep {

using Json = nlohmann::json;

struct JsonLimits {
  std::size_t max_depth = 16;       // nesting of arrays and objects
  std::size_t max_values = 100000;  // values in the whole document
};

// Parses one JSON text (RFC 8259). Refuses, beyond bad syntax: duplicate keys, nesting or counts
// over the limits, invalid UTF-8, anything behind the value. Numbers out of range are refused.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

// RFC 8785 (JCS) text. Restricted further, as the log is: integers only (no floats; within
// +-(2^53-1), as I-JSON asks), object keys in printable ASCII (so that byte order is UTF-16 order).
// kInvalidArgument if the value has anything else.
Result<std::string> canonical_json(const Json& value);

// Parses, and refuses any text that is not its own canonical form.
Result<Json> parse_canonical_json(std::string_view text, const JsonLimits& limits = {});

}  // namespace facekeep
