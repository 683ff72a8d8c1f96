// SSHSIG blobs and their armour: a blob that is armoured comes back, and verifying a strange signature is total.
#include "vault/ledger/sshsig.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  (void)ledger::parse_sshsig(ByteView(data, size));
  const auto blob = ledger::dearmor_sshsig(text);
  const auto signature = ledger::parse_armored_sshsig(text);
  FUZZ_CHECK(!signature || blob);
  if (blob) {
    const auto again = ledger::dearmor_sshsig(ledger::armor_sshsig(*blob));
    FUZZ_CHECK(again && *again == *blob);
  }
  if (signature) {
    // The signer is in the signature; the message is not this one.
    FUZZ_CHECK(!ledger::verify_sshsig(*signature, signature->key, signature->ns, as_bytes("not what was signed")));
  }
  return 0;
}
