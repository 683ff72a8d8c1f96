// The wrapped blob: what a token key made of a secret, in a form that names how.
//
//   offset  size  field
//   0       4     "FKW1"
//   4       1     mechanism: 1 AES-256-GCM, 2 RSA-OAEP-SHA1-MGF1 with a bound context
//   5       4     epoch of the wrapping key, big-endian
//   9       1     n, the length of the IV: 12 for mechanism 1, 0 for mechanism 2
//   10      n     the IV that the token used (it may have chosen its own)
//   10+n    rest  mechanism 1: ciphertext || 16-byte tag; mechanism 2: one RSA block
//
// The first ten bytes are the header. What binds header and context to the secret:
//   mechanism 1: AAD = header || context. The IV is not in it, because a token may choose the IV after
//     the AAD is given; GCM authenticates the IV by itself (NIST SP 800-38D).
//   mechanism 2: plaintext = SHA-256(header || context) || secret; the digest is compared in constant
//     time after decryption. OAEP (RFC 8017 section 7.1) with SHA-1, MGF1-SHA-1 and an empty label,
//     which is what every token offers; its label could carry the context, but many refuse one. SHA-1
//     needs no collision resistance here.
// `context` is the caller's, of any length, and comes last: nothing after it could be confused with it.
//
// Pure: no I/O, no token. parse_blob is total: any bytes give a blob or kMalformed.
#pragma once

#include <cstdint>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::hsm {

enum class WrapMechanism : std::uint8_t { kAesGcm = 1, kRsaOaep = 2 };

inline constexpr std::size_t kBlobHeaderSize = 10;
inline constexpr std::size_t kGcmIvSize = 12;
inline constexpr std::size_t kGcmTagSize = 16;
inline constexpr std::size_t kMaxWrappedSecret = 64;  // bytes that a wrap takes (vault/seal/custody.h)
inline constexpr std::size_t kMaxRsaBlock = 1024;     // RSA-8192

struct WrappedBlob {
  WrapMechanism mechanism = WrapMechanism::kAesGcm;
  std::uint32_t epoch = 0;
  Bytes iv;
  Bytes ciphertext;
};

// The first ten bytes of a blob of this mechanism and epoch.
Bytes blob_header(WrapMechanism mechanism, std::uint32_t epoch);
Bytes format_blob(const WrappedBlob& blob);
// Refuses unknown magic or mechanisms, an IV of another length, ciphertexts outside
// [tag, tag + 64] (mechanism 1) or [256, 1024] (mechanism 2).
Result<WrappedBlob> parse_blob(ByteView bytes);

}  // namespace facekeep::hsm
