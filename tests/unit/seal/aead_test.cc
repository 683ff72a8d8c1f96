#include "vault/seal/aead.h"

#include <thread>
#include <vector>

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::seal;

namespace {
SecretBytes key_of(const char* hex) {
  return SecretBytes::copy_of(*from_hex(hex));
}
}  // namespace

TEST_CASE("AES-GCM gives the published results (McGrew and Viega, cases 4 and 16)") {
  const Bytes nonce = *from_hex("cafebabefacedbaddecaf888");
  const Bytes aad = *from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const Bytes plain = *from_hex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
      "ba637b39");
  Bytes out(plain.size() + kTagSize);
  const SecretBytes k256 = key_of("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  REQUIRE(gcm_seal(k256.view(), nonce, aad, plain, out));
  CHECK(
      to_hex(out) ==
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
      "bcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
  const SecretBytes k128 = key_of("feffe9928665731c6d6a8f9467308308");
  REQUIRE(gcm_seal(k128.view(), nonce, aad, plain, out));
  CHECK(to_hex(ByteView(out).last(16)) == "5bc94fbc3221a5db94fae95ae7121a47");
}

TEST_CASE("an AEAD key opens what it sealed, empty texts too") {
  AeadKey key = AeadKey::generate();
  for (const std::size_t n : {0U, 1U, 15U, 16U, 17U, 2048U, 100000U}) {
    const Bytes plain(n, 0x5a);
    const Bytes sealed = *key.seal(as_bytes("aad"), plain);
    CHECK(sealed.size() == n + kSealOverhead);
    CHECK(to_bytes(key.open(as_bytes("aad"), sealed)->view()) == plain);
    CHECK(key.open(as_bytes("aae"), sealed).error().code == Errc::kCrypto);
    CHECK(key.open({}, sealed).error().code == Errc::kCrypto);
    CHECK(AeadKey::generate().open(as_bytes("aad"), sealed).error().code == Errc::kCrypto);
  }
}

TEST_CASE("one flipped bit anywhere keeps sealed bytes shut and leaves no plaintext") {
  AeadKey key = AeadKey::generate();
  const Bytes plain(40, 0x77);
  const Bytes sealed = *key.seal(as_bytes("a"), plain);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes bad = sealed;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    Bytes out(plain.size(), 0xee);
    REQUIRE(key.open_into(as_bytes("a"), bad, out).error().code == Errc::kCrypto);
    REQUIRE(out == Bytes(plain.size(), 0));
  }
  for (std::size_t n = 0; n < sealed.size(); ++n) CHECK_FALSE(key.open(as_bytes("a"), ByteView(sealed).first(n)));
}

TEST_CASE("a key refuses its limit-th encryption, whatever it made before") {
  AeadKey key = *AeadKey::create(SecretBytes(32), 0, 4);
  for (int i = 0; i < 3; ++i) CHECK(key.seal({}, as_bytes("x")));
  CHECK(key.seal({}, as_bytes("x")).error().code == Errc::kExhausted);
  CHECK(key.used() == 3);
  AeadKey old = *AeadKey::create(SecretBytes(32), kEncryptionLimit - 2);
  CHECK(old.seal({}, as_bytes("x")));
  CHECK(old.seal({}, as_bytes("x")).error().code == Errc::kExhausted);
  CHECK_FALSE(AeadKey::create(SecretBytes(32), 0, 0)->seal({}, {}));
  const AeadKey moved = std::move(key);
  CHECK(moved.used() == 3);
}

TEST_CASE("threads share a key without losing a count") {
  AeadKey key = *AeadKey::create(SecretBytes(32), 0, 1001);
  std::atomic<int> sealed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) sealed += key.seal({}, as_bytes("x")) ? 1 : 0;
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(sealed == 1000);
}

TEST_CASE("keys and outputs of the wrong size are refused") {
  CHECK(AeadKey::create(SecretBytes(16)).error().code == Errc::kInvalidArgument);
  CHECK(AeadKey::create(SecretBytes()).error().code == Errc::kInvalidArgument);
  AeadKey key = AeadKey::generate();
  Bytes small(5);
  CHECK_FALSE(key.seal_into({}, as_bytes("text"), small));
  CHECK(key.used() == 0);
}

TEST_CASE("two seals of one text differ in nonce and text") {
  AeadKey key = AeadKey::generate();
  CHECK(*key.seal({}, as_bytes("same")) != *key.seal({}, as_bytes("same")));
}
