// Hexadecimal: what is accepted has exactly one text.
#include "tests/fuzz/fuzz.h"
#include "vault/base/bytes.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = facekeep::fuzz::text(data, size);
  const auto bytes = facekeep::from_hex(input);
  if (bytes) FUZZ_CHECK(facekeep::to_hex(*bytes) == input);
  const auto id = facekeep::from_hex_exact<16>(input);
  FUZZ_CHECK(id.has_value() == (bytes && bytes->size() == 16));
  return 0;
}
