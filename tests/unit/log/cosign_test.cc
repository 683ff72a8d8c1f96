#include "vault/log/cosign.h"

#include "tests/support/catch.h"
#include "tests/unit/log/naive_tree.h"
#include "tests/unit/log/note_keys.h"
#include "vault/log/checkpoint.h"

using namespace facekeep;
using namespace facekeep::log;
using facekeep::log_test::naive_root;
using facekeep::log_test::numbered_leaves;
using facekeep::log_test::TestSigner;

namespace {

constexpr CosignTime kTime = 1795305600;

struct TestWitness {
  TestSigner signer;
  ledger::WitnessKey key;
  explicit TestWitness(const std::string& name) : signer(TestSigner::ed25519(name)) {
    std::array<std::uint8_t, 32> raw{};
    std::copy(signer.key.public_key.begin(), signer.key.public_key.end(), raw.begin());
    key = ledger::make_witness_key(name, raw).value();
  }
  NoteSignature over(std::string_view text, CosignTime time = kTime) const {
    return cosign(key, text, time, signer.sign()).value();
  }
};

struct Fixture {
  TestSigner log = TestSigner::ed25519("log.example/1");
  TestWitness one{"witness.example/w1"};
  TestWitness two{"witness.example/w2"};
  std::vector<ledger::WitnessKey> known = {one.key, two.key};
  std::string note = *sign_checkpoint({"log.example/1", 5, naive_root(numbered_leaves(5)), {}}, log.key, log.sign());
  std::string text = parse_note(note)->text;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a cosignature is over the header, the time and the text, in the specification's bytes") {
  CHECK(cosigned_message(text, kTime) == "cosignature/v1\ntime 1795305600\n" + text);
  const NoteSignature s = one.over(text);
  REQUIRE(s.signature.size() == 72);
  CHECK(load_be64(s.signature.data()) == kTime);
  // The key id is that of type 0x04, so the same key is no signer of notes.
  CHECK(s.id != one.signer.key.id);
  CHECK(verify_signature(one.signer.key, as_bytes(cosigned_message(text, kTime)), ByteView(s.signature).subspan(8)));
}

TEST_CASE_METHOD(Fixture, "a cosignature verifies under its own key, text and time alone") {
  const NoteSignature good = one.over(text);
  CHECK(verify_cosignature(one.key, text, good).value() == kTime);
  CHECK(verify_cosignature(two.key, text, good).error().code == Errc::kMalformed);
  CHECK(verify_cosignature(one.key, text + "x\n", good).error().code == Errc::kCrypto);
  for (std::size_t i = 0; i < good.signature.size(); ++i) {
    NoteSignature bad = good;
    bad.signature[i] ^= 1;
    CAPTURE(i);
    CHECK_FALSE(verify_cosignature(one.key, text, bad));
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{8}, std::size_t{64}, std::size_t{71}, std::size_t{73}}) {
    NoteSignature bad = good;
    bad.signature.resize(size);
    CHECK(verify_cosignature(one.key, text, bad).error().code == Errc::kMalformed);
  }
}

TEST_CASE_METHOD(Fixture, "a time of 2^63 and beyond is refused on both sides") {
  constexpr CosignTime kLast = (CosignTime{1} << 63) - 1;
  CHECK(verify_cosignature(one.key, text, one.over(text, kLast)).value() == kLast);
  CHECK(cosign(one.key, text, kLast + 1, one.signer.sign()).error().code == Errc::kInvalidArgument);
  NoteSignature bad = one.over(text, kLast);
  bad.signature[0] = 0x80;
  CHECK(verify_cosignature(one.key, text, bad).error().code == Errc::kMalformed);
}

TEST_CASE_METHOD(Fixture, "another witness's key can't sign as this one") {
  CHECK(cosign(one.key, text, kTime, two.signer.sign()).error().code == Errc::kCrypto);
}

TEST_CASE_METHOD(Fixture, "known witnesses are found among strangers and the log itself") {
  const TestWitness stranger("witness.example/w9");
  std::string all = note + format_signature_line(stranger.over(text)) + format_signature_line(two.over(text, 7)) +
                    format_signature_line(two.over(text, 9));
  auto found = find_cosignatures(*parse_note(all), known);
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK(found->front().witness == 1);
  CHECK(found->front().time == 9);
  CHECK(open_checkpoint(all, log.key));
  all += format_signature_line(one.over(text));
  CHECK(find_cosignatures(*parse_note(all), known)->size() == 2);
  CHECK(find_cosignatures(*parse_note(note), known)->empty());
}

TEST_CASE_METHOD(Fixture, "a wrong cosignature of a known witness is an error, not a stranger's") {
  NoteSignature bad = one.over(text);
  bad.signature.back() ^= 1;
  CHECK(find_cosignatures(*parse_note(note + format_signature_line(bad)), known).error().code == Errc::kCrypto);
}

// The worked example of vault/log/FORMAT.md, section 13.
TEST_CASE("the specification's cosignature verifies under the specification's key") {
  const auto key =
      ledger::parse_witness_key("witness.example/w1+eb762cc2+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea").value();
  const std::string note =
      "vault.example/gate\n3\nH14gSufRkLn9XH/jLMVRjBycsbGfi9pAj5yiGYapEFY=\n\n"
      "\xE2\x80\x94 vault.example/gate "
      "LgdDI4eepgrIPpnGfe+Yao2oyLskHauRfEdpELpu6EtJO6QHVXBYIfKQedADwNJWSsj56R+eWASlXIzlED4A0TpJ/AI=\n"
      "\xE2\x80\x94 witness.example/w1 "
      "63YswgAAAABrAjCA92ZIqz8/7oA81/v8la1s9Ua302BbeeowairMZhqGToCgi5ovjun3U0319EY+iYDscW18q8WQ+sz4OOHaTABSBA==\n";
  const auto found = find_cosignatures(parse_note(note).value(), std::vector{key});
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK(found->front().time == kTime);
}
