#include "vault/log/witness_request.h"

#include "tests/support/catch.h"
#include "tests/unit/log/naive_tree.h"
#include "tests/unit/log/note_keys.h"
#include "vault/log/checkpoint.h"

using namespace facekeep;
using namespace facekeep::log;
using namespace facekeep::log_test;

namespace {

struct Fixture {
  std::vector<Digest> leaves = numbered_leaves(21);
  TestSigner log = TestSigner::ed25519("log.example/1");
  WitnessRequest good{5, *consistency_proof(5, 21, naive_source(leaves)),
                      *sign_checkpoint({"log.example/1", 21, naive_root(leaves), {}}, log.key, log.sign())};
  std::string text = *format_witness_request(good);

  std::string replaced(const std::string& from, const std::string& to) const {
    std::string out = text;
    out.replace(out.find(from), from.size(), to);
    return out;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a request has the lines of the specification and reads back") {
  std::string expected = "old 5\n";
  for (const Digest& h : good.proof) expected += to_base64(h) + "\n";
  CHECK(text == expected + "\n" + good.checkpoint);
  CHECK(parse_witness_request(text).value() == good);
  const WitnessRequest first{0, {}, good.checkpoint};
  CHECK(format_witness_request(first).value() == "old 0\n\n" + good.checkpoint);
  CHECK(parse_witness_request("old 0\n\n" + good.checkpoint).value() == first);
  CHECK(parse_witness_request("old 21\n\n" + good.checkpoint));
}

TEST_CASE_METHOD(Fixture, "a request in any other form is refused") {
  const std::string hash = to_base64(good.proof.front()) + "\n";
  for (const std::string& bad :
       {std::string(), std::string("old 5"), text.substr(1), replaced("old 5\n", ""), replaced("old 5", "old  5"),
        replaced("old 5", "old 05"), replaced("old 5", "old -5"), replaced("old 5", "old 22"),
        replaced("old 5", "Old 5"), replaced("old 5\n", "old 5\r\n"), replaced("old 5", "old 18446744073709551616"),
        replaced("old 5", "old 0"), replaced(hash, hash.substr(4)), replaced(hash, "====\n"), replaced("\n\n", "\n"),
        text + "x", text.substr(0, text.size() - 1), replaced(good.checkpoint, "")}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_witness_request(bad));
  }
}

TEST_CASE_METHOD(Fixture, "a proof has at most 63 hashes") {
  WitnessRequest many = good;
  many.proof.assign(63, Digest{});
  CHECK(parse_witness_request(format_witness_request(many).value()).value() == many);
  many.proof.emplace_back();
  CHECK(format_witness_request(many).error().code == Errc::kInvalidArgument);
  std::string text64 = "old 5\n";
  for (int i = 0; i < 64; ++i) text64 += to_base64(Digest{}) + "\n";
  CHECK(parse_witness_request(text64 + "\n" + good.checkpoint).error().code == Errc::kTooLarge);
}

TEST_CASE("a witness's size is decimal, with or without its newline") {
  CHECK(format_witness_size(0) == "0\n");
  CHECK(parse_witness_size("18446744073709551615\n").value() == 18446744073709551615U);
  CHECK(parse_witness_size("7").value() == 7);
  for (const char* bad : {"", "\n", "07\n", "7\n\n", " 7", "7 ", "+7", "seven"}) CHECK_FALSE(parse_witness_size(bad));
}
