// Bodies of add-checkpoint: what is accepted is written out again byte for byte.
#include "vault/log/witness_request.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  const auto request = log::parse_witness_request(text);
  if (request) {
    const auto again = log::format_witness_request(*request);
    FUZZ_CHECK(again && *again == text);
  }
  static_cast<void>(log::parse_witness_size(text));
  return 0;
}
