#include "hsm/spare.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tests/unit/hsm/fixture.h"

using namespace facekeep;
using namespace facekeep::hsm;

namespace {

std::string pem_of(EVP_PKEY* key) {
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(out, key);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(out);
  EVP_PKEY_free(key);
  return pem;
}

const Bytes kSecret(32, 0xa5);
const ByteView kContext = as_bytes("site 1");

}  // namespace

TEST_CASE("what is wrapped to the spare's public key opens in the spare token alone") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  auto made = provision_spare(**pool, kVault, 1);
  REQUIRE_OK(made);
  CHECK(made->evidence.mechanism == "RSA-3072-OAEP-SHA1");
  auto imported = import_spare(made->key.public_key.to_pem());
  REQUIRE_OK(imported);
  CHECK(imported->fingerprint == made->key.fingerprint);

  auto blob = wrap_to_spare(*imported, 1, kSecret, kContext);
  REQUIRE_OK(blob);
  CHECK((*blob)[4] == 2);
  auto secret = unwrap_with_spare(**pool, 1, *blob, kContext);
  REQUIRE_OK(secret);
  CHECK(to_bytes(secret->view()) == kSecret);
  CHECK(code_of(unwrap_with_spare(**pool, 1, *blob, as_bytes("site 2"))) == Errc::kCrypto);
  CHECK(code_of(unwrap_with_spare(**pool, 2, *blob, kContext)) == Errc::kCrypto);
  CHECK(*has_spare_key(**pool, made->key.fingerprint));
  CHECK(code_of(provision_spare(**pool, kVault, 1)) == Errc::kAlreadyExists);

  // A rotation wraps to the pair in force, whatever the epoch; one that was replaced opens what it did.
  auto next = provision_spare(**pool, kVault, 2);
  REQUIRE_OK(next);
  auto later = wrap_to_spare(next->key, 5, kSecret, kContext);
  REQUIRE_OK(later);
  CHECK(unwrap_with_spare(**pool, 1, *blob, kContext));
  CHECK(unwrap_with_spare(**pool, 5, *later, kContext));
  REQUIRE_OK(destroy_key(**pool, spare_label(kVault, 1)));
  CHECK(code_of(unwrap_with_spare(**pool, 1, *blob, kContext)) == Errc::kCrypto);
  CHECK(unwrap_with_spare(**pool, 5, *later, kContext));
  CHECK_FALSE(*has_spare_key(**pool, made->key.fingerprint));
  CHECK(*has_spare_key(**pool, next->key.fingerprint));
}

TEST_CASE("a token without an RSA key, and an open vault without a spare token, say so") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK(provision(**pool, kVault, 1));
  auto made = provision_spare(**pool, kOtherVault, 1);
  REQUIRE_OK(made);
  auto blob = wrap_to_spare(made->key, 1, kSecret, kContext);
  REQUIRE_OK(blob);
  auto custody = TokenCustody::open(*pool, kVault);
  REQUIRE_OK(custody);
  CHECK(code_of((*custody)->unwrap_spare(1, *blob, kContext)) == Errc::kFailedPrecondition);
  (*custody)->attach_spare(make_error(Errc::kHsmGone, "the spare is away"));
  CHECK(code_of((*custody)->unwrap_spare(1, *blob, kContext)) == Errc::kHsmGone);
  (*custody)->attach_spare(*pool);
  auto opened = (*custody)->unwrap_spare(1, *blob, kContext);
  REQUIRE_OK(opened);
  CHECK(to_bytes(opened->view()) == kSecret);
  REQUIRE_OK(destroy_key(**pool, spare_label(kOtherVault, 1)));
  CHECK(code_of((*custody)->unwrap_spare(1, *blob, kContext)) == Errc::kNotFound);
}

TEST_CASE("the epoch in the header is bound to the secret, whatever the key") {
  const SecretBytes plain = SecretBytes::copy_of(Bytes(64));
  CHECK(code_of(strip_bound_context(plain.clone(), 1, kContext)) == Errc::kCrypto);
  CHECK(code_of(strip_bound_context(SecretBytes(), 1, kContext)) == Errc::kCrypto);
  CHECK(code_of(strip_bound_context(SecretBytes(32), 1, kContext)) == Errc::kCrypto);
}

TEST_CASE("a spare key that is no PEM RSA public key of 2048 bits is refused") {
  const std::string good = pem_of(EVP_RSA_gen(2048));
  CHECK(import_spare(good));
  CHECK(import_spare("\n" + good + "\n"));
  CHECK(code_of(import_spare(pem_of(EVP_RSA_gen(1024)))) == Errc::kInvalidArgument);
  CHECK(code_of(import_spare(pem_of(EVP_EC_gen("P-256")))) == Errc::kInvalidArgument);
  for (const std::string& bad : {std::string(), std::string("-----BEGIN PUBLIC KEY-----"), good + good, "x" + good,
                                 good.substr(0, good.size() / 2), good.substr(0, 40) + "!" + good.substr(41)}) {
    INFO(bad.size());
    CHECK(code_of(import_spare(bad)) == Errc::kInvalidArgument);
  }
}

TEST_CASE("a key of somebody else in the spare token, which says nothing of itself, hides the spare key from nobody") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  // Its public half is missing, and too short where it can be derived.
  const Status made = (*pool)->run(Repeat::kOnce, [](Session& s) -> Status {
    Attributes pub;
    const Bytes exponent = {1, 0, 1};
    pub.add(CKA_MODULUS_BITS, 1024).add_bytes(CKA_PUBLIC_EXPONENT, exponent).add_flag(CKA_TOKEN, false);
    Attributes priv;
    priv.add_flag(CKA_TOKEN, true).add_flag(CKA_PRIVATE, true).add_flag(CKA_DECRYPT, true);
    const auto pair = s.calls.generate_key_pair(s.handle, {CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr, 0}, pub, priv);
    return pair ? Status() : Status(pair.error());
  });
  REQUIRE_OK(made);
  auto spare = provision_spare(**pool, kVault, 1);
  REQUIRE_OK(spare);
  const auto found = has_spare_key(**pool, spare->key.fingerprint);
  REQUIRE_OK(found);
  CHECK(*found);
  const auto other = has_spare_key(**pool, Digest{1});
  REQUIRE_OK(other);
  CHECK_FALSE(*other);
}
