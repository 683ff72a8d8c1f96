#include "vault/log/sequencer/access_opening.h"

#include <numeric>

#include "tests/support/catch.h"
#include "vault/base/digest.h"
#include "vault/log/sequencer/recovery.h"

using namespace facekeep;
using namespace facekeep::log;

namespace {

// Entry 2 of the worked example in vault/log/FORMAT.md, section 13.
constexpr std::string_view kEvent =
    R"({"body":{"by":"door/1","call":"verify","decision":"match","door":"gate-north","model":"arc","site":"gate",)"
    R"("subject":"f0e1d2c3b4a5968778695a4b3c2d1e0f"},"class":"access","time":"2026-11-22T08:02:00.000Z","type":"match",)"
    R"("uptime_ms":121000,"v":1})";
constexpr std::string_view kCommitment = "0436034b2316e4c495ea8388f0529fe18f08a89c4b72796065bbfa15f09d23de";
constexpr std::string_view kAad =
    "000f666163656b6565702f6161642f7631"    // facekeep/aad/v1
    "000101"                                // suite
    "0010000102030405060708090a0b0c0d0e0f"  // vault
    "000400000000"                          // epoch
    "00076f70656e696e67"                    // opening
    "000467617465"                          // gate
    "00080000000000000002";                 // entry 2

Id128 vault_id() {
  Id128 id{};
  std::iota(id.begin(), id.end(), std::uint8_t{0});
  return id;
}
Bytes salt_and_event() {
  Bytes salt(32);
  std::iota(salt.begin(), salt.end(), std::uint8_t{0x20});
  return concat(salt, as_bytes(kEvent));
}
Digest commitment() {
  return from_hex_exact<32>(kCommitment).value();
}
seal::AeadKey monthly_key(std::uint8_t fill = 7) {
  return seal::AeadKey::create(SecretBytes::copy_of(Bytes(32, fill))).value();
}
Bytes sealed(std::uint64_t index = 2, const std::string& site = "gate") {
  seal::AeadKey key = monthly_key();
  return seal_access_opening(key, vault_id(), site, "2026-11", index, salt_and_event()).value();
}
Result<ledger::Event> open(ByteView stored, std::uint64_t index = 2, const Digest& want = commitment()) {
  FK_TRY(const AccessOpeningHeader header, parse_access_opening(stored));
  return open_access(monthly_key(), vault_id(), header, index, want);
}

TEST_CASE("an access opening has the specification's size and head") {
  const Bytes stored = sealed();
  CHECK(stored.size() == 324);
  CHECK(to_hex(ByteView(stored).first(13)) == "020467617465323032362d3131");
  const auto header = parse_access_opening(stored);
  REQUIRE(header);
  CHECK(header->site == "gate");
  CHECK(header->period == "2026-11");
  CHECK(header->blob.data() == stored.data() + 13);
  CHECK(header->blob.size() == stored.size() - 13);
}

TEST_CASE("an access opening is sealed with the specification's associated data") {
  const Bytes stored = sealed();
  const ByteView blob = ByteView(stored).subspan(13);
  // A blob's own header stands in front of the associated data (vault/seal/FORMAT.md).
  const auto plain = monthly_key().open(concat(blob.first(8), from_hex(kAad).value()), blob.subspan(8));
  REQUIRE(plain);
  CHECK(to_bytes(plain->view()) == salt_and_event());
}

TEST_CASE("an access opening gives the event back that its commitment names") {
  const auto event = open(sealed());
  REQUIRE(event);
  CHECK(ledger::encode_event(*event).value() == kEvent);
}

TEST_CASE("an access opening opens at its own place alone") {
  const Bytes stored = sealed();
  CHECK(open(stored, 3).error().code == Errc::kCrypto);
  const auto header = parse_access_opening(stored);
  REQUIRE(header);
  CHECK(open_access(monthly_key(8), vault_id(), *header, 2, commitment()).error().code == Errc::kCrypto);
  CHECK(open_access(monthly_key(), Id128{}, *header, 2, commitment()).error().code == Errc::kCrypto);
  Bytes moved = stored;
  moved[2] = 'l';  // "late"
  CHECK(open(moved).error().code == Errc::kCrypto);
}

TEST_CASE("an access opening that does not fit its commitment is refused") {
  Digest other = commitment();
  other[31] ^= 1;
  CHECK(open(sealed(), 2, other).error().code == Errc::kIntegrity);
}

TEST_CASE("an access opening that is too short inside is refused") {
  seal::AeadKey key = monthly_key();
  for (const std::size_t size : {0U, 1U, 32U}) {
    const auto stored = seal_access_opening(key, vault_id(), "gate", "2026-11", 2, Bytes(size, 1));
    if (stored) CHECK_FALSE(open(*stored));
  }
}

TEST_CASE("one flipped bit behind the month keeps an access opening shut") {
  const Bytes stored = sealed();
  for (std::size_t i = 13; i < stored.size(); ++i) {
    Bytes bad = stored;
    bad[i] ^= 1;
    INFO("byte " << i);
    CHECK_FALSE(open(bad));
  }
}

TEST_CASE("what is no access opening is malformed") {
  const Bytes stored = sealed();
  for (std::size_t n = 0; n < 13; ++n) CHECK_FALSE(parse_access_opening(ByteView(stored).first(n)));
  const auto with = [&](std::size_t at, std::uint8_t byte) {
    Bytes b = stored;
    b[at] = byte;
    return parse_access_opening(b);
  };
  CHECK_FALSE(with(0, kOpeningClear));
  CHECK_FALSE(with(0, 0));
  CHECK_FALSE(with(1, 0));     // no site
  CHECK_FALSE(with(1, 5));     // the month one byte later
  CHECK_FALSE(with(1, 255));   // a site beyond the end, or over its limit
  CHECK_FALSE(with(2, 'G'));   // no slug
  CHECK_FALSE(with(11, '9'));  // month 91
  CHECK(with(11, '0'));
  CHECK(with(2, '1').error().code == Errc::kMalformed);
}

}  // namespace
