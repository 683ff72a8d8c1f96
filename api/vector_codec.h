// Probes and templates as they come in JSON: an array of numbers, or base64 (RFC 4648 section 4) of
// little-endian IEEE 754 binary32.
//
// The values are biometric: they go from the request's cleansed buffer straight into the vector, no
// error quotes one, and a vector that does not reach the caller is overwritten.
#pragma once

#include <vector>

#include "api/json_view.h"
#include "vault/vector_problem.h"

namespace facekeep::api {

// Overwrites its vector at the end of its life; what the caller moves out is the caller's.
struct ScopedVector {
  std::vector<float> values;
  ScopedVector() = default;
  explicit ScopedVector(std::vector<float>&& v) noexcept : values(std::move(v)) {}
  ~ScopedVector() { cleanse_values(values); }
  ScopedVector(ScopedVector&&) noexcept = default;
  ScopedVector& operator=(ScopedVector&&) = delete;
  ScopedVector(const ScopedVector&) = delete;
  ScopedVector& operator=(const ScopedVector&) = delete;
};

// At most 1,024 values, all finite, not all zero, of any norm that the engine takes (match/vector.h). Whether
// the dimension is the model's is the service's to say. Each number is rounded once, from its decimal
// text to the nearest float32. Problems: "wrong-dimension" (none, over 1,024, or a part of a value),
// "bad-base64", "not-a-number", "infinite", "zero-vector", "norm-out-of-range", "wrong-type".
Result<ScopedVector> decode_vector(const JsonView& value);

// The same, or a text with two dots: a camera's JWS (vault/probe/jws.h), which the service reads. Views the request.
// Problems: also "bad-jws" (the JSON serialisation of RFC 7515, or escapes in the compact one).
struct ProbeInput {
  ScopedVector vector;  // empty with a JWS
  std::string_view jws;
};
Result<ProbeInput> decode_probe(const JsonView& value);

}  // namespace facekeep::api
