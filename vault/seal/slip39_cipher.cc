// The four-round Feistel cipher of SLIP-0039 (section "Encryption of the master secret"), its round
// function PBKDF2-HMAC-SHA256.
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cstdlib>
#include <memory>

#include "vault/seal/shamir.h"
#include "vault/seal/slip39.h"

namespace facekeep::seal {
namespace {

constexpr std::uint32_t kRounds = 4;
constexpr std::uint32_t kBaseIterations = 10000;

struct KdfCtxFree {
  void operator()(EVP_KDF_CTX* p) const { EVP_KDF_CTX_free(p); }
};

SecretBytes pbkdf2(ByteView password, ByteView salt, std::uint32_t iterations, std::size_t size) {
  static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "PBKDF2", nullptr);
  const std::unique_ptr<EVP_KDF_CTX, KdfCtxFree> ctx(EVP_KDF_CTX_new(kdf));
  char name[] = "SHA256";
  unsigned iter = iterations;
  // Pkcs5 mode: SLIP-0039's salts are shorter than SP 800-132 asks.
  int pkcs5 = 1;
  const auto octets = [](const char* key, ByteView v) {
    return OSSL_PARAM_construct_octet_string(key, const_cast<std::uint8_t*>(v.data()), v.size());
  };
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0),
                               octets(OSSL_KDF_PARAM_PASSWORD, password),
                               octets(OSSL_KDF_PARAM_SALT, salt),
                               OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &iter),
                               OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &pkcs5),
                               OSSL_PARAM_construct_end()};
  SecretBytes out(size);
  // As vault/base/digest.h: a machine that can't derive can't run a vault.
  if (ctx == nullptr || EVP_KDF_derive(ctx.get(), out.data(), out.size(), params) != 1) std::abort();
  return out;
}

Result<SecretBytes> feistel(ByteView in, ByteView passphrase, const ShareMeta& meta, bool encrypt) {
  if (in.size() < kMinSecret || in.size() > kMaxSecret || in.size() % 2 != 0 || meta.iteration_exponent > 15) {
    return make_error(Errc::kInvalidArgument, "a secret to split has 16 to 64 bytes, an even number");
  }
  const std::size_t half = in.size() / 2;
  SecretBytes left = SecretBytes::copy_of(in.first(half));
  SecretBytes right = SecretBytes::copy_of(in.subspan(half));
  Bytes prefix;
  if (!meta.extendable) {
    prefix = to_bytes("shamir");
    append_be16(prefix, meta.identifier);
  }
  const std::uint32_t iterations = (kBaseIterations / kRounds) << meta.iteration_exponent;
  for (std::uint32_t i = 0; i < kRounds; ++i) {
    const auto round = static_cast<std::uint8_t>(encrypt ? i : kRounds - 1 - i);
    const SecretBytes password = secret_concat({ByteView(&round, 1), passphrase});
    const SecretBytes salt = secret_concat({prefix, right.view()});
    const SecretBytes f = pbkdf2(password.view(), salt.view(), iterations, half);
    for (std::size_t k = 0; k < half; ++k) left.data()[k] ^= f.data()[k];
    std::swap(left, right);
  }
  return secret_concat({right.view(), left.view()});
}

}  // namespace

Result<SecretBytes> slip39_encrypt(ByteView master, ByteView passphrase, const ShareMeta& meta) {
  return feistel(master, passphrase, meta, true);
}

Result<SecretBytes> slip39_decrypt(ByteView encrypted, ByteView passphrase, const ShareMeta& meta) {
  return feistel(encrypted, passphrase, meta, false);
}

}  // namespace facekeep::seal
