// OpenSSH public keys, as lines and as blobs: what is accepted is written out the same.
#include "tests/fuzz/fuzz.h"
#include "vault/ledger/sshsig.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const auto key = ledger::parse_ssh_key_blob(bytes);
  if (key) FUZZ_CHECK(ledger::ssh_key_blob(*key) == to_bytes(bytes));
  const auto line = ledger::parse_public_key_line(fuzz::text(data, size));
  if (line) {
    const auto again = ledger::parse_public_key_line(ledger::format_ssh_key_line(line->key, line->comment));
    FUZZ_CHECK(again && again->key == line->key);
  }
  return 0;
}
