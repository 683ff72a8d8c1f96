#include "hsm/rsa_oaep.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "vault/base/digest.h"

namespace facekeep::hsm {
namespace {

constexpr int kMinBits = 2048;
constexpr int kMaxBits = 8192;

template <class T, void (*Free)(T*)>
struct Freer {
  void operator()(T* p) const { Free(p); }
};
template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Freer<T, Free>>;
using Number = Owned<BIGNUM, BN_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

struct FreeBio {
  void operator()(BIO* p) const { BIO_free(p); }
};
using Stream = std::unique_ptr<BIO, FreeBio>;

Error refused(const char* what) {
  ERR_clear_error();
  return make_error(Errc::kInvalidArgument, what, "the key must be RSA, of at least 2048 bits, in a PEM PUBLIC KEY");
}

Error failed(const char* what) {
  ERR_clear_error();
  return make_error(Errc::kCrypto, what);
}

Digest binding(std::uint32_t epoch, ByteView context) {
  return sha256({blob_header(WrapMechanism::kRsaOaep, epoch), context});
}

}  // namespace

Result<RsaPublicKey> RsaPublicKey::checked(EVP_PKEY* raw) {
  std::shared_ptr<EVP_PKEY> key(raw, EVP_PKEY_free);
  if (raw == nullptr) return refused("not a public key");
  if (EVP_PKEY_get_base_id(raw) != EVP_PKEY_RSA) return refused("the public key is not an RSA key");
  const int bits = EVP_PKEY_get_bits(raw);
  if (bits < kMinBits || bits > kMaxBits) return refused("the RSA key is shorter than 2048 or longer than 8192 bits");
  BIGNUM* e = nullptr;
  EVP_PKEY_get_bn_param(raw, OSSL_PKEY_PARAM_RSA_E, &e);
  const Number exponent(e);
  if (!exponent || !BN_is_odd(e) || BN_num_bits(e) < 17 || BN_num_bits(e) > 64) {
    return refused("the RSA key's public exponent is unsafe");
  }
  return RsaPublicKey(std::move(key));
}

Result<RsaPublicKey> RsaPublicKey::from_pem(std::string_view pem) {
  constexpr std::string_view kBlanks = " \t\r\n";
  constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----";
  constexpr std::string_view kEnd = "-----END PUBLIC KEY-----";
  const auto first = pem.find_first_not_of(kBlanks);
  const auto last = pem.find_last_not_of(kBlanks);
  if (first == std::string_view::npos || last + 1 > 16384) return refused("not a PEM public key");
  pem = pem.substr(first, last + 1 - first);
  if (!pem.starts_with(kBegin) || pem.find(kEnd) != pem.size() - kEnd.size()) return refused("not a PEM public key");
  const Stream in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return checked(PEM_read_bio_PUBKEY(in.get(), nullptr, nullptr, nullptr));
}

Result<RsaPublicKey> RsaPublicKey::from_numbers(ByteView modulus, ByteView exponent) {
  if (modulus.size() > kMaxBits / 8 + 1 || exponent.size() > 16) return refused("the RSA key is too long");
  const Number n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
  const Number e(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
  const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return failed("OpenSSL can't take the RSA key's numbers");
  }
  const Owned<OSSL_PARAM, OSSL_PARAM_free> params(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext ctx(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
      EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return refused("the RSA key's numbers are not a key");
  }
  return checked(key);
}

int RsaPublicKey::bits() const {
  return EVP_PKEY_get_bits(key_.get());
}

Bytes RsaPublicKey::to_der() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &der);
  if (size <= 0) return {};
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

std::string RsaPublicKey::to_pem() const {
  const Stream out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_PUBKEY(out.get(), key_.get()) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Result<Bytes> oaep_wrap(const RsaPublicKey& key, std::uint32_t epoch, ByteView secret, ByteView context) {
  if (secret.empty() || secret.size() > kMaxWrappedSecret) {
    return make_error(Errc::kInvalidArgument, "a wrap takes 1 to 64 bytes");
  }
  const SecretBytes plain = secret_concat({binding(epoch, context), secret});
  const KeyContext ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  std::size_t size = 0;
  if (!ctx || EVP_PKEY_encrypt_init(ctx.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), EVP_sha1()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), EVP_sha1()) != 1 ||
      EVP_PKEY_encrypt(ctx.get(), nullptr, &size, plain.data(), plain.size()) != 1) {
    return failed("RSA-OAEP is not available");
  }
  WrappedBlob blob{WrapMechanism::kRsaOaep, epoch, {}, Bytes(size)};
  if (EVP_PKEY_encrypt(ctx.get(), blob.ciphertext.data(), &size, plain.data(), plain.size()) != 1) {
    return failed("RSA-OAEP encryption failed");
  }
  blob.ciphertext.resize(size);
  return format_blob(blob);
}

Result<SecretBytes> strip_bound_context(SecretBytes plain, std::uint32_t epoch, ByteView context) {
  const Digest expected = binding(epoch, context);
  if (plain.size() <= expected.size() || plain.size() > expected.size() + kMaxWrappedSecret ||
      !constant_time_equal(plain.view().first(expected.size()), expected)) {
    return make_error(Errc::kCrypto, "the wrapped secret does not open under this key and context");
  }
  return SecretBytes::copy_of(plain.view().subspan(expected.size()));
}

}  // namespace facekeep::hsm
