#include "vault/log/note.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/unit/log/note_keys.h"
#include "vault/base/digest.h"
#include "vault/log/checkpoint.h"
#include "vault/log/merkle.h"

using namespace facekeep;
using namespace facekeep::log;
using facekeep::log_test::TestSigner;

namespace {

constexpr const char* kTesseraKey = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

constexpr const char* kDash = "\xE2\x80\x94 ";

}  // namespace

TEST_CASE("a published verifier key parses and formats to itself") {
  const auto key = parse_vkey(kTesseraKey);
  REQUIRE(key);
  CHECK(key->name == "example.com/log/testdata");
  CHECK(key->id == 0x33d7b496);
  CHECK(key->type == SignatureType::kEd25519);
  CHECK(key->public_key.size() == 32);
  CHECK(format_vkey(*key) == kTesseraKey);
}

TEST_CASE("the key id of P-256 hashes the key alone") {
  const TestSigner a = TestSigner::p256("one.example/log");
  const auto renamed = make_verifier_key("two.example/log", SignatureType::kEcdsaP256, a.key.public_key);
  REQUIRE(renamed);
  CHECK(renamed->id == a.key.id);
  CHECK(a.key.id == load_be32(sha256(a.key.public_key).data()));
  CHECK(*parse_vkey(format_vkey(a.key)) == a.key);
}

TEST_CASE("a verifier key that was altered is refused") {
  const std::string good = kTesseraKey;
  for (std::string bad : {good.substr(1), good + "A", good.substr(0, good.size() - 4), std::string(),
                          std::string("+33d7b496+AeHT"), std::string("a+b"), std::string("a+33d7b496+"),
                          std::string("a b+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")}) {
    INFO(bad);
    CHECK(parse_vkey(bad).error().code == Errc::kMalformed);
  }
  std::string upper = good;
  upper.replace(upper.find("33d7"), 8, "33D7B496");
  CHECK_FALSE(parse_vkey(upper));
  std::string other_type = good;
  other_type.replace(other_type.find("AeHT"), 2, "BO");  // type 0x04
  CHECK_FALSE(parse_vkey(other_type));
  CHECK(parse_vkey(std::string(kMaxVkeySize + 1, 'a')).error().code == Errc::kTooLarge);
}

TEST_CASE("a key name has no spaces of any script, no plus and no control characters") {
  const Bytes key = parse_vkey(kTesseraKey)->public_key;
  for (const char* name : {"a", "example.com/log42", "\xE6\x9D\xB1\xE4\xBA\xAC"}) {
    CHECK(make_verifier_key(name, SignatureType::kEd25519, key));
  }
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a+b"), std::string("a\tb"), std::string("a\nb"),
        std::string("a\xC2\xA0"), std::string("a\xE2\x80\xA8"), std::string("\xE3\x80\x80"), std::string("\xff"),
        std::string("a\0b", 3), std::string(kMaxKeyName + 1, 'a')}) {
    INFO(name);
    CHECK_FALSE(make_verifier_key(name, SignatureType::kEd25519, key));
  }
}

TEST_CASE("a public key of another type or curve is refused") {
  const TestSigner p256 = TestSigner::p256("a");
  CHECK_FALSE(make_verifier_key("a", SignatureType::kEd25519, p256.key.public_key));
  CHECK_FALSE(make_verifier_key("a", SignatureType::kEcdsaP256, Bytes(32, 1)));
  CHECK_FALSE(make_verifier_key("a", SignatureType::kEcdsaP256, {}));
  CHECK_FALSE(make_verifier_key("a", SignatureType::kEcdsaP256, log_test::spki(log_test::new_ec_key("P-384"))));
  CHECK_FALSE(make_verifier_key("a", SignatureType::kEcdsaP256, concat(p256.key.public_key, Bytes{0})));
  CHECK_FALSE(make_verifier_key("a", static_cast<SignatureType>(4), Bytes(32, 1)));
}

TEST_CASE("a note signed with either kind of key verifies with that key only") {
  for (const TestSigner& signer : {TestSigner::ed25519("log.example/1"), TestSigner::p256("log.example/1")}) {
    const auto text = format_note("hello\n\nworld\n", signer.key, signer.sign());
    REQUIRE(text);
    const auto note = parse_note(*text);
    REQUIRE(note);
    CHECK(note->text == "hello\n\nworld\n");
    const VerifierKey other = TestSigner::ed25519("log.example/1").key;
    const std::vector<VerifierKey> both = {other, signer.key};
    CHECK(*verify_note(*note, both) == std::vector<std::size_t>{1});
    CHECK(verify_note(*note, std::span(&other, 1)).error().code == Errc::kCrypto);
    CHECK(verify_note(*note, {}).error().code == Errc::kCrypto);
    Note altered = *note;
    altered.text[0] ^= 1;
    CHECK(verify_note(altered, both).error().code == Errc::kCrypto);
  }
}

TEST_CASE("signatures of unknown keys are ignored and wrong ones of known keys are not") {
  const TestSigner log = TestSigner::ed25519("log.example/1");
  const TestSigner witness = TestSigner::p256("witness.example");
  const std::string text = *format_note("hello\n", log.key, log.sign());
  const std::string cosigned =
      text + format_signature_line({witness.key.name, witness.key.id, *witness.sign()(as_bytes("hello\n"))});
  const std::vector<VerifierKey> both = {log.key, witness.key};
  CHECK(verify_note(*parse_note(cosigned), both)->size() == 2);
  CHECK(verify_note(*parse_note(cosigned), std::span(&log.key, 1))->size() == 1);

  // Same name, other id; same id, other name: unknown keys both.
  const std::string noise = text + format_signature_line({log.key.name, log.key.id ^ 1, {1, 2, 3}}) +
                            format_signature_line({"other", log.key.id, {1, 2, 3}});
  CHECK(verify_note(*parse_note(noise), std::span(&log.key, 1))->size() == 1);

  const std::string forged = text + format_signature_line({witness.key.name, witness.key.id, {1, 2, 3}});
  CHECK(verify_note(*parse_note(forged), both).error().code == Errc::kCrypto);
  const std::string doubled = text + format_signature_line({log.key.name, log.key.id, Bytes(64, 1)});
  CHECK(verify_note(*parse_note(doubled), both).error().code == Errc::kCrypto);
}

TEST_CASE("a signer whose signature does not fit its key makes no note") {
  const TestSigner a = TestSigner::ed25519("a");
  const TestSigner b = TestSigner::ed25519("a");
  CHECK(format_note("hello\n", a.key, b.sign()).error().code == Errc::kCrypto);
  const Sign away = [](ByteView) -> Result<Bytes> { return make_error(Errc::kHsmGone, "away"); };
  CHECK(format_note("hello\n", a.key, away).error().code == Errc::kHsmGone);
  CHECK(format_note("hello", a.key, a.sign()).error().code == Errc::kInvalidArgument);
  CHECK(format_note("a\tb\n", a.key, a.sign()).error().code == Errc::kInvalidArgument);
  CHECK(format_note("\xff\n", a.key, a.sign()).error().code == Errc::kInvalidArgument);
}

TEST_CASE("a note that is cut anywhere is refused or does not verify") {
  const TestSigner a = TestSigner::ed25519("log.example/1");
  const std::string note = *format_note("origin\n1\n", a.key, a.sign());
  for (std::size_t n = 0; n < note.size(); ++n) {
    const auto cut = parse_note(note.substr(0, n));
    CHECK_FALSE(cut);
  }
}

TEST_CASE("notes of a wrong form are refused") {
  const std::string line = std::string(kDash) + "a AAAAAAA=\n";  // 5 bytes: an id and one byte
  CHECK(parse_note("x\n\n" + line));
  const std::string bad[] = {"",
                             "\n",
                             "\n\n",
                             "x\n\n",
                             "x\n" + line,
                             "x\n\n" + line + "y\n",
                             "x\n\n" + line.substr(0, line.size() - 1),
                             "x\n\n- a AAAAAAA=\n",
                             "x\n\n" + std::string(kDash) + "a AAAAAA==\n",
                             "x\n\n" + std::string(kDash) + "a+b AAAAAAA=\n",
                             "x\n\n" + std::string(kDash) + " AAAAAAA=\n",
                             "x\n\n" + std::string(kDash) + "a\n",
                             "x\n\n" + std::string(kDash) + "a  AAAAAAA=\n",
                             "x\n\n" + std::string(kDash) + "a AAAAAAA= \n",
                             "x\r\n\n" + line,
                             "\xc0\x80\n\n" + line,
                             std::string("x\0\n\n", 4) + line};
  for (const std::string& text : bad) {
    INFO(text);
    CHECK(parse_note(text).error().code == Errc::kMalformed);
  }
}

TEST_CASE("notes over the limits are refused") {
  const std::string line = std::string(kDash) + "a AAAAAAA=\n";
  std::string note = "x\n\n";
  for (std::size_t i = 0; i < kMaxNoteSignatures; ++i) note += line;
  CHECK(parse_note(note)->signatures.size() == kMaxNoteSignatures);
  CHECK(parse_note(note + line).error().code == Errc::kTooLarge);
  CHECK(parse_note(std::string(kMaxNoteSize, 'x') + "\n\n" + line).error().code == Errc::kTooLarge);
}

TEST_CASE("checkpoints of another implementation verify") {
  const std::filesystem::path dir = std::filesystem::path(facekeep::test::shared_dir()) / "vectors/tessera-log";
  if (!std::filesystem::exists(dir)) {
    WARN("skipped: no vectors at " << dir);
    return;
  }
  const VerifierKey key = *parse_vkey(kTesseraKey);
  for (int i = 0; i <= 15; ++i) {
    std::ifstream in(dir / ("checkpoint." + std::to_string(i)), std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(in), {});
    const auto note = parse_note(text);
    REQUIRE(note);
    CHECK(verify_note(*note, std::span(&key, 1)));
    CHECK(note->text + "\n" + format_signature_line(note->signatures[0]) == text);
    const auto checkpoint = open_checkpoint(text, key);
    REQUIRE(checkpoint);
    CHECK(*format_checkpoint_text(*checkpoint) == note->text);
    text[text.find('\n') + 1] ^= 1;  // another size
    CHECK_FALSE(open_checkpoint(text, key));
  }
}
