#include "vault/log/checkpoint.h"

#include "tests/support/catch.h"
#include "tests/unit/log/note_keys.h"
#include "vault/log/merkle.h"

using namespace facekeep;
using namespace facekeep::log;
using facekeep::log_test::TestSigner;

namespace {

const std::string kRoot = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";  // the specification's example

}  // namespace

TEST_CASE("the specification's example of a checkpoint text parses") {
  const std::string text = "example.com/behind-the-sofa\n20852163\n" + kRoot + "\n";
  const auto checkpoint = parse_checkpoint_text(text);
  REQUIRE(checkpoint);
  CHECK(checkpoint->origin == "example.com/behind-the-sofa");
  CHECK(checkpoint->size == 20852163);
  CHECK(to_base64(checkpoint->root) == kRoot);
  CHECK(*format_checkpoint_text(*checkpoint) == text);
}

TEST_CASE("extension lines are refused unless tolerated") {
  const std::string text = "o\n1\n" + kRoot + "\nmore\nand more\n";
  CHECK(parse_checkpoint_text(text).error().code == Errc::kMalformed);
  const auto checkpoint = parse_checkpoint_text(text, Extensions::kTolerate);
  REQUIRE(checkpoint);
  CHECK(checkpoint->extensions == std::vector<std::string>{"more", "and more"});
  CHECK(*format_checkpoint_text(*checkpoint) == text);
  CHECK_FALSE(parse_checkpoint_text("o\n1\n" + kRoot + "\n\n", Extensions::kTolerate));
  CHECK_FALSE(parse_checkpoint_text("o\n1\n" + kRoot + "\nmore", Extensions::kTolerate));
  CHECK_FALSE(parse_checkpoint_text("o\n1\n" + kRoot + "\nmo\tre\n", Extensions::kTolerate));
}

TEST_CASE("checkpoint texts of a wrong form are refused") {
  for (const std::string& bad :
       {std::string(), std::string("o\n"), std::string("o\n1\n"), "\n1\n" + kRoot + "\n", "o\n1\n" + kRoot,
        "o\n01\n" + kRoot + "\n", "o\n+1\n" + kRoot + "\n", "o\n-1\n" + kRoot + "\n", "o\n 1\n" + kRoot + "\n",
        "o\n1 \n" + kRoot + "\n", "o\n\n" + kRoot + "\n", "o\n0x1\n" + kRoot + "\n",
        "o\n18446744073709551616\n" + kRoot + "\n", std::string("o\n1\nAAAA\n"), "o\n1\n" + kRoot + " \n",
        "o\n1\n" + kRoot.substr(1) + "\n", "o\r\n1\n" + kRoot + "\n", "\xff\n1\n" + kRoot + "\n",
        std::string(256, 'o') + "\n1\n" + kRoot + "\n"}) {
    INFO(bad);
    CHECK(parse_checkpoint_text(bad).error().code == Errc::kMalformed);
  }
  CHECK(parse_checkpoint_text("o\n18446744073709551615\n" + kRoot + "\n"));
  CHECK(parse_checkpoint_text(std::string(kMaxCheckpointText + 1, 'x')).error().code == Errc::kTooLarge);
}

TEST_CASE("an empty log has the root of RFC 6962 and no other") {
  CHECK(parse_checkpoint_text("o\n0\n" + to_base64(empty_root()) + "\n"));
  CHECK_FALSE(parse_checkpoint_text("o\n0\n" + kRoot + "\n"));
  CHECK_FALSE(parse_checkpoint_text("o\n0\n" + to_base64(Digest{}) + "\n"));
  CHECK_FALSE(format_checkpoint_text({"o", 0, Digest{}, {}}));
}

TEST_CASE("a checkpoint that can't be one is not formatted") {
  CHECK_FALSE(format_checkpoint_text({"", 1, Digest{}, {}}));
  CHECK_FALSE(format_checkpoint_text({"a\nb", 1, Digest{}, {}}));
  CHECK_FALSE(format_checkpoint_text({"a", 1, Digest{}, {""}}));
  CHECK_FALSE(format_checkpoint_text({"a", 1, Digest{}, {"x\ny"}}));
  CHECK_FALSE(format_checkpoint_text({"a", 1, Digest{}, {std::string(kMaxCheckpointText, 'x')}}));
}

TEST_CASE("a signed checkpoint opens with the log's key and origin only") {
  const TestSigner log = TestSigner::ed25519("log.example/1");
  const auto note = sign_checkpoint({"log.example/1", 7, leaf_hash({}), {}}, log.key, log.sign());
  REQUIRE(note);
  CHECK(open_checkpoint(*note, log.key)->size == 7);
  CHECK(open_checkpoint(*note, TestSigner::ed25519("log.example/1").key).error().code == Errc::kCrypto);
  CHECK(sign_checkpoint({"log.example/2", 7, leaf_hash({}), {}}, log.key, log.sign()).error().code ==
        Errc::kInvalidArgument);
  // The log's key under another log's text.
  const auto foreign = format_note("log.example/2\n7\n" + kRoot + "\n", log.key, log.sign());
  CHECK(open_checkpoint(*foreign, log.key).error().code == Errc::kCrypto);
  // Signed, but not a checkpoint.
  const auto letter = format_note("Dear log,\n", log.key, log.sign());
  CHECK(open_checkpoint(*letter, log.key).error().code == Errc::kMalformed);
}
