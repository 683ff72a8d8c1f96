#include "vault/export/recipient.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <set>
#include <utility>

#include "vault/base/digest.h"
#include "vault/export/openssl_types.h"

namespace facekeep::exporter {
namespace {

Error refused(Errc code, std::string message, std::string hint = {}) {
  ERR_clear_error();  // what OpenSSL queued while it read a stranger's bytes
  return make_problem(code, "bad-recipient", std::move(message), std::move(hint));
}

Error bad_key(const std::string& what) {
  return refused(Errc::kInvalidArgument, "the recipient's certificate has " + what,
                 "use a certificate with an RSA key of 3072 to 4096 bits, or an EC key on P-256, P-384 or P-521");
}

struct PemBlock {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  PemBlock() = default;
  ~PemBlock() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
  PemBlock(const PemBlock&) = delete;
  PemBlock& operator=(const PemBlock&) = delete;
  bool read(BIO* bio) { return PEM_read_bio(bio, &name, &header, &data, &size) == 1; }
};

Result<Bytes> der_of_pem(ByteView text) {
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  PemBlock block;
  if (bio == nullptr || !block.read(bio.get())) {
    return refused(Errc::kMalformed, "the recipient's certificate is neither PEM nor DER",
                   "give the certificate itself, one that begins with -----BEGIN CERTIFICATE-----");
  }
  if (std::string_view(block.name) != "CERTIFICATE" || *block.header != '\0') {
    return refused(Errc::kMalformed, "the recipient's file holds something else than a certificate",
                   "give the certificate alone, never a private key");
  }
  PemBlock second;
  if (second.read(bio.get())) {
    return refused(Errc::kMalformed, "the recipient's file holds more than one block",
                   "give one certificate a file, without its chain");
  }
  return to_bytes({block.data, static_cast<std::size_t>(block.size)});
}

// The algorithm first, as identifiers: explicit curve parameters and exotic kinds of key are refused before anything
// computes with them.
Result<std::string> curve_name(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* object = nullptr;
  int kind = 0;
  const void* parameter = nullptr;
  X509_ALGOR_get0(&object, &kind, &parameter, algorithm);
  if (kind != V_ASN1_OBJECT) return bad_key("an EC key that is not on a named curve");
  switch (OBJ_obj2nid(static_cast<const ASN1_OBJECT*>(parameter))) {
    case NID_X9_62_prime256v1: return std::string("P-256");
    case NID_secp384r1: return std::string("P-384");
    case NID_secp521r1: return std::string("P-521");
    default: return bad_key("an EC key on another curve than P-256, P-384 or P-521");
  }
}

Status check_rsa(const EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (bits < kMinRsaBits) return bad_key("an RSA key of fewer than 3072 bits");
  if (bits > kMaxRsaBits) return bad_key("an RSA key of more than 4096 bits");
  // With 1 the content key would stand in the part for everybody to read; OpenSSL itself takes 3.
  BIGNUM* e = nullptr;
  const bool sound = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_num_bits(e) > 16;
  BN_free(e);
  return sound ? Status() : Status(bad_key("an RSA key whose exponent is below 65537"));
}

Result<std::string> check_key(X509* cert) {
  X509_PUBKEY* spki = X509_get_X509_PUBKEY(cert);
  ASN1_OBJECT* kind = nullptr;
  X509_ALGOR* algorithm = nullptr;
  if (X509_PUBKEY_get0_param(&kind, nullptr, nullptr, &algorithm, spki) != 1) return bad_key("no key that can be read");
  const int nid = OBJ_obj2nid(kind);
  std::string name;
  if (nid == NID_X9_62_id_ecPublicKey) {
    FK_TRY(name, curve_name(algorithm));
  } else if (nid != NID_rsaEncryption) {
    return bad_key("a key that can't receive (" + std::string(nid == NID_undef ? "unknown" : OBJ_nid2sn(nid)) + ")");
  }
  EVP_PKEY* key = X509_PUBKEY_get0(spki);
  if (key == nullptr) return bad_key("a key that can't be read");
  if (name.empty()) {
    FK_CHECK(check_rsa(key));
    name = "RSA-" + std::to_string(EVP_PKEY_get_bits(key));
  }
  // A point that is not on its curve; an even exponent; an even or prime modulus, or one with small factors.
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (ctx == nullptr || EVP_PKEY_public_check(ctx.get()) != 1) return bad_key("a key that is not sound");
  return name;
}

Status check_extensions(X509* cert, bool rsa) {
  // Reads the extensions, of which one may contradict another or be no extension at all.
  if (X509_check_purpose(cert, -1, 0) != 1) {
    return refused(Errc::kMalformed, "the recipient's certificate has extensions that can't be read");
  }
  if ((X509_get_extension_flags(cert) & EXFLAG_CRITICAL) != 0) {
    return refused(Errc::kInvalidArgument,
                   "the recipient's certificate has a critical extension that is not known here");
  }
  const std::uint32_t usage = X509_get_key_usage(cert);  // all bits set if the certificate says nothing
  if ((usage & (rsa ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT)) == 0) {
    return refused(
        Errc::kInvalidArgument,
        std::string("the recipient's certificate does not allow ") + (rsa ? "key encipherment" : "key agreement"),
        "use a certificate whose key usage allows it, or one without the extension");
  }
  return {};
}

Result<Recipient> of_der(Bytes der) {
  if (der.size() > kMaxCertificate)
    return refused(Errc::kTooLarge, "the recipient's certificate has more than 4096 bytes");
  const X509Ptr cert = x509_from_der(der);
  if (cert == nullptr) return refused(Errc::kMalformed, "the recipient's certificate can't be read");
  unsigned char* again = nullptr;
  const int size = i2d_X509(cert.get(), &again);
  const bool same = size > 0 && std::equal(der.begin(), der.end(), again, again + size);
  OPENSSL_free(again);
  if (!same) return refused(Errc::kMalformed, "the recipient's certificate is not in DER");
  Recipient out;
  FK_TRY(out.key, check_key(cert.get()));
  FK_CHECK(check_extensions(cert.get(), out.key.starts_with("RSA-")));
  unsigned char* spki = nullptr;
  const int spki_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert.get()), &spki);
  if (spki_size <= 0) return refused(Errc::kMalformed, "the recipient's key can't be read");
  out.spki = sha256(ByteView(spki, static_cast<std::size_t>(spki_size)));
  OPENSSL_free(spki);
  out.certificate = std::move(der);
  ERR_clear_error();
  return out;
}

}  // namespace

Result<Recipient> parse_recipient(ByteView pem_or_der) {
  if (pem_or_der.empty()) return refused(Errc::kMalformed, "the recipient's certificate is empty");
  if (pem_or_der.size() > kMaxCertificateInput) {
    return refused(Errc::kTooLarge, "the recipient's file has more than 32768 bytes",
                   "give one certificate a file, without its chain");
  }
  if (pem_or_der.front() == 0x30) return of_der(to_bytes(pem_or_der));  // a SEQUENCE: PEM is text
  FK_TRY(Bytes der, der_of_pem(pem_or_der));
  return of_der(std::move(der));
}

Result<std::vector<Recipient>> parse_recipients(std::span<const Bytes> certificates) {
  if (certificates.empty()) {
    return refused(Errc::kInvalidArgument, "an export needs a recipient", "name the certificate of who may open it");
  }
  if (certificates.size() > kMaxRecipients) {
    return refused(Errc::kTooLarge, "an export has at most " + std::to_string(kMaxRecipients) + " recipients");
  }
  std::vector<Recipient> out;
  std::set<Digest> keys;
  std::set<std::pair<Bytes, Bytes>> names;
  for (const Bytes& c : certificates) {
    FK_TRY(Recipient r, parse_recipient(c));
    if (!keys.insert(r.spki).second) {
      return refused(Errc::kInvalidArgument, "two recipients have the same key " + to_hex(r.spki));
    }
    const X509Ptr cert = x509_from_der(r.certificate);
    const unsigned char* issuer = nullptr;
    std::size_t issuer_size = 0;
    X509_NAME_get0_der(X509_get_issuer_name(cert.get()), &issuer, &issuer_size);
    const ASN1_INTEGER* serial = X509_get0_serialNumber(cert.get());
    const ByteView number(ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial)));
    if (!names.insert({to_bytes({issuer, issuer_size}), to_bytes(number)}).second) {
      return refused(Errc::kInvalidArgument, "two recipients' certificates have the same issuer and serial number",
                     "one of them may be made to look like the other: ask both for new ones");
    }
    out.push_back(std::move(r));
  }
  return out;
}

}  // namespace facekeep::exporter
