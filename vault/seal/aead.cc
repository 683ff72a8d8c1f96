#include "vault/seal/aead.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

#include "vault/base/digest.h"

namespace facekeep::seal {
namespace {

// A machine whose OpenSSL has no AES-GCM can't run a vault (as vault/base/digest.h).
void require(bool ok) {
  if (!ok) std::abort();
}

// Fetched once: EVP_CIPHER_fetch takes locks and string look-ups on every call.
const EVP_CIPHER* cipher_for(std::size_t key_size) {
  static EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  static EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  require(aes256 != nullptr && aes128 != nullptr);
  return key_size == kKeySize ? aes256 : aes128;
}

struct CtxFree {
  void operator()(EVP_CIPHER_CTX* p) const { EVP_CIPHER_CTX_free(p); }
};

// One context a thread. The reset at the end of each use frees (and so cleanses) the key schedule;
// only the empty shell is kept.
class ScopedCtx {
 public:
  ScopedCtx() : ctx_(shell()) {}
  ~ScopedCtx() { EVP_CIPHER_CTX_reset(ctx_); }
  ScopedCtx(const ScopedCtx&) = delete;
  ScopedCtx& operator=(const ScopedCtx&) = delete;
  EVP_CIPHER_CTX* get() const { return ctx_; }

 private:
  static EVP_CIPHER_CTX* shell() {
    thread_local const std::unique_ptr<EVP_CIPHER_CTX, CtxFree> ctx(EVP_CIPHER_CTX_new());
    require(ctx != nullptr);
    return ctx.get();
  }
  EVP_CIPHER_CTX* ctx_;
};

Status check_sizes(ByteView key, ByteView nonce, ByteView aad, std::size_t text) {
  if ((key.size() != 16 && key.size() != kKeySize) || nonce.size() != kNonceSize) {
    return make_error(Errc::kInternal, "AES-GCM was given a key or nonce of the wrong size");
  }
  if (text > kMaxPlaintext || aad.size() > kMaxPlaintext) {
    return make_error(Errc::kTooLarge, "a sealed piece is limited to 64 MiB");
  }
  return {};
}

Error does_not_open() {
  return make_error(Errc::kCrypto,
                    "sealed bytes do not open: the key, the context or the bytes are not those of the seal");
}

}  // namespace

Status gcm_seal(ByteView key, ByteView nonce, ByteView aad, ByteView plaintext, MutableByteView out) {
  FK_CHECK(check_sizes(key, nonce, aad, plaintext.size()));
  if (out.size() != plaintext.size() + kTagSize)
    return make_error(Errc::kInternal, "AES-GCM output has the wrong size");
  const ScopedCtx ctx;
  int n = 0;
  std::uint8_t final_block[16];
  bool ok = EVP_EncryptInit_ex2(ctx.get(), cipher_for(key.size()), key.data(), nonce.data(), nullptr) == 1;
  if (ok && !aad.empty()) ok = EVP_EncryptUpdate(ctx.get(), nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1;
  if (ok && !plaintext.empty()) {
    ok = EVP_EncryptUpdate(ctx.get(), out.data(), &n, plaintext.data(), static_cast<int>(plaintext.size())) == 1;
  }
  ok = ok && EVP_EncryptFinal_ex(ctx.get(), final_block, &n) == 1 &&
       EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, out.data() + plaintext.size()) == 1;
  if (!ok) return make_error(Errc::kCrypto, "OpenSSL refused an AES-GCM encryption");
  return {};
}

Status gcm_open(ByteView key, ByteView nonce, ByteView aad, ByteView ciphertext, MutableByteView out) {
  if (ciphertext.size() < kTagSize) return make_error(Errc::kMalformed, "sealed bytes are too short");
  const std::size_t size = ciphertext.size() - kTagSize;
  FK_CHECK(check_sizes(key, nonce, aad, size));
  if (out.size() != size) return make_error(Errc::kInternal, "AES-GCM output has the wrong size");
  const ScopedCtx ctx;
  int n = 0;
  std::uint8_t final_block[16];
  // OpenSSL's parameter is not const but only read.
  auto* tag = const_cast<std::uint8_t*>(ciphertext.data() + size);
  bool ok = EVP_DecryptInit_ex2(ctx.get(), cipher_for(key.size()), key.data(), nonce.data(), nullptr) == 1;
  if (ok && !aad.empty()) ok = EVP_DecryptUpdate(ctx.get(), nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1;
  if (ok && size > 0) {
    ok = EVP_DecryptUpdate(ctx.get(), out.data(), &n, ciphertext.data(), static_cast<int>(size)) == 1;
  }
  ok = ok && EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag) == 1 &&
       EVP_DecryptFinal_ex(ctx.get(), final_block, &n) == 1;
  if (!ok) {
    cleanse(out);  // unauthenticated plaintext is nobody's to see
    return does_not_open();
  }
  return {};
}

UseCounter::UseCounter(UseCounter&& other) noexcept : used_(other.used_.load()), limit_(other.limit_) {}

UseCounter& UseCounter::operator=(UseCounter&& other) noexcept {
  used_.store(other.used_.load());
  limit_ = other.limit_;
  return *this;
}

Status UseCounter::take() noexcept {
  std::uint64_t now = used_.load(std::memory_order_relaxed);
  do {
    if (limit_ == 0 || now >= limit_ - 1) {
      return make_error(Errc::kExhausted, "a key has made as many encryptions as are safe", "rotate the key");
    }
  } while (!used_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed));
  return {};
}

Result<AeadKey> AeadKey::create(SecretBytes key, std::uint64_t used, std::uint64_t limit) {
  if (key.size() != kKeySize) return make_error(Errc::kInvalidArgument, "an AES-256 key has 32 bytes");
  return AeadKey(std::move(key), used, limit);
}

AeadKey AeadKey::generate() {
  return {random_secret(kKeySize), 0, kEncryptionLimit};
}

Status AeadKey::seal_into(ByteView aad, ByteView plaintext, MutableByteView out) {
  if (out.size() != plaintext.size() + kSealOverhead) {
    return make_error(Errc::kInternal, "AES-GCM output has the wrong size");
  }
  FK_CHECK(counter_.take());
  const MutableByteView nonce = out.first(kNonceSize);
  fill_random(nonce);
  return gcm_seal(key_.view(), nonce, aad, plaintext, out.subspan(kNonceSize));
}

Result<Bytes> AeadKey::seal(ByteView aad, ByteView plaintext) {
  Bytes out(plaintext.size() + kSealOverhead);
  FK_CHECK(seal_into(aad, plaintext, out));
  return out;
}

Status AeadKey::open_into(ByteView aad, ByteView sealed, MutableByteView out) const {
  if (sealed.size() < kSealOverhead) return make_error(Errc::kMalformed, "sealed bytes are too short");
  return gcm_open(key_.view(), sealed.first(kNonceSize), aad, sealed.subspan(kNonceSize), out);
}

Result<SecretBytes> AeadKey::open(ByteView aad, ByteView sealed) const {
  if (sealed.size() < kSealOverhead) return make_error(Errc::kMalformed, "sealed bytes are too short");
  SecretBytes out(sealed.size() - kSealOverhead);
  FK_CHECK(open_into(aad, sealed, out.mutable_view()));
  return out;
}

}  // namespace facekeep::seal
