// tlog-proof receipts: what is accepted is written out again and means the same.
#include "tests/fuzz/fuzz.h"
#include "vault/log/proof.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto receipt = log::parse_receipt(fuzz::text(data, size));
  if (receipt) {
    const auto text = log::format_receipt(*receipt);
    FUZZ_CHECK(text);
    const auto again = log::parse_receipt(*text);
    FUZZ_CHECK(again && again->index == receipt->index && again->hashes == receipt->hashes);
    FUZZ_CHECK(again->extra == receipt->extra && again->checkpoint == receipt->checkpoint);
  }
  return 0;
}
