#include "vault/export/recipient.h"

#include <openssl/bn.h>

#include "tests/unit/export/certs.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::exporter;
using namespace facekeep::exporter::test;

namespace {

std::string why_not(ByteView bytes) {
  const auto r = parse_recipient(bytes);
  if (r) return "taken";
  CHECK(std::string(r.error().problem) == "bad-recipient");
  CHECK(ERR_peek_error() == 0);
  return r.error().message;
}

std::string why_not(const CertSpec& spec) {
  return why_not(make_cert(spec));
}

bool says(const std::string& message, const std::string& part) {
  INFO(message);
  return message.find(part) != std::string::npos;
}

// A certificate with an RSA key that nobody would generate.
Bytes rsa_cert(const BIGNUM* n, const BIGNUM* e) {
  RSA* rsa = RSA_new();
  RSA_set0_key(rsa, BN_dup(n), BN_dup(e), nullptr);
  const PkeyPtr key(EVP_PKEY_new());
  EVP_PKEY_assign_RSA(key.get(), rsa);
  const X509Ptr cert = cert_for(key.get(), {});
  REQUIRE(X509_sign(cert.get(), test::key("EC:P-256#issuer"), EVP_sha256()) > 0);
  return der_of(cert.get());
}

struct Rsa3072 {
  BIGNUM* n = nullptr;
  BIGNUM* e = BN_new();
  Rsa3072() {
    REQUIRE(EVP_PKEY_get_bn_param(key("RSA:3072"), "n", &n) == 1);
    BN_set_word(e, 65537);
  }
  ~Rsa3072() {
    BN_free(n);
    BN_free(e);
  }
};

}  // namespace

TEST_CASE("a recipient is an RSA key of 3072 bits or more, or an EC key on a NIST curve") {
  for (const auto& [kind, name] : std::map<std::string, std::string>{
           {"RSA:3072", "RSA-3072"}, {"EC:P-256", "P-256"}, {"EC:P-384", "P-384"}, {"EC:P-521", "P-521"}}) {
    CAPTURE(kind);
    const Bytes der = make_cert({.key = kind});
    const auto r = parse_recipient(der);
    REQUIRE(r);
    CHECK(r->key == name);
    CHECK(r->certificate == der);
  }
}

TEST_CASE("a recipient's fingerprint is the SHA-256 of its SubjectPublicKeyInfo") {
  unsigned char* spki = nullptr;
  const int n = i2d_PUBKEY(key("EC:P-256"), &spki);
  const Digest expected = sha256(ByteView(spki, static_cast<std::size_t>(n)));
  OPENSSL_free(spki);
  CHECK(parse_recipient(make_cert({}))->spki == expected);
}

TEST_CASE("PEM and DER of one certificate are the same recipient") {
  const Bytes der = make_cert({});
  const auto r = parse_recipient(as_bytes("Bag of words\n" + pem(der)));
  REQUIRE(r);
  CHECK(r->certificate == der);
}

TEST_CASE("keys that can't or mustn't receive are refused by name") {
  CHECK(says(why_not(CertSpec{.key = "ED25519"}), "can't receive (ED25519)"));
  CHECK(says(why_not(CertSpec{.key = "RSA:2048"}), "fewer than 3072"));
  CHECK(says(why_not(CertSpec{.key = "EC:secp256k1"}), "another curve"));
  CHECK(says(why_not(CertSpec{.key = "EC:P-224"}), "another curve"));
  const Rsa3072 k;
  BN_lshift(k.n, k.n, 1100);
  CHECK(says(why_not(rsa_cert(k.n, k.e)), "more than 4096"));
}

TEST_CASE("an EC key with explicit parameters is refused") {
  EC_KEY* ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
  EC_KEY_set_asn1_flag(ec, 0);
  REQUIRE(EC_KEY_generate_key(ec) == 1);
  const PkeyPtr key(EVP_PKEY_new());
  EVP_PKEY_assign_EC_KEY(key.get(), ec);
  const X509Ptr cert = cert_for(key.get(), {});
  REQUIRE(X509_sign(cert.get(), test::key("EC:P-256#issuer"), EVP_sha256()) > 0);
  CHECK(says(why_not(der_of(cert.get())), "not on a named curve"));
}

TEST_CASE("an RSA key whose exponent hides nothing is refused") {
  const Rsa3072 k;
  for (const unsigned long e : {1UL, 2UL, 3UL, 65535UL}) {
    CAPTURE(e);
    BN_set_word(k.e, e);
    CHECK(says(why_not(rsa_cert(k.n, k.e)), "below 65537"));
  }
  BN_set_word(k.e, 65536);
  CHECK(says(why_not(rsa_cert(k.n, k.e)), "not sound"));
}

TEST_CASE("an RSA modulus that is even or has a small factor is refused") {
  const Rsa3072 k;
  BN_clear_bit(k.n, 0);
  CHECK(says(why_not(rsa_cert(k.n, k.e)), "not sound"));
  BN_set_bit(k.n, 0);
  while (BN_mod_word(k.n, 3) != 0) BN_add_word(k.n, 2);
  CHECK(says(why_not(rsa_cert(k.n, k.e)), "not sound"));
}

TEST_CASE("a point that is not on its curve is refused") {
  Bytes der = make_cert({});
  const auto r = parse_recipient(der);
  REQUIRE(r);
  // The point is the last thing of the SubjectPublicKeyInfo, uncompressed: 04, x, y.
  unsigned char* spki = nullptr;
  const int n = i2d_PUBKEY(key("EC:P-256"), &spki);
  const auto at = std::search(der.begin(), der.end(), spki, spki + n);
  OPENSSL_free(spki);
  REQUIRE(at != der.end());
  *(at + n - 1) ^= 1;
  CHECK(says(why_not(der), "can't be read"));
}

TEST_CASE("a key usage that forbids receiving is refused") {
  CHECK(says(why_not(CertSpec{.key_usage = "critical,digitalSignature"}), "key agreement"));
  CHECK(says(why_not(CertSpec{.key_usage = "keyEncipherment"}), "key agreement"));
  CHECK(says(why_not(CertSpec{.key = "RSA:3072", .key_usage = "keyAgreement"}), "key encipherment"));
  CHECK(why_not(CertSpec{.key_usage = "keyAgreement"}) == "taken");
  CHECK(why_not(CertSpec{.key = "RSA:3072", .key_usage = "keyEncipherment"}) == "taken");
}

TEST_CASE("an unknown critical extension is refused") {
  CHECK(says(why_not(CertSpec{.others = {{"1.2.3.4.5", "critical,DER:0500"}}}), "critical extension"));
  CHECK(why_not(CertSpec{.others = {{"1.2.3.4.5", "DER:0500"}}}) == "taken");
}

TEST_CASE("an extension that is no extension is refused") {
  CHECK(says(why_not(CertSpec{.others = {{"2.5.29.15", "DER:04020500"}}}), "extensions that can't be read"));
}

TEST_CASE("a certificate beyond its size is refused") {
  CHECK(
      says(why_not(CertSpec{.others = {{"1.2.3.4.5", "DER:" + std::string(2 * 4096, '0')}}}), "more than 4096 bytes"));
  CHECK(says(why_not(Bytes(kMaxCertificateInput + 1, 'x')), "more than 32768 bytes"));
}

TEST_CASE("bytes that are no certificate are refused") {
  const Bytes der = make_cert({});
  CHECK(says(why_not(ByteView()), "empty"));
  CHECK(says(why_not(as_bytes("hello")), "neither PEM nor DER"));
  CHECK(says(why_not(concat(der, Bytes{0})), "can't be read"));
  CHECK(says(why_not(ByteView(der).first(der.size() - 1)), "can't be read"));
  CHECK(says(why_not(as_bytes(pem(der, "PRIVATE KEY"))), "something else than a certificate"));
  CHECK(says(why_not(as_bytes(pem(der, "TRUSTED CERTIFICATE"))), "something else than a certificate"));
  CHECK(says(why_not(as_bytes(pem(der) + pem(der))), "more than one block"));
  CHECK(says(why_not(as_bytes("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")), "can't be read"));
}

TEST_CASE("an encrypted PEM block asks nobody for a passphrase") {
  const std::string text =
      "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,"
      "00112233445566778899aabbccddeeff\n\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n";
  CHECK(says(why_not(as_bytes(text)), "something else than a certificate"));
}

TEST_CASE("every changed byte of a certificate gives a recipient or an error") {
  const Bytes der = make_cert({.key_usage = "keyAgreement"});
  for (std::size_t i = 0; i < der.size(); ++i) {
    for (const std::uint8_t x : {0x01, 0x80, 0xff}) {
      Bytes changed = der;
      changed[i] ^= x;
      const auto r = parse_recipient(changed);
      if (r) CHECK(r->certificate == changed);
    }
  }
}

TEST_CASE("several recipients are taken in their order, up to eight") {
  std::vector<Bytes> certs;
  for (int i = 0; i < 8; ++i) certs.push_back(make_cert({.key = "EC:P-256#" + std::to_string(i), .serial = i + 1}));
  const auto r = parse_recipients(certs);
  REQUIRE(r);
  REQUIRE(r->size() == 8);
  CHECK((*r)[3].certificate == certs[3]);
  certs.push_back(make_cert({.key = "EC:P-256#8", .serial = 9}));
  CHECK(says(parse_recipients(certs).error().message, "at most 8"));
  CHECK(says(parse_recipients({}).error().message, "needs a recipient"));
}

TEST_CASE("the same key twice is refused, in whatever certificate") {
  const std::vector<Bytes> certs = {make_cert({.name = "one"}), make_cert({.name = "two", .serial = 2})};
  CHECK(says(parse_recipients(certs).error().message, "the same key"));
}

TEST_CASE("two certificates of one issuer and serial number are refused") {
  const std::vector<Bytes> certs = {make_cert({.key = "EC:P-256#a"}), make_cert({.key = "EC:P-256#b"})};
  CHECK(says(parse_recipients(certs).error().message, "issuer and serial number"));
}
