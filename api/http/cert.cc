#include "api/http/cert.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <optional>

#include "vault/base/digest.h"

namespace facekeep::http {
namespace {

template <class T, void (*Free)(T*)>
struct Freer {
  void operator()(T* p) const noexcept { Free(p); }
};
struct BioFree {
  void operator()(BIO* p) const noexcept { BIO_free_all(p); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freer<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>>;
using SigPtr = std::unique_ptr<X509_SIG, Freer<X509_SIG, X509_SIG_free>>;
using AlgorPtr = std::unique_ptr<X509_ALGOR, Freer<X509_ALGOR, X509_ALGOR_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION, X509_EXTENSION_free>>;

Error crypto_error(const std::string& what) {
  return make_error(Errc::kCrypto, what + ": " + openssl_error());
}

BioPtr reader(ByteView pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}
ByteView content(const BioPtr& bio) {
  char* data = nullptr;
  const long n = BIO_get_mem_data(bio.get(), &data);
  return as_bytes(std::string_view(data, n > 0 ? static_cast<std::size_t>(n) : 0));
}

Result<Digest> digest_of(X509_PUBKEY* spki) {
  unsigned char* der = nullptr;
  const int n = i2d_X509_PUBKEY(spki, &der);
  if (n <= 0) return crypto_error("the public key can't be encoded");
  const Digest out = sha256(ByteView(der, static_cast<std::size_t>(n)));
  OPENSSL_free(der);
  return out;
}

Status add_extension(X509* cert, int nid, const std::string& value) {
  X509V3_CTX ctx;
  X509V3_set_ctx_nodb(&ctx);
  X509V3_set_ctx(&ctx, cert, cert, nullptr, nullptr, 0);
  const ExtensionPtr ext(X509V3_EXT_conf_nid(nullptr, &ctx, nid, value.c_str()));
  if (!ext || X509_add_ext(cert, ext.get(), -1) != 1) return crypto_error("a certificate extension was refused");
  return {};
}

bool is_ip(const std::string& name) {
  unsigned char buffer[16];
  return inet_pton(AF_INET, name.c_str(), buffer) == 1 || inet_pton(AF_INET6, name.c_str(), buffer) == 1;
}

Status fill_certificate(X509* cert, EVP_PKEY* key, const std::string& common_name,
                        const std::vector<std::string>& names, int days) {
  // 127 bits, so that the DER integer is positive without a padding byte.
  auto serial = random_array<16>();
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);
  BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
  const bool serial_ok = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != nullptr;
  BN_free(number);
  X509_NAME* subject = X509_get_subject_name(cert);
  const auto* cn = reinterpret_cast<const unsigned char*>(common_name.data());
  if (!serial_ok || X509_set_version(cert, X509_VERSION_3) != 1 ||
      X509_gmtime_adj(X509_getm_notBefore(cert), -86400) == nullptr ||
      X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, nullptr) == nullptr || X509_set_pubkey(cert, key) != 1 ||
      X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, cn, static_cast<int>(common_name.size()), -1,
                                 0) != 1 ||
      X509_set_issuer_name(cert, subject) != 1) {
    return crypto_error("the certificate can't be made");
  }
  FK_CHECK(add_extension(cert, NID_basic_constraints, "critical,CA:FALSE"));
  FK_CHECK(add_extension(cert, NID_key_usage, "critical,digitalSignature"));
  FK_CHECK(add_extension(cert, NID_ext_key_usage, "serverAuth,clientAuth"));
  std::string alt;
  for (const std::string& name : names) {
    // The value is OpenSSL configuration syntax, in which a comma starts the next name.
    if (name.find_first_of(",\n\r\\\"") != std::string::npos) {
      return make_error(Errc::kInvalidArgument, "a host name has a character that no host name has");
    }
    alt += (alt.empty() ? "" : ",") + std::string(is_ip(name) ? "IP:" : "DNS:") + name;
  }
  if (!alt.empty()) FK_CHECK(add_extension(cert, NID_subject_alt_name, alt));
  return {};
}

struct PassphraseCall {
  const PassphraseSource& source;
  std::optional<Error> error;
  bool asked = false;
};

int give_passphrase(char* buffer, int size, int /*writing*/, void* user) {
  auto& call = *static_cast<PassphraseCall*>(user);
  if (call.asked) return -1;
  call.asked = true;
  if (!call.source) {
    call.error = make_error(Errc::kInvalidArgument, "the private key is encrypted", "give its passphrase");
    return -1;
  }
  auto passphrase = call.source();
  if (!passphrase) {
    call.error = std::move(passphrase).error();
    return -1;
  }
  if (passphrase->size() > static_cast<std::size_t>(size)) {
    call.error = make_error(Errc::kTooLarge, "the passphrase is too long");
    return -1;
  }
  std::copy(passphrase->view().begin(), passphrase->view().end(), buffer);
  return static_cast<int>(passphrase->size());
}

}  // namespace

std::string openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

Result<KeyPtr> generate_key(KeyType type) {
  ERR_clear_error();
  KeyPtr key(type == KeyType::kP256 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                                    : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return crypto_error("a key can't be generated");
  return key;
}

Result<CertPtr> self_signed(EVP_PKEY* key, const std::string& common_name, const std::vector<std::string>& names,
                            int days) {
  if (common_name.empty() || common_name.size() > 64 || !is_valid_utf8(common_name)) {
    return make_error(Errc::kInvalidArgument, "a certificate's name is 1 to 64 bytes of UTF-8");
  }
  if (days < 1) return make_error(Errc::kInvalidArgument, "a certificate is valid for at least one day");
  ERR_clear_error();
  CertPtr cert(X509_new());
  if (!cert) return crypto_error("no memory for a certificate");
  FK_CHECK(fill_certificate(cert.get(), key, common_name, names, days));
  const EVP_MD* md = EVP_PKEY_is_a(key, "ED25519") == 1 ? nullptr : EVP_sha256();
  if (X509_sign(cert.get(), key, md) <= 0) return crypto_error("the certificate can't be signed");
  return cert;
}

Result<Digest> spki_digest(const EVP_PKEY* key) {
  ERR_clear_error();
  unsigned char* der = nullptr;
  const int n = i2d_PUBKEY(key, &der);
  if (n <= 0) return crypto_error("the public key can't be encoded");
  const Digest out = sha256(ByteView(der, static_cast<std::size_t>(n)));
  OPENSSL_free(der);
  return out;
}

Result<Digest> spki_digest(const X509* cert) {
  ERR_clear_error();
  return digest_of(X509_get_X509_PUBKEY(cert));
}

Result<Digest> spki_digest_of_pem(ByteView pem) {
  ERR_clear_error();
  if (const CertPtr cert(PEM_read_bio_X509(reader(pem).get(), nullptr, nullptr, nullptr)); cert) {
    return spki_digest(cert.get());
  }
  const KeyPtr key(PEM_read_bio_PUBKEY(reader(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!key) return make_error(Errc::kMalformed, "the text holds neither a PEM certificate nor a PEM public key");
  return spki_digest(key.get());
}

Result<std::string> cert_pem(X509* cert) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), cert) != 1) return crypto_error("the certificate can't be written");
  return std::string(as_chars(content(bio)));
}

Result<std::string> public_key_pem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PUBKEY(bio.get(), key) != 1) return crypto_error("the public key can't be written");
  return std::string(as_chars(content(bio)));
}

Result<CertPtr> read_cert(ByteView pem) {
  CertPtr cert(PEM_read_bio_X509(reader(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!cert) return make_error(Errc::kMalformed, "the text holds no PEM certificate");
  return cert;
}

Result<SecretBytes> private_key_pem(EVP_PKEY* key) {
  ERR_clear_error();
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return crypto_error("the private key can't be written");
  }
  return SecretBytes::copy_of(content(bio));
}

Result<SecretBytes> private_key_pem(EVP_PKEY* key, const SecretBytes& passphrase) {
  ERR_clear_error();
  if (passphrase.empty()) return make_error(Errc::kInvalidArgument, "the passphrase is empty");
  const Pkcs8Ptr plain(EVP_PKEY2PKCS8(key));
  auto salt = random_array<16>();
  // 16 MiB of work memory stay below the limit that OpenSSL's own reader has; p=5 makes up for it.
  X509_ALGOR* pbe = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt.data(), salt.size(), nullptr, 1U << 14, 8, 5);
  if (!plain || pbe == nullptr) {
    X509_ALGOR_free(pbe);
    return crypto_error("the private key can't be encrypted");
  }
  AlgorPtr owned(pbe);
  const SigPtr sealed(PKCS8_set0_pbe(reinterpret_cast<const char*>(passphrase.data()),
                                     static_cast<int>(passphrase.size()), plain.get(), pbe));
  // On success the algorithm moved into the result.
  if (sealed) static_cast<void>(owned.release());
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!sealed || !bio || PEM_write_bio_PKCS8(bio.get(), sealed.get()) != 1) {
    return crypto_error("the private key can't be encrypted");
  }
  return SecretBytes::copy_of(content(bio));
}

Result<KeyPtr> read_private_key(ByteView pem, const PassphraseSource& passphrase) {
  ERR_clear_error();
  PassphraseCall call{passphrase, std::nullopt};
  KeyPtr key(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, give_passphrase, &call));
  if (key) return key;
  ERR_clear_error();
  if (call.error) return *call.error;
  if (call.asked) return make_error(Errc::kCrypto, "the passphrase does not open the private key");
  return make_error(Errc::kMalformed, "the text holds no PEM private key");
}

}  // namespace facekeep::http
