// The spare token: an RSA pair kept in a safe; the vault keeps its public key alone.
//
// Wrapping to it is done in software, in the blob format of mechanism 2 (hsm/wrapped_blob.h), so that
// the spare token's own C_Decrypt opens it at a recovery.
#pragma once

#include "hsm/keys.h"

namespace facekeep::hsm {

// What the ceremony records of a spare key.
struct SpareKey {
  RsaPublicKey public_key;
  Digest fingerprint;  // SHA-256 of the SubjectPublicKeyInfo, to read aloud
};

// From a PEM SubjectPublicKeyInfo that another machine exported. RSA of at least 2048 bits.
Result<SpareKey> import_spare(std::string_view pem);

struct ProvisionedSpare {
  SpareKey key;
  KeyEvidence evidence;
};
// Makes the pair in the spare token. kAlreadyExists if the vault has one of this epoch there.
Result<ProvisionedSpare> provision_spare(SessionPool& spare_token, const Id128& vault, std::uint32_t epoch);

// A blob for the spare token. `secret`: 1 to 64 bytes.
Result<Bytes> wrap_to_spare(const SpareKey& spare, std::uint32_t epoch, ByteView secret, ByteView context);
// Opens it in the spare token, with whichever of its RSA keys does: the pair may have been made by any tool and under
// any name, and one that was replaced still opens what was wrapped to it. kCrypto as Custody::unwrap; kNotFound if the
// token has no RSA key.
Result<SecretBytes> unwrap_with_spare(SessionPool& spare_token, std::uint32_t epoch, ByteView blob, ByteView context);
// True if one of its RSA private keys has this fingerprint.
Result<bool> has_spare_key(SessionPool& spare_token, const Digest& fingerprint);

}  // namespace facekeep::hsm
