#include "vault/log/proof.h"

#include "tests/support/catch.h"
#include "tests/unit/log/naive_tree.h"
#include "tests/unit/log/note_keys.h"

using namespace facekeep;
using namespace facekeep::log;
using facekeep::log_test::naive_root;
using facekeep::log_test::naive_source;
using facekeep::log_test::numbered_leaves;
using facekeep::log_test::TestSigner;

namespace {

struct Fixture {
  std::vector<Digest> leaves = numbered_leaves(21);
  TestSigner log = TestSigner::ed25519("log.example/1");

  Receipt receipt(std::uint64_t index) const {
    Receipt out;
    out.index = index;
    out.hashes = *inclusion_proof(index, leaves.size(), naive_source(leaves));
    out.checkpoint = *sign_checkpoint({"log.example/1", leaves.size(), naive_root(leaves), {}}, log.key, log.sign());
    return out;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a receipt has the lines of the specification") {
  Receipt r = receipt(3);
  r.extra = to_bytes("context");
  const std::string text = *format_receipt(r);
  std::string expected = "c2sp.org/tlog-proof@v1\nextra Y29udGV4dA==\nindex 3\n";
  for (const Digest& h : r.hashes) expected += to_base64(h) + "\n";
  CHECK(text == expected + "\n" + r.checkpoint);
}

TEST_CASE_METHOD(Fixture, "a receipt survives the way there and back and verifies") {
  for (std::uint64_t i = 0; i < leaves.size(); ++i) {
    for (const std::size_t extra : {std::size_t{0}, std::size_t{1}, kMaxReceiptExtra}) {
      Receipt r = receipt(i);
      r.extra = Bytes(extra, 5);
      const auto parsed = parse_receipt(*format_receipt(r));
      REQUIRE(parsed);
      CHECK(parsed->extra == r.extra);
      const auto checkpoint = verify_receipt(*parsed, leaves[i], log.key);
      REQUIRE(checkpoint);
      CHECK(checkpoint->size == leaves.size());
    }
  }
}

TEST_CASE_METHOD(Fixture, "a receipt of another entry, place, proof, log or key is refused") {
  const Receipt good = receipt(4);
  CHECK(verify_receipt(good, leaves[5], log.key).error().code == Errc::kIntegrity);
  Receipt r = good;
  r.index = 5;
  CHECK(verify_receipt(r, leaves[4], log.key).error().code == Errc::kIntegrity);
  r.index = 21;
  CHECK(verify_receipt(r, leaves[4], log.key).error().code == Errc::kIntegrity);
  r = good;
  r.hashes[1][0] ^= 1;
  CHECK(verify_receipt(r, leaves[4], log.key).error().code == Errc::kIntegrity);
  r = good;
  r.hashes.pop_back();
  CHECK(verify_receipt(r, leaves[4], log.key).error().code == Errc::kIntegrity);
  CHECK(verify_receipt(good, leaves[4], TestSigner::ed25519("log.example/1").key).error().code == Errc::kCrypto);
  r = good;
  r.checkpoint.replace(r.checkpoint.find("21"), 2, "22");
  CHECK(verify_receipt(r, leaves[4], log.key).error().code == Errc::kCrypto);
}

TEST_CASE_METHOD(Fixture, "a receipt that is cut anywhere is refused") {
  Receipt r = receipt(0);
  r.extra = {1};
  const std::string text = *format_receipt(r);
  for (std::size_t n = 0; n < text.size(); ++n) CHECK_FALSE(parse_receipt(text.substr(0, n)));
}

TEST_CASE_METHOD(Fixture, "receipts of a wrong form are refused") {
  const std::string note = receipt(0).checkpoint;
  const std::string head = "c2sp.org/tlog-proof@v1\n";
  const std::string hash = to_base64(leaves[0]) + "\n";
  CHECK(parse_receipt(head + "index 0\n\n" + note));
  for (const std::string& bad :
       {std::string(), note, "index 0\n\n" + note, head + "\n" + note, head + "index 00\n\n" + note,
        head + "index -1\n\n" + note, head + "index\n\n" + note, head + "index 0\n" + note,
        head + "index 0\nAAAA\n\n" + note, head + "index 0\n" + hash.substr(1) + "\n" + note,
        head + "extra \nindex 0\n\n" + note, head + "extra !\nindex 0\n\n" + note,
        head + "extra AA==\nextra AA==\nindex 0\n\n" + note, head + "index 0\nextra AA==\n\n" + note,
        head + "index 0\n\n\n" + note.substr(1, 3), "c2sp.org/tlog-proof@v2\nindex 0\n\n" + note,
        head + "index 0\r\n\n" + note, head + "index 18446744073709551616\n\n" + note}) {
    INFO(bad);
    CHECK(parse_receipt(bad).error().code == Errc::kMalformed);
  }
}

TEST_CASE_METHOD(Fixture, "receipts over the limits are refused") {
  const std::string note = receipt(0).checkpoint;
  const std::string head = "c2sp.org/tlog-proof@v1\n";
  std::string hashes;
  for (std::size_t i = 0; i < kMaxInclusionHashes; ++i) hashes += to_base64(leaves[0]) + "\n";
  CHECK(parse_receipt(head + "index 0\n" + hashes + "\n" + note));
  CHECK(parse_receipt(head + "index 0\n" + hashes + to_base64(leaves[0]) + "\n\n" + note).error().code ==
        Errc::kTooLarge);
  CHECK(parse_receipt(head + "extra " + to_base64(Bytes(kMaxReceiptExtra + 1)) + "\nindex 0\n\n" + note).error().code ==
        Errc::kTooLarge);
  CHECK(parse_receipt(std::string(kMaxReceiptSize + 1, 'x')).error().code == Errc::kTooLarge);
  Receipt r = receipt(0);
  r.checkpoint = "not a note";
  CHECK(format_receipt(r).error().code == Errc::kInvalidArgument);
  r = receipt(0);
  r.extra = Bytes(kMaxReceiptExtra + 1);
  CHECK(format_receipt(r).error().code == Errc::kInvalidArgument);
}
