// Probes and templates in JSON: what is accepted has finite values and a documented number of them.
#include "api/vector_codec.h"

#include <cmath>

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto view = api::check_json(fuzz::text(data, size));
  if (!view) return 0;
  const auto probe = api::decode_probe(*view);
  const auto vector = api::decode_vector(*view);
  // A JWS is no vector, and what is no JWS is read alike.
  FUZZ_CHECK(!probe || (probe->jws.empty() ? vector && vector->values.size() == probe->vector.values.size() : !vector));
  if (!vector) {
    FUZZ_CHECK(vector.error().problem != nullptr);
    return 0;
  }
  FUZZ_CHECK(!vector->values.empty() && vector->values.size() <= 1024);
  bool any = false;
  for (const float v : vector->values) {
    FUZZ_CHECK(std::isfinite(v));
    any = any || v != 0;
  }
  FUZZ_CHECK(any);
  return 0;
}
