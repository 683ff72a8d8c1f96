#include "hsm/log_key.h"

#include "tests/unit/hsm/fixture.h"

using namespace facekeep;
using namespace facekeep::hsm;

namespace {

// RFC 8032 section 7.1, test 2.
const Bytes kEdKey = *from_hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
const Bytes kEdSignature = *from_hex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
// RFC 6979 appendix A.2.5: the P-256 key, and its SHA-256 signature of "sample".
const Bytes kPoint = *from_hex(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
const Bytes kRawSignature = *from_hex(
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");

}  // namespace

TEST_CASE("an Ed25519 point is taken raw and inside an OCTET STRING") {
  CHECK(*ed25519_public_key(kEdKey) == kEdKey);
  CHECK(*ed25519_public_key(concat(Bytes{0x04, 0x20}, kEdKey)) == kEdKey);
  CHECK(verify_signature(NoteKeyType::kEd25519, kEdKey, Bytes{0x72}, kEdSignature));
  CHECK_FALSE(verify_signature(NoteKeyType::kEd25519, kEdKey, Bytes{0x73}, kEdSignature));
  CHECK_FALSE(ed25519_public_key({}));
  CHECK_FALSE(ed25519_public_key(Bytes(31)));
  CHECK_FALSE(ed25519_public_key(concat(Bytes{0x04, 0x21}, kEdKey)));
  CHECK_FALSE(ed25519_public_key(concat(Bytes{0x03, 0x20}, kEdKey)));
}

TEST_CASE("a P-256 point is taken raw and inside an OCTET STRING, and must be on the curve") {
  const auto spki = p256_public_key(kPoint);
  REQUIRE_OK(spki);
  CHECK(*p256_public_key(concat(Bytes{0x04, 0x41}, kPoint)) == *spki);
  Bytes off = kPoint;
  off[64] ^= 1;
  CHECK_FALSE(p256_public_key(off));
  CHECK_FALSE(p256_public_key(ByteView(kPoint).first(33)));
  Bytes hybrid = kPoint;
  hybrid[0] = 0x06;
  CHECK_FALSE(p256_public_key(hybrid));
  CHECK_FALSE(p256_public_key({}));
}

TEST_CASE("a raw ECDSA signature becomes DER that verifies") {
  const auto der = ecdsa_signature_to_der(kRawSignature);
  REQUIRE_OK(der);
  CHECK(verify_signature(NoteKeyType::kEcdsaP256, *p256_public_key(kPoint), as_bytes("sample"), *der));
  CHECK_FALSE(verify_signature(NoteKeyType::kEcdsaP256, *p256_public_key(kPoint), as_bytes("simple"), *der));
  CHECK_FALSE(ecdsa_signature_to_der(ByteView(kRawSignature).first(63)));
  CHECK_FALSE(verify_signature(NoteKeyType::kEcdsaP256, {}, as_bytes("sample"), *der));
}

TEST_CASE("the other names of the curve are tried where the token refuses the first", "[softhsm]") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  t.shim.inject("C_GenerateKeyPair 0x130 count 3");
  auto key = create_log_key(**pool, kVault, false);
  REQUIRE_OK(key);
  CHECK(key->type == NoteKeyType::kEcdsaP256);  // no Ed25519 by any name
  CHECK(t.shim.calls("C_GenerateKeyPair") == 4);
}

TEST_CASE("a log key whose public object was exchanged does not sign") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK(create_log_key(**pool, kVault, true));
  const std::string label = log_label(kVault);
  REQUIRE_OK((*pool)->run(Repeat::kOnce, [&](Session& s) -> Status {
    FK_TRY(const auto old, find_one(s, CKO_PUBLIC_KEY, label));
    FK_CHECK(s.calls.destroy_object(s.handle, old));
    Attributes pub, priv;
    pub.add_flag(CKA_TOKEN, true).add_text(CKA_LABEL, label);
    pub.add_bytes(CKA_EC_PARAMS, *from_hex("06082a8648ce3d030107"));
    FK_CHECK(s.calls.generate_key_pair(s.handle, {CKM_EC_KEY_PAIR_GEN, nullptr, 0}, pub, priv));
    return {};
  }));
  auto custody = TokenCustody::open(*pool, kVault);
  REQUIRE_OK(custody);
  CHECK(code_of((*custody)->sign_checkpoint((*custody)->log_keys()->front().bytes, as_bytes("x"))) == Errc::kIntegrity);
}
