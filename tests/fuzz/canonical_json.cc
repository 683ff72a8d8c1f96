// RFC 8785: a value has one text, and the canonical reader accepts that text and no other.
#include "tests/fuzz/fuzz.h"
#include "vault/base/json.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = facekeep::fuzz::text(data, size);
  const auto strict = facekeep::parse_canonical_json(input);
  if (strict) {
    const auto text = facekeep::canonical_json(*strict);
    FUZZ_CHECK(text);
    FUZZ_CHECK(*text == input);
  }
  const auto loose = facekeep::parse_json(input);
  FUZZ_CHECK(!strict || loose);
  if (!loose) return 0;
  const auto text = facekeep::canonical_json(*loose);
  if (text) {
    const auto again = facekeep::parse_canonical_json(*text);
    FUZZ_CHECK(again);
    FUZZ_CHECK(*again == *loose);
  }
  return 0;
}
