// Log keys: a chain has one text; a note that somebody else wrote never makes a key but by the key before it.
//
// The input is the text of a chain; or a note, a zero byte and an entry.
#include "vault/log/log_keys.h"

#include "tests/fuzz/fuzz.h"
#include "vault/ledger/event.h"
#include "vault/log/merkle.h"

using namespace facekeep;

namespace {

// The first key of the seeds' log.
const log::VerifierKey& first() {
  static const log::VerifierKey key =
      log::parse_vkey("example.org/made-up-vault+3ae14d33+ARrli2UEoVa026waW5sZxWnz3/gnPshF+xVRvweXz6aS").value();
  return key;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  const auto kept = log::LogKeys::parse(text);
  if (kept) {
    const auto again = log::LogKeys::parse(kept->format());
    FUZZ_CHECK(again && *again == *kept);
    FUZZ_CHECK(kept->key_for(UINT64_MAX)->key == kept->newest());
  }
  const auto note = text.substr(0, text.find('\0'));
  const auto entry = text.substr(std::min(text.size(), note.size() + 1));
  log::LogKeys keys = first();
  const bool handed = keys.hand_over(note, as_bytes(entry), {}).has_value();
  FUZZ_CHECK(keys.handovers() <= (handed ? 1U : 0U));
  const auto opened = log::open_checkpoint(note, keys);
  if (handed) FUZZ_CHECK(opened && opened->size == 1);  // without a proof the entry is the whole tree
  return 0;
}
