// Log entries: an event or a leaf that is accepted is written out again byte for byte.
#include "vault/ledger/event.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  const auto event = ledger::decode_event(text);
  if (event) {
    const auto again = ledger::encode_event(*event);
    FUZZ_CHECK(again && *again == text);
  }
  const auto leaf = ledger::decode_leaf(text);
  if (leaf) {
    if (const auto* hidden = std::get_if<ledger::PrivateLeaf>(&*leaf)) {
      FUZZ_CHECK(ledger::private_leaf(hidden->event_class, hidden->commitment) == text);
    }
  }
  return 0;
}
