// A share on its way from a custodian's machine to the daemon: HPKE to the key that the daemon drew at
// this start and logged in its start event (design section 5). Bytes in vault/seal/FORMAT.md.
//
// The words are in no HTTP string, on either side, in clear.
#pragma once

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/seal/hpke.h"
#include "vault/seal/slip39_words.h"

namespace facekeep::seal {

inline constexpr std::size_t kMaxSealedShare = 256;  // bytes; 33 words make 114

// enc || ciphertext || tag over the word indices as u16 big-endian.
Result<Bytes> seal_share(const X25519Public& unseal_to, const Id128& vault, const SecretWords& share);
// kMalformed: not such bytes. kCrypto: sealed to another start of the daemon, or altered.
Result<SecretWords> open_share(const SecretBytes& private_key, const Id128& vault, ByteView sealed);

}  // namespace facekeep::seal
