#include "vault/base/digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <memory>

namespace facekeep {
namespace {

// A broken OpenSSL leaves nothing sensible to answer; see the header.
void require(bool ok) {
  if (!ok) std::abort();
}

struct MdCtxFree {
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
};
struct MacCtxFree {
  void operator()(EVP_MAC_CTX* p) const { EVP_MAC_CTX_free(p); }
};
struct KdfCtxFree {
  void operator()(EVP_KDF_CTX* p) const { EVP_KDF_CTX_free(p); }
};

// Fetched once: EVP_*_fetch takes locks and string look-ups on every call.
EVP_MD* sha256_md() {
  static EVP_MD* md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  require(md != nullptr);
  return md;
}
EVP_MAC* hmac_mac() {
  static EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  require(mac != nullptr);
  return mac;
}
EVP_KDF* hkdf_kdf() {
  static EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  require(kdf != nullptr);
  return kdf;
}

}  // namespace

Digest sha256(std::initializer_list<ByteView> parts) {
  thread_local const std::unique_ptr<EVP_MD_CTX, MdCtxFree> ctx(EVP_MD_CTX_new());
  Digest out{};
  require(ctx != nullptr && EVP_DigestInit_ex(ctx.get(), sha256_md(), nullptr) == 1);
  for (const ByteView p : parts) require(EVP_DigestUpdate(ctx.get(), p.data(), p.size()) == 1);
  require(EVP_DigestFinal_ex(ctx.get(), out.data(), nullptr) == 1);
  return out;
}

Digest hmac_sha256(ByteView key, std::initializer_list<ByteView> parts) {
  const std::unique_ptr<EVP_MAC_CTX, MacCtxFree> ctx(EVP_MAC_CTX_new(hmac_mac()));
  char name[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                               OSSL_PARAM_construct_end()};
  Digest out{};
  std::size_t size = 0;
  require(ctx != nullptr && EVP_MAC_init(ctx.get(), key.data(), key.size(), params) == 1);
  for (const ByteView p : parts) require(EVP_MAC_update(ctx.get(), p.data(), p.size()) == 1);
  require(EVP_MAC_final(ctx.get(), out.data(), &size, out.size()) == 1 && size == out.size());
  return out;
}

SecretBytes hkdf_sha256(ByteView secret, ByteView salt, ByteView info, std::size_t size) {
  const std::unique_ptr<EVP_KDF_CTX, KdfCtxFree> ctx(EVP_KDF_CTX_new(hkdf_kdf()));
  char name[] = "SHA256";
  // OSSL_PARAM wants mutable pointers and does not write through them here.
  auto octets = [](const char* key, ByteView v) {
    static std::uint8_t none = 0;
    return OSSL_PARAM_construct_octet_string(key, v.empty() ? &none : const_cast<std::uint8_t*>(v.data()), v.size());
  };
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0),
                               octets(OSSL_KDF_PARAM_KEY, secret), octets(OSSL_KDF_PARAM_SALT, salt),
                               octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  SecretBytes out(size);
  require(ctx != nullptr && EVP_KDF_derive(ctx.get(), out.data(), out.size(), params) == 1);
  return out;
}

void fill_random(MutableByteView out) {
  require(out.empty() || RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

SecretBytes random_secret(std::size_t size) {
  SecretBytes out(size);
  require(size == 0 || RAND_priv_bytes(out.data(), static_cast<int>(size)) == 1);
  return out;
}

}  // namespace facekeep
