#include "vault/seal/blob.h"

#include "tests/support/catch.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::seal;

namespace {
Aad aad_of(Purpose purpose, std::string_view site = "gate", std::uint32_t epoch = 1) {
  return *make_aad({Id128{}, site}, epoch, purpose, as_bytes("ref"));
}
}  // namespace

TEST_CASE("a blob opens under its key and place, and nowhere else") {
  AeadKey key = AeadKey::generate();
  const Bytes blob = *seal_blob(key, aad_of(Purpose::kOpening), as_bytes("event"));
  CHECK(blob.size() == 5 + kBlobOverhead);
  CHECK(to_hex(ByteView(blob).first(8)) == "464b424c01010900");
  CHECK(parse_blob_header(blob)->purpose == Purpose::kOpening);
  CHECK(as_chars(open_blob(key, aad_of(Purpose::kOpening), blob)->view()) == "event");
  CHECK(open_blob(AeadKey::generate(), aad_of(Purpose::kOpening), blob).error().code == Errc::kCrypto);
  CHECK(open_blob(key, aad_of(Purpose::kOpening, "door"), blob).error().code == Errc::kCrypto);
  CHECK(open_blob(key, aad_of(Purpose::kOpening, "gate", 2), blob).error().code == Errc::kCrypto);
  CHECK(open_blob(key, aad_of(Purpose::kRegister), blob).error().code == Errc::kMalformed);
  CHECK(blob_digest(blob) == sha256(blob));
}

TEST_CASE("one flipped bit anywhere keeps a blob shut, its header included") {
  AeadKey key = AeadKey::generate();
  const Bytes blob = *seal_blob(key, aad_of(Purpose::kOpening), as_bytes("some event"));
  for (std::size_t bit = 0; bit < blob.size() * 8; ++bit) {
    Bytes bad = blob;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    INFO("bit " << bit);
    CHECK_FALSE(open_blob(key, aad_of(Purpose::kOpening), bad));
  }
  for (std::size_t n = 0; n < blob.size(); ++n) {
    CHECK_FALSE(open_blob(key, aad_of(Purpose::kOpening), ByteView(blob).first(n)));
  }
  Bytes longer = blob;
  longer.push_back(0);
  CHECK_FALSE(open_blob(key, aad_of(Purpose::kOpening), longer));
}

TEST_CASE("a header is authenticated, not only parsed") {
  // The purpose byte rewritten, and opened in the place of that purpose with the same ref.
  AeadKey key = AeadKey::generate();
  Bytes blob = *seal_blob(key, aad_of(Purpose::kOpening), as_bytes("event"));
  blob[6] = static_cast<std::uint8_t>(Purpose::kChange);
  CHECK(open_blob(key, aad_of(Purpose::kChange), blob).error().code == Errc::kCrypto);
}

TEST_CASE("an unknown suite or version is named") {
  AeadKey key = AeadKey::generate();
  Bytes blob = *seal_blob(key, aad_of(Purpose::kOpening), as_bytes("event"));
  blob[5] = 2;
  CHECK(parse_blob_header(blob).error().message.starts_with("the suite of a sealed blob has format 2"));
  blob[4] = 2;
  CHECK(parse_blob_header(blob).error().message.starts_with("a sealed blob has format 2"));
  CHECK(parse_blob_header(blob).error().code == Errc::kMalformed);
}

TEST_CASE("blobs have a largest size") {
  AeadKey key = AeadKey::generate();
  CHECK(seal_blob(key, aad_of(Purpose::kOpening), Bytes(kMaxBlobPlain + 1)).error().code == Errc::kTooLarge);
  CHECK(seal_blob(key, aad_of(Purpose::kOpening), Bytes(1000000)));
}

TEST_CASE("a wrapped key comes back with its count, fits a slot, and swaps with no other subject's") {
  AeadKey site = AeadKey::generate();
  const auto place = [](std::uint8_t ref) {
    Id128 r{};
    r[0] = ref;
    return *make_aad({Id128{}, "gate"}, 1, Purpose::kSubjectKey, r);
  };
  AeadKey key = AeadKey::generate();
  const Bytes record = *wrap_key(site, place(1), key);
  CHECK(record.size() == kKeyRecordSize);
  const AeadKey back = *unwrap_key(site, place(1), record, 17);
  CHECK(constant_time_equal(back.bytes(), key.bytes()));
  CHECK(back.used() == 17);
  CHECK(unwrap_key(site, place(2), record, 0).error().code == Errc::kCrypto);
  CHECK_FALSE(unwrap_key(site, place(1), ByteView(record).first(67), 0));
}

TEST_CASE("random bytes are no blob") {
  for (int i = 0; i < 2000; ++i) {
    const auto raw = random_array<64>();
    CHECK_FALSE(parse_blob_header(ByteView(raw).first(raw[0] % 65)));
  }
}
