// HPKE, base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-GCM.
//
// OpenSSL 3.0 has the parts and not the whole. facekeep seals with AES-256-GCM alone;
// AES-128-GCM is there because the published vectors have it. Base mode does not authenticate the
// sender: whoever opens something that must come from the vault checks it otherwise
// (vault/seal/site_key.h).
//
// Errors: kCrypto (does not open; or the peer's public key gives an all-zero shared secret, RFC
// 9180 section 7.1.4), kMalformed (too short), kExhausted (2^31 messages in one context).
#pragma once

#include <array>
#include <cstdint>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::seal {

inline constexpr std::size_t kX25519Size = 32;
inline constexpr std::size_t kHpkeOverhead = 48;  // enc (32) and tag (16)
using X25519Public = std::array<std::uint8_t, kX25519Size>;

enum class HpkeAead : std::uint16_t { kAes128Gcm = 1, kAes256Gcm = 2 };  // RFC 9180 section 7.3

struct HpkeKeyPair {
  SecretBytes private_key;  // 32 bytes
  X25519Public public_key{};
};

HpkeKeyPair generate_hpke_key_pair();
// DeriveKeyPair (RFC 9180 section 7.1.3). `ikm` at least 32 bytes of entropy (kInvalidArgument).
Result<HpkeKeyPair> derive_hpke_key_pair(ByteView ikm);
// The public half. kInvalidArgument unless `private_key` has 32 bytes.
Result<X25519Public> x25519_public(ByteView private_key);

namespace internal {
// Key schedule and nonce sequence that both sides share (RFC 9180 sections 5.1 and 5.2).
class HpkeContext {
 public:
  static HpkeContext derive(ByteView shared_secret, ByteView info, HpkeAead aead);
  [[nodiscard]] ByteView key() const { return key_.view(); }
  // The nonce of the next message.
  [[nodiscard]] Result<std::array<std::uint8_t, 12>> nonce() const;
  void advance() { ++sequence_; }

 private:
  SecretBytes key_;
  SecretBytes base_nonce_;
  std::uint64_t sequence_ = 0;
};
}  // namespace internal

// Not thread safe. Messages must be opened in the order in which they were sealed.
class HpkeSender {
 public:
  static Result<HpkeSender> create(const X25519Public& recipient, ByteView info, HpkeAead aead = HpkeAead::kAes256Gcm);
  // With a given ephemeral key pair. For the vectors: two contexts of one ephemeral key and one
  // info would repeat nonces.
  static Result<HpkeSender> create_deterministic(const X25519Public& recipient, ByteView info, HpkeAead aead,
                                                 const HpkeKeyPair& ephemeral);
  [[nodiscard]] const X25519Public& enc() const { return enc_; }
  Result<Bytes> seal(ByteView aad, ByteView plaintext);

 private:
  HpkeSender(internal::HpkeContext c, const X25519Public& enc) : context_(std::move(c)), enc_(enc) {}
  internal::HpkeContext context_;
  X25519Public enc_;
};

class HpkeRecipient {
 public:
  static Result<HpkeRecipient> create(const X25519Public& enc, ByteView private_key, ByteView info,
                                      HpkeAead aead = HpkeAead::kAes256Gcm);
  // A message that does not open leaves the sequence where it is.
  Result<SecretBytes> open(ByteView aad, ByteView ciphertext);

 private:
  explicit HpkeRecipient(internal::HpkeContext c) : context_(std::move(c)) {}
  internal::HpkeContext context_;
};

// One message: enc || ciphertext || tag, with AES-256-GCM. Thread safe.
Result<Bytes> hpke_seal(const X25519Public& recipient, ByteView info, ByteView aad, ByteView plaintext);
Result<SecretBytes> hpke_open(ByteView private_key, ByteView info, ByteView aad, ByteView sealed);

}  // namespace facekeep::seal
