// The body of entry 0: what is accepted is written out again as the same document.
#include "vault/ledger/genesis.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = parse_canonical_json(fuzz::text(data, size));
  if (!json) return 0;
  const auto genesis = ledger::genesis_from_json(*json);
  if (!genesis) return 0;
  FUZZ_CHECK(ledger::check_genesis(*genesis));
  const auto again = canonical_json(ledger::to_json(*genesis));
  FUZZ_CHECK(again && *again == fuzz::text(data, size));
  // Whatever the signatures are: an answer, no crash.
  const Status signatures = ledger::check_genesis_signatures(*genesis);
  FUZZ_CHECK(!signatures || !genesis->signatures.empty());
  return 0;
}
