// The strict JSON reader: whatever it accepts is accepted again in nlohmann's own output, and means the same.
#include "vault/base/json.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = facekeep::parse_json(facekeep::fuzz::text(data, size));
  if (value) {
    const auto again = facekeep::parse_json(value->dump());
    FUZZ_CHECK(again);
    FUZZ_CHECK(*again == *value);
  }
  return 0;
}
