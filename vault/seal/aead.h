// AES-256-GCM (NIST SP 800-38D) with 96-bit random nonces, and keys that count.
//
// A random 96-bit nonce may repeat, and a repeat under one key is fatal to GCM. So every key counts
// its encryptions and refuses the 2^31st: the chance of a repeat stays below 2^-34. The count of a
// stored key is the ledger's to remember; it is given when the key is made.
//
// Errors: kExhausted (the key has made its last encryption), kCrypto (the bytes do not open under
// this key and associated data; says nothing more), kMalformed (too short to be sealed bytes).
// Everything here is thread safe.
#pragma once

#include <atomic>
#include <cstdint>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::seal {

inline constexpr std::size_t kKeySize = 32;
inline constexpr std::size_t kNonceSize = 12;
inline constexpr std::size_t kTagSize = 16;
inline constexpr std::size_t kSealOverhead = kNonceSize + kTagSize;  // sealed size - plain size
inline constexpr std::uint64_t kEncryptionLimit = std::uint64_t{1} << 31;
inline constexpr std::size_t kMaxPlaintext = std::size_t{64} << 20;

// Counts encryptions; the `limit`-th and every later one is refused.
class UseCounter {
 public:
  explicit UseCounter(std::uint64_t used, std::uint64_t limit) noexcept : used_(used), limit_(limit) {}
  UseCounter(UseCounter&& other) noexcept;  // not during take()
  UseCounter& operator=(UseCounter&& other) noexcept;
  UseCounter(const UseCounter&) = delete;
  UseCounter& operator=(const UseCounter&) = delete;

  // Takes one use, or kExhausted. A use that was taken is never given back.
  Status take() noexcept;
  [[nodiscard]] std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> used_;
  std::uint64_t limit_;
};

// A 256-bit key. Moves (not while another thread uses it); cleansed at its end.
class AeadKey {
 public:
  // `key` must have 32 bytes (kInvalidArgument). `used`: encryptions that this key made before.
  static Result<AeadKey> create(SecretBytes key, std::uint64_t used = 0, std::uint64_t limit = kEncryptionLimit);
  static AeadKey generate();

  // nonce || ciphertext || tag: plaintext.size() + kSealOverhead bytes. Counts one use.
  Result<Bytes> seal(ByteView aad, ByteView plaintext);
  // The same into `out`, which must have exactly that size and not overlap the plaintext.
  Status seal_into(ByteView aad, ByteView plaintext, MutableByteView out);

  // Opens what seal() returned. On failure nothing of the plaintext remains in `out`.
  [[nodiscard]] Result<SecretBytes> open(ByteView aad, ByteView sealed) const;
  // `out` must have sealed.size() - kSealOverhead bytes and not overlap `sealed`.
  Status open_into(ByteView aad, ByteView sealed, MutableByteView out) const;

  [[nodiscard]] std::uint64_t used() const noexcept { return counter_.used(); }
  // For wrapping this key under another one, nothing else.
  [[nodiscard]] ByteView bytes() const noexcept { return key_.view(); }

 private:
  AeadKey(SecretBytes key, std::uint64_t used, std::uint64_t limit) : key_(std::move(key)), counter_(used, limit) {}
  SecretBytes key_;
  UseCounter counter_;
};

// The bare cipher, for HPKE's nonce sequence (RFC 9180). `key` has 16 or 32 bytes, `nonce` 12, and
// `out` plaintext.size() + kTagSize (seal) or ciphertext.size() - kTagSize (open) bytes. A caller
// must never use a nonce twice under one key: use AeadKey.
Status gcm_seal(ByteView key, ByteView nonce, ByteView aad, ByteView plaintext, MutableByteView out);
Status gcm_open(ByteView key, ByteView nonce, ByteView aad, ByteView ciphertext, MutableByteView out);

}  // namespace facekeep::seal
