// Keys and certificates for the tests of exports, good ones and such as somebody malicious would make.
#pragma once

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <map>
#include <string>

#include "tests/support/catch.h"
#include "vault/export/openssl_types.h"

namespace facekeep::exporter::test {

// "RSA:3072", "EC:P-256", "EC:secp256k1", "ED25519". Slow ones are made once.
inline EVP_PKEY* key(const std::string& kind) {
  static std::map<std::string, PkeyPtr> keys;
  PkeyPtr& k = keys[kind];
  if (k != nullptr) return k.get();
  if (kind.starts_with("RSA:")) k.reset(EVP_RSA_gen(static_cast<unsigned>(std::stoul(kind.substr(4)))));
  if (kind.starts_with("EC:")) k.reset(EVP_EC_gen(kind.substr(3, kind.find('#') - 3).c_str()));
  if (kind.starts_with("ED25519")) k.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  REQUIRE(k != nullptr);
  return k.get();
}

struct CertSpec {
  std::string key = "EC:P-256";
  std::string name = "a recipient";
  long serial = 1;
  std::string key_usage{};                      // as in a configuration of openssl
  std::map<std::string, std::string> others{};  // object identifier -> "critical,DER:..."
};

inline X509Ptr cert_for(EVP_PKEY* subject_key, const CertSpec& spec) {
  X509Ptr cert(X509_new());
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), spec.serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 86400);
  X509_NAME* name = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(spec.name.data()),
                             static_cast<int>(spec.name.size()), -1, 0);
  X509_set_issuer_name(cert.get(), name);
  X509_set_pubkey(cert.get(), subject_key);
  std::map<std::string, std::string> extensions = spec.others;
  if (!spec.key_usage.empty()) extensions["keyUsage"] = spec.key_usage;
  for (const auto& [id, value] : extensions) {
    X509_EXTENSION* e = X509V3_EXT_nconf(nullptr, nullptr, id.c_str(), value.c_str());
    REQUIRE(e != nullptr);
    X509_add_ext(cert.get(), e, -1);
    X509_EXTENSION_free(e);
  }
  return cert;
}

inline Bytes der_of(X509* cert) {
  unsigned char* out = nullptr;
  const int n = i2d_X509(cert, &out);
  REQUIRE(n > 0);
  Bytes der(out, out + n);
  OPENSSL_free(out);
  return der;
}

// Signed by an EC key of no importance: nobody consults the signature.
inline Bytes make_cert(const CertSpec& spec) {
  const X509Ptr cert = cert_for(key(spec.key), spec);
  REQUIRE(X509_sign(cert.get(), key("EC:P-256#issuer"), EVP_sha256()) > 0);
  return der_of(cert.get());
}

inline std::string pem(ByteView der, const std::string& label = "CERTIFICATE") {
  std::string body = to_base64(der);
  for (std::size_t i = 64; i < body.size(); i += 65) body.insert(i, "\n");
  return "-----BEGIN " + label + "-----\n" + body + "\n-----END " + label + "-----\n";
}

}  // namespace facekeep::exporter::test
