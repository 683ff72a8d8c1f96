#include "vault/base/digest.h"

#include "tests/support/catch.h"

using namespace facekeep;

TEST_CASE("SHA-256 of nothing and of abc (FIPS 180-4 examples)") {
  CHECK(to_hex(sha256(ByteView{})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(sha256({as_bytes("a"), as_bytes("bc")})) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("HMAC-SHA-256, RFC 4231 case 2") {
  CHECK(to_hex(hmac_sha256(as_bytes("Jefe"), {as_bytes("what do ya want "), as_bytes("for nothing?")})) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("HKDF-SHA-256, RFC 5869 cases 1 and 3") {
  const Bytes ikm(22, 0x0b);
  CHECK(
      to_hex(hkdf_sha256(ikm, *from_hex("000102030405060708090a0b0c"), *from_hex("f0f1f2f3f4f5f6f7f8f9"), 42).view()) ==
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  CHECK(to_hex(hkdf_sha256(ikm, {}, {}, 42).view()) ==
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}
