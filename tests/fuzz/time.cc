// The log's one form of time: what is accepted is written out the same, byte for byte.
#include "tests/fuzz/fuzz.h"
#include "vault/base/clock.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = facekeep::fuzz::text(data, size);
  const auto time = facekeep::parse_time(input);
  if (time) {
    FUZZ_CHECK(facekeep::format_time(*time) == input);
    FUZZ_CHECK(facekeep::format_day(*time) == input.substr(0, 10));
    FUZZ_CHECK(facekeep::format_month(*time) == input.substr(0, 7));
  }
  const auto day = facekeep::parse_day(input);
  if (day) FUZZ_CHECK(facekeep::format_day(*day) == input);
  return 0;
}
