// JWS compact serialisation (RFC 7515, section 7.1), the part of it that a camera needs: one signature, ES256 (RFC
// 7518, section 3.4) or EdDSA with Ed25519 (RFC 8037, section 3.1), three header parameters.
//
// The algorithm is the registered key's. The header has to name it, and can't choose it (RFC 8725, section 3.1). The
// payload is biometric: it is decoded into secret memory, behind the signature's check, and no error quotes a part of
// the text. Pure and thread safe; parsing is total.
#pragma once

#include <openssl/types.h>

#include <array>
#include <string>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/secret_bytes.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::probe {

inline constexpr std::size_t kMaxJwsHeader = 256;        // bytes, decoded
inline constexpr std::size_t kMaxJwsPayload = 6144;      // bytes, decoded: 1,024 values and their names (claims.h)
inline constexpr std::size_t kJwsSignature = 64;         // bytes, decoded: r || s, or Ed25519's
inline constexpr std::size_t kMaxJws = 342 + 8192 + 88;  // characters: the three in base64url, and two dots
inline constexpr std::string_view kJwsType = "facekeep-probe";  // of `typ`, if it is there

// A compact text in its parts. Nothing is verified by parsing. Views the text.
struct Jws {
  std::string alg;
  std::string kid;
  std::string_view signing_input;  // ASCII(header || '.' || payload)
  std::string_view payload;        // base64url
  std::array<std::uint8_t, kJwsSignature> signature{};
};

// True of every text that parse_jws could take, and of no JSON array or base64.
bool looks_like_jws(std::string_view text);

// kTooLarge, kMalformed ("bad-jws"): not three parts of strict base64url without padding (RFC 7515, section 2), a
// header that is no JSON object of `alg` and `kid` (and `typ`, facekeep-probe) or has any other parameter, `crit` too;
// a signature that is not 64 bytes.
Result<Jws> parse_jws(std::string_view text);

// The payload, if the signature by `key` holds and `alg` is the key's. kCrypto ("bad-probe-signature"), kMalformed
// ("bad-jws").
Result<SecretBytes> open_jws(const Jws& jws, const ledger::SshPublicKey& key);

// The compact text, by an Ed25519 or P-256 key. kInvalidArgument, kTooLarge.
Result<SecretBytes> sign_jws(EVP_PKEY* key, std::string_view kid, ByteView payload);

}  // namespace facekeep::probe
