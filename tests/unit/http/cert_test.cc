#include "api/http/cert.h"

#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::http;

namespace {
PassphraseSource give(const std::string& text) {
  return [text] { return Result<SecretBytes>(SecretBytes::copy_of(as_bytes(text))); };
}
}  // namespace

TEST_CASE("a certificate carries its key's digest") {
  for (const KeyType type : {KeyType::kP256, KeyType::kEd25519}) {
    const KeyPtr key = *generate_key(type);
    const CertPtr cert = *self_signed(key.get(), "door 1", {"vault.local", "10.0.0.1", "::1"});
    const Digest want = *spki_digest(key.get());
    CHECK(*spki_digest(cert.get()) == want);
    CHECK(*spki_digest_of_pem(as_bytes(*cert_pem(cert.get()))) == want);
    CHECK(*spki_digest_of_pem(as_bytes(*public_key_pem(key.get()))) == want);
    CHECK(X509_verify(cert.get(), key.get()) == 1);
    CHECK(X509_check_host(cert.get(), "vault.local", 0, 0, nullptr) == 1);
    CHECK(X509_check_ip_asc(cert.get(), "10.0.0.1", 0) == 1);
    CHECK(*spki_digest(read_cert(as_bytes(*cert_pem(cert.get())))->get()) == want);
  }
}

TEST_CASE("the digest of a known public key") {
  // openssl pkey -pubin -outform DER | sha256sum, of the key of RFC 8410 section 10.1.
  const std::string pem =
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC "
      "KEY-----\n";
  CHECK(to_hex(*spki_digest_of_pem(as_bytes(pem))) ==
        "a1e9156054e04fac899ae9f275132cdc07a5dbc4ea2c2ad3a1ffc6e0d253681f");
}

TEST_CASE("bad names and texts are refused") {
  const KeyPtr key = *generate_key(KeyType::kP256);
  CHECK_FALSE(self_signed(key.get(), ""));
  CHECK_FALSE(self_signed(key.get(), std::string(65, 'a')));
  CHECK_FALSE(self_signed(key.get(), "a", {"x,DNS:evil"}));
  CHECK_FALSE(self_signed(key.get(), "a", {}, 0));
  CHECK_FALSE(spki_digest_of_pem(as_bytes("nonsense")));
  CHECK_FALSE(read_cert(as_bytes("")));
  CHECK(read_private_key(as_bytes("nonsense")).error().code == Errc::kMalformed);
}

TEST_CASE("a private key comes back from its PEM") {
  const KeyPtr key = *generate_key(KeyType::kEd25519);
  const SecretBytes plain = *private_key_pem(key.get());
  const KeyPtr back = *read_private_key(plain.view());
  CHECK(EVP_PKEY_eq(key.get(), back.get()) == 1);
}

TEST_CASE("an encrypted private key opens with its passphrase alone") {
  const KeyPtr key = *generate_key(KeyType::kP256);
  const SecretBytes sealed = *private_key_pem(key.get(), SecretBytes::copy_of(as_bytes("tortoise")));
  CHECK(as_chars(sealed.view()).find("BEGIN ENCRYPTED PRIVATE KEY") != std::string_view::npos);
  const KeyPtr back = *read_private_key(sealed.view(), give("tortoise"));
  CHECK(EVP_PKEY_eq(key.get(), back.get()) == 1);
  CHECK(read_private_key(sealed.view(), give("hare")).error().code == Errc::kCrypto);
  CHECK(read_private_key(sealed.view()).error().code == Errc::kInvalidArgument);
  CHECK_FALSE(private_key_pem(key.get(), SecretBytes()));
}

TEST_CASE("a key file is private and never overwritten") {
  char dir[] = "/tmp/facekeep-http-XXXXXX";
  REQUIRE(::mkdtemp(dir) != nullptr);
  const std::string path = std::string(dir) + "/key.pem";
  const KeyPtr key = *generate_key(KeyType::kP256);
  REQUIRE(save_private_file(path, private_key_pem(key.get())->view()));
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(save_private_file(path, as_bytes("x")).error().code == Errc::kAlreadyExists);
  const KeyPtr back = *load_private_key(path);
  CHECK(EVP_PKEY_eq(key.get(), back.get()) == 1);
  CHECK(load_private_key(path + "x").error().code == Errc::kIo);
  CHECK(load_private_key(dir).error().code == Errc::kInvalidArgument);
  CHECK(load_cert(path).error().message.find(path) == 0);
  std::remove(path.c_str());
  ::rmdir(dir);
}
