#include "vault/seal/hpke.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "vault/base/digest.h"
#include "vault/seal/aead.h"

namespace facekeep::seal {
namespace {

struct PkeyFree {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
};
struct PkeyCtxFree {
  void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
};
using Pkey = std::unique_ptr<EVP_PKEY, PkeyFree>;

constexpr std::uint16_t kKemId = 0x0020;  // DHKEM(X25519, HKDF-SHA256)
constexpr std::uint16_t kKdfId = 0x0001;  // HKDF-SHA256

Bytes kem_suite() {
  Bytes id = to_bytes("KEM");
  append_be16(id, kKemId);
  return id;
}

Bytes hpke_suite(HpkeAead aead) {
  Bytes id = to_bytes("HPKE");
  append_be16(id, kKemId);
  append_be16(id, kKdfId);
  append_be16(id, static_cast<std::uint16_t>(aead));
  return id;
}

SecretBytes to_secret(Digest&& digest) {
  SecretBytes out = SecretBytes::copy_of(digest);
  cleanse(MutableByteView(digest));
  return out;
}

// RFC 9180 section 4. An absent salt is HashLen zero bytes, which HMAC pads an empty key to anyway
// (and which OpenSSL takes, unlike an empty key).
SecretBytes labeled_extract(ByteView suite, ByteView salt, std::string_view label, ByteView ikm) {
  static constexpr Digest kNoSalt{};
  return to_secret(
      hmac_sha256(salt.empty() ? ByteView(kNoSalt) : salt, {as_bytes("HPKE-v1"), suite, as_bytes(label), ikm}));
}

// At most one hash block, which is all that these suites ever ask for.
SecretBytes labeled_expand(ByteView suite, ByteView prk, std::string_view label, ByteView info, std::size_t size) {
  if (size > sizeof(Digest)) std::abort();
  Bytes length;
  append_be16(length, static_cast<std::uint16_t>(size));
  const std::uint8_t counter = 1;
  SecretBytes out =
      to_secret(hmac_sha256(prk, {length, as_bytes("HPKE-v1"), suite, as_bytes(label), info, ByteView(&counter, 1)}));
  out.shrink(size);
  return out;
}

Result<SecretBytes> x25519(ByteView private_key, const X25519Public& peer) {
  if (private_key.size() != kX25519Size) return make_error(Errc::kInvalidArgument, "an X25519 key has 32 bytes");
  const Pkey own(EVP_PKEY_new_raw_private_key_ex(nullptr, "X25519", nullptr, private_key.data(), private_key.size()));
  const Pkey other(EVP_PKEY_new_raw_public_key_ex(nullptr, "X25519", nullptr, peer.data(), peer.size()));
  if (!own || !other) return make_error(Errc::kCrypto, "OpenSSL refused an X25519 key");
  const std::unique_ptr<EVP_PKEY_CTX, PkeyCtxFree> ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
  SecretBytes shared(kX25519Size);
  std::size_t size = shared.size();
  const bool ok = ctx != nullptr && EVP_PKEY_derive_init(ctx.get()) == 1 &&
                  EVP_PKEY_derive_set_peer(ctx.get(), other.get()) == 1 &&
                  EVP_PKEY_derive(ctx.get(), shared.data(), &size) == 1 && size == kX25519Size;
  // RFC 9180 section 7.1.4: an all-zero result aborts. OpenSSL refuses it too; this is the promise.
  static constexpr X25519Public kZero{};
  if (!ok || constant_time_equal(shared.view(), kZero)) {
    return make_error(Errc::kCrypto, "the X25519 public key is of low order or was refused");
  }
  return shared;
}

// ExtractAndExpand of DHKEM (RFC 9180 section 4.1).
Result<SecretBytes> kem_shared_secret(ByteView private_key, const X25519Public& peer, const X25519Public& enc,
                                      const X25519Public& recipient) {
  FK_TRY(const SecretBytes dh, x25519(private_key, peer));
  const Bytes suite = kem_suite();
  const SecretBytes prk = labeled_extract(suite, {}, "eae_prk", dh.view());
  return labeled_expand(suite, prk.view(), "shared_secret", concat(enc, recipient), 32);
}

}  // namespace

HpkeKeyPair generate_hpke_key_pair() {
  HpkeKeyPair pair{random_secret(kX25519Size), {}};
  auto pub = x25519_public(pair.private_key.view());
  if (!pub) std::abort();  // 32 bytes are always a private key: OpenSSL is broken
  pair.public_key = *pub;
  return pair;
}

Result<HpkeKeyPair> derive_hpke_key_pair(ByteView ikm) {
  if (ikm.size() < kX25519Size) return make_error(Errc::kInvalidArgument, "key material has fewer than 32 bytes");
  const Bytes suite = kem_suite();
  const SecretBytes prk = labeled_extract(suite, {}, "dkp_prk", ikm);
  HpkeKeyPair pair{labeled_expand(suite, prk.view(), "sk", {}, kX25519Size), {}};
  FK_TRY(pair.public_key, x25519_public(pair.private_key.view()));
  return pair;
}

Result<X25519Public> x25519_public(ByteView private_key) {
  if (private_key.size() != kX25519Size) return make_error(Errc::kInvalidArgument, "an X25519 key has 32 bytes");
  const Pkey key(EVP_PKEY_new_raw_private_key_ex(nullptr, "X25519", nullptr, private_key.data(), private_key.size()));
  X25519Public out{};
  std::size_t size = out.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), out.data(), &size) != 1 || size != out.size()) {
    return make_error(Errc::kCrypto, "OpenSSL refused an X25519 key");
  }
  return out;
}

namespace internal {

HpkeContext HpkeContext::derive(ByteView shared_secret, ByteView info, HpkeAead aead) {
  const Bytes suite = hpke_suite(aead);
  const SecretBytes psk_id_hash = labeled_extract(suite, {}, "psk_id_hash", {});
  const SecretBytes info_hash = labeled_extract(suite, {}, "info_hash", info);
  const std::uint8_t mode = 0;  // base
  const Bytes schedule = concat(ByteView(&mode, 1), psk_id_hash.view(), info_hash.view());
  const SecretBytes secret = labeled_extract(suite, shared_secret, "secret", {});
  HpkeContext out;
  out.key_ = labeled_expand(suite, secret.view(), "key", schedule, aead == HpkeAead::kAes256Gcm ? 32 : 16);
  out.base_nonce_ = labeled_expand(suite, secret.view(), "base_nonce", schedule, kNonceSize);
  return out;
}

Result<std::array<std::uint8_t, 12>> HpkeContext::nonce() const {
  if (sequence_ >= kEncryptionLimit) return make_error(Errc::kExhausted, "an HPKE context has sealed its last message");
  std::array<std::uint8_t, 12> out{};
  std::copy(base_nonce_.view().begin(), base_nonce_.view().end(), out.begin());
  for (std::size_t i = 0; i < 8; ++i) out[11 - i] ^= static_cast<std::uint8_t>(sequence_ >> (8 * i));
  return out;
}

}  // namespace internal

Result<HpkeSender> HpkeSender::create(const X25519Public& recipient, ByteView info, HpkeAead aead) {
  return create_deterministic(recipient, info, aead, generate_hpke_key_pair());
}

Result<HpkeSender> HpkeSender::create_deterministic(const X25519Public& recipient, ByteView info, HpkeAead aead,
                                                    const HpkeKeyPair& ephemeral) {
  FK_TRY(const SecretBytes secret,
         kem_shared_secret(ephemeral.private_key.view(), recipient, ephemeral.public_key, recipient));
  return HpkeSender(internal::HpkeContext::derive(secret.view(), info, aead), ephemeral.public_key);
}

Result<Bytes> HpkeSender::seal(ByteView aad, ByteView plaintext) {
  FK_TRY(const auto nonce, context_.nonce());
  Bytes out(plaintext.size() + kTagSize);
  FK_CHECK(gcm_seal(context_.key(), nonce, aad, plaintext, out));
  context_.advance();
  return out;
}

Result<HpkeRecipient> HpkeRecipient::create(const X25519Public& enc, ByteView private_key, ByteView info,
                                            HpkeAead aead) {
  FK_TRY(const X25519Public own, x25519_public(private_key));
  FK_TRY(const SecretBytes secret, kem_shared_secret(private_key, enc, enc, own));
  return HpkeRecipient(internal::HpkeContext::derive(secret.view(), info, aead));
}

Result<SecretBytes> HpkeRecipient::open(ByteView aad, ByteView ciphertext) {
  if (ciphertext.size() < kTagSize) return make_error(Errc::kMalformed, "sealed bytes are too short");
  FK_TRY(const auto nonce, context_.nonce());
  SecretBytes out(ciphertext.size() - kTagSize);
  FK_CHECK(gcm_open(context_.key(), nonce, aad, ciphertext, out.mutable_view()));
  context_.advance();
  return out;
}

Result<Bytes> hpke_seal(const X25519Public& recipient, ByteView info, ByteView aad, ByteView plaintext) {
  FK_TRY(HpkeSender sender, HpkeSender::create(recipient, info));
  FK_TRY(const Bytes ciphertext, sender.seal(aad, plaintext));
  return concat(sender.enc(), ciphertext);
}

Result<SecretBytes> hpke_open(ByteView private_key, ByteView info, ByteView aad, ByteView sealed) {
  if (sealed.size() < kHpkeOverhead) return make_error(Errc::kMalformed, "sealed bytes are too short");
  X25519Public enc{};
  std::copy_n(sealed.begin(), enc.size(), enc.begin());
  FK_TRY(HpkeRecipient recipient, HpkeRecipient::create(enc, private_key, info));
  return recipient.open(aad, sealed.subspan(enc.size()));
}

}  // namespace facekeep::seal
