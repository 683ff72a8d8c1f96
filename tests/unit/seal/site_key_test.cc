#include "vault/seal/site_key.h"

#include <set>

#include "tests/support/catch.h"
#include "tests/unit/seal/fake_custody.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::seal;

namespace {
const Id128 kVault{1, 2, 3};
const SiteKeyPlace kPlace{kVault, "gate", 1};
}  // namespace

TEST_CASE("subkeys are HKDF-SHA-256 of S under their labels, all different") {
  const SiteKey s = *SiteKey::from_secret(SecretBytes::copy_of(Bytes(32, 0x42)));
  std::set<Bytes> all{to_bytes(s.check())};
  for (const auto& [which, label] :
       std::initializer_list<std::pair<SiteSubkey, const char*>>{{SiteSubkey::kWrap, "facekeep/site/v1/wrap"},
                                                                 {SiteSubkey::kIndex, "facekeep/site/v1/index"},
                                                                 {SiteSubkey::kOpenings, "facekeep/site/v1/openings"},
                                                                 {SiteSubkey::kChanges, "facekeep/site/v1/changes"},
                                                                 {SiteSubkey::kRegister, "facekeep/site/v1/register"},
                                                                 {SiteSubkey::kProofs, "facekeep/site/v1/proofs"}}) {
    const SecretBytes expected = hkdf_sha256(Bytes(32, 0x42), {}, as_bytes(label), 32);
    CHECK(constant_time_equal(s.subkey(which).view(), expected.view()));
    CHECK(constant_time_equal(s.aead(which, 5).bytes(), expected.view()));
    CHECK(s.aead(which, 5).used() == 5);
    all.insert(to_bytes(expected.view()));
  }
  CHECK(all.size() == 7);
  CHECK(to_bytes(s.check()) ==
        to_bytes(hkdf_sha256(Bytes(32, 0x42), {}, as_bytes("facekeep/site/v1/check"), 32).view()));
}

TEST_CASE("a stored site key opens with token and custodians together, in its place alone") {
  test::FakeCustody token;
  const HpkeKeyPair u = generate_hpke_key_pair();
  const SiteKey s = SiteKey::generate();
  const Bytes stored = *seal_site_key(token, kPlace, u.public_key, s);
  const SiteKey back = *open_site_key(token, kPlace, u.private_key.view(), stored, s.check());
  CHECK(constant_time_equal(back.bytes(), s.bytes()));

  const auto code = [&](const SiteKeyPlace& place, const Bytes& bytes) {
    return open_site_key(token, place, u.private_key.view(), bytes, s.check()).error().code;
  };
  CHECK(code({kVault, "door", 1}, stored) == Errc::kCrypto);
  CHECK(code({Id128{9}, "gate", 1}, stored) == Errc::kCrypto);
  CHECK(code({kVault, "gate", 2}, stored) == Errc::kMalformed);
  Bytes other_epoch = stored;
  other_epoch[11] = 2;
  CHECK(code({kVault, "gate", 2}, other_epoch) == Errc::kCrypto);

  const HpkeKeyPair wrong = generate_hpke_key_pair();
  CHECK_FALSE(open_site_key(token, kPlace, wrong.private_key.view(), stored, s.check()));
  test::FakeCustody other_token;
  CHECK_FALSE(open_site_key(other_token, kPlace, u.private_key.view(), stored, s.check()));
}

TEST_CASE("one flipped bit anywhere keeps a stored site key shut") {
  test::FakeCustody token;
  const HpkeKeyPair u = generate_hpke_key_pair();
  const SiteKey s = SiteKey::generate();
  const Bytes stored = *seal_site_key(token, kPlace, u.public_key, s);
  for (std::size_t bit = 0; bit < stored.size() * 8; ++bit) {
    Bytes bad = stored;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    INFO("bit " << bit);
    CHECK_FALSE(open_site_key(token, kPlace, u.private_key.view(), bad, s.check()));
  }
}

TEST_CASE("a site key that a PIN holder put in its place is refused by its check") {
  test::FakeCustody token;
  const HpkeKeyPair u = generate_hpke_key_pair();
  const SiteKey s = SiteKey::generate();
  const Bytes forged = *seal_site_key(token, kPlace, u.public_key, SiteKey::generate());
  CHECK(open_site_key(token, kPlace, u.private_key.view(), forged, s.check()).error().code == Errc::kIntegrity);
  const Bytes short_key = *token.wrap(1, Bytes(16, 1), site_key_context(kPlace, SiteKeyLayer::kMainToken)->view());
  const Bytes outer = *seal_site_key_outer(kPlace, SiteKeyLayer::kMainToken, u.public_key, short_key);
  CHECK(open_site_key(token, kPlace, u.private_key.view(), outer, s.check()).error().code == Errc::kIntegrity);
}

TEST_CASE("neither half alone holds S, and the inner layer of one place fits no other") {
  test::FakeCustody token;
  const HpkeKeyPair u = generate_hpke_key_pair();
  const SiteKey s = SiteKey::generate();
  const Bytes stored = *seal_site_key(token, kPlace, u.public_key, s);
  const SecretBytes inner = *open_site_key_outer(kPlace, SiteKeyLayer::kMainToken, u.private_key.view(), stored);
  const auto hay = to_bytes(inner.view());
  CHECK(std::search(hay.begin(), hay.end(), s.bytes().begin(), s.bytes().end()) == hay.end());
  const SiteKeyPlace other{kVault, "door", 1};
  const Bytes moved = *seal_site_key_outer(other, SiteKeyLayer::kMainToken, u.public_key, inner.view());
  CHECK(open_site_key(token, other, u.private_key.view(), moved, s.check()).error().code == Errc::kCrypto);
}

TEST_CASE("what the tokens made of S is sealed to another U, and opens with that one alone") {
  test::FakeCustody token;
  const HpkeKeyPair before = generate_hpke_key_pair();
  const HpkeKeyPair after = generate_hpke_key_pair();
  const SiteKey s = SiteKey::generate();
  TokenWraps wraps = *wrap_site_key(token, kPlace, std::nullopt, s);
  CHECK(seal_token_wraps(kPlace, before.public_key, wraps)->spare.empty());
  wraps.spare = SecretBytes::copy_of(Bytes(256, 7));  // of a spare token
  const SealedSiteKey stored = *seal_token_wraps(kPlace, before.public_key, wraps);
  OpenedSiteKey opened = *open_site_key_for_all(token, kPlace, before.private_key.view(), stored, s.check());
  CHECK(constant_time_equal(opened.key.bytes(), s.bytes()));
  CHECK(constant_time_equal(opened.wraps.spare.view(), Bytes(256, 7)));

  const SealedSiteKey renewed = *seal_token_wraps(kPlace, after.public_key, opened.wraps);
  CHECK(open_site_key(token, kPlace, after.private_key.view(), renewed.main, s.check()));
  CHECK_FALSE(open_site_key(token, kPlace, before.private_key.view(), renewed.main, s.check()));
  const auto spare = open_site_key_outer(kPlace, SiteKeyLayer::kSpareToken, after.private_key.view(), renewed.spare);
  CHECK(constant_time_equal(spare->view(), Bytes(256, 7)));
  // A row for the spare that is still under the old U keeps nobody from opening the vault.
  opened = *open_site_key_for_all(token, kPlace, after.private_key.view(), {renewed.main, stored.spare}, s.check());
  CHECK(opened.wraps.spare.empty());
  CHECK_FALSE(open_site_key_for_all(token, kPlace, after.private_key.view(), {stored.main, renewed.spare}, s.check()));
}

TEST_CASE("the spare's blob has the same outer layer, and is not taken for the main token's") {
  const HpkeKeyPair u = generate_hpke_key_pair();
  const Bytes oaep(512, 0x11);
  const Bytes stored = *seal_site_key_outer(kPlace, SiteKeyLayer::kSpareToken, u.public_key, oaep);
  CHECK(parse_site_key_header(stored)->layer == SiteKeyLayer::kSpareToken);
  CHECK(parse_site_key_header(stored)->epoch == 1);
  CHECK(to_bytes(open_site_key_outer(kPlace, SiteKeyLayer::kSpareToken, u.private_key.view(), stored)->view()) == oaep);
  CHECK_FALSE(open_site_key_outer(kPlace, SiteKeyLayer::kMainToken, u.private_key.view(), stored));
  CHECK_FALSE(seal_site_key_outer(kPlace, SiteKeyLayer::kSpareToken, u.public_key, {}));
  CHECK_FALSE(seal_site_key_outer(kPlace, SiteKeyLayer::kSpareToken, u.public_key, Bytes(kMaxInnerBlob + 1)));
  CHECK(to_bytes(site_key_context(kPlace, SiteKeyLayer::kMainToken)->view()) !=
        to_bytes(site_key_context(kPlace, SiteKeyLayer::kSpareToken)->view()));
}

TEST_CASE("site keys of the wrong length and random bytes are refused") {
  CHECK_FALSE(SiteKey::from_secret(SecretBytes(31)));
  for (int i = 0; i < 1000; ++i) {
    const auto raw = random_array<128>();
    CHECK_FALSE(parse_site_key_header(ByteView(raw).first(raw[0] % 129)));
  }
}
