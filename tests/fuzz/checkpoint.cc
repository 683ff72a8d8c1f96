// tlog-checkpoint: what is accepted is written out again byte for byte; our own form is part of the tolerant one.
#include "vault/log/checkpoint.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  const auto tolerant = log::parse_checkpoint_text(text, log::Extensions::kTolerate);
  const auto strict = log::parse_checkpoint_text(text);
  FUZZ_CHECK(!strict || tolerant);
  if (tolerant) {
    const auto again = log::format_checkpoint_text(*tolerant);
    FUZZ_CHECK(again && *again == text);
  }
  const auto number = log::parse_decimal_u64(text);
  if (number) FUZZ_CHECK(std::to_string(*number) == text);
  return 0;
}
