// add-checkpoint, case by case (C2SP tlog-witness).
#include "vault/log/witness_rule.h"

#include "tests/support/catch.h"
#include "tests/unit/log/note_keys.h"
#include "vault/log/merkle.h"

using namespace facekeep;
using namespace facekeep::log;
using facekeep::log_test::TestSigner;

namespace {

Digest leaf(std::uint64_t i, std::string_view branch) {
  return leaf_hash(as_bytes(std::string(branch) + std::to_string(i)));
}

// A log of leaves; another branch is another history from leaf 5 on.
struct Branch {
  std::string name;
  [[nodiscard]] HashSource source() const {
    return [*this](unsigned level, std::uint64_t index) -> Result<Digest> {
      Tree tree;
      for (std::uint64_t i = index << level; i < (index + 1) << level; ++i) tree.append(leaf(i, i < 5 ? "" : name));
      return tree.root();
    };
  }
  [[nodiscard]] Digest root(std::uint64_t size) const { return *root_at(size, source()); }
};

const TestSigner& log_key() {
  static const TestSigner k = TestSigner::ed25519("log.example/a");
  return k;
}
const TestSigner& other_key() {
  static const TestSigner k = TestSigner::ed25519("log.example/a");
  return k;
}
const TestSigner& unknown_log() {
  static const TestSigner k = TestSigner::ed25519("log.example/b");
  return k;
}

const Branch kTrunk{"trunk"};
const Branch kFork{"fork"};

std::string note(const TestSigner& signer, const Branch& branch, std::uint64_t size) {
  return *sign_checkpoint({signer.key.name, size, branch.root(size), {}}, signer.key, signer.sign());
}
std::string body(std::uint64_t old_size, const std::vector<Digest>& proof, const std::string& checkpoint) {
  return *format_witness_request({old_size, proof, checkpoint});
}
std::vector<Digest> proof(const Branch& branch, std::uint64_t from, std::uint64_t to) {
  return *consistency_proof(from, to, branch.source());
}

WitnessJudgement judge(const std::string& request, std::uint64_t seen, const Branch& branch = kTrunk) {
  const std::vector<LogKeys> known = {log_key().key};
  return judge_checkpoint(request, known, [&](const std::string& origin) {
    CHECK(origin == "log.example/a");
    return Checkpoint{origin, seen, seen == 0 ? empty_root() : branch.root(seen), {}};
  });
}

}  // namespace

TEST_CASE("a witness judges a checkpoint by what it cosigned before") {
  const auto trunk = [](std::uint64_t size) { return note(log_key(), kTrunk, size); };
  const auto fork = [](std::uint64_t size) { return note(log_key(), kFork, size); };
  std::string two_signatures = trunk(9);
  two_signatures += note(unknown_log(), kTrunk, 9).substr(note(unknown_log(), kTrunk, 9).find("\n\n") + 2);
  struct Row {
    const char* what;
    std::string request;
    std::uint64_t seen;
    WitnessVerdict verdict;
    int status;
  };
  using V = WitnessVerdict;
  const std::vector<Row> rows = {
      {"the first one needs no proof", body(0, {}, trunk(9)), 0, V::kCosign, 200},
      {"an empty log", body(0, {}, trunk(0)), 0, V::kCosign, 200},
      {"a longer one, proven", body(6, proof(kTrunk, 6, 9), trunk(9)), 6, V::kCosign, 200},
      {"the same again", body(9, {}, trunk(9)), 9, V::kCosign, 200},
      {"signatures of strangers do no harm", body(6, proof(kTrunk, 6, 9), two_signatures), 6, V::kCosign, 200},
      {"it was never cosigned before", body(6, proof(kTrunk, 6, 9), trunk(9)), 0, V::kOtherSize, 409},
      {"the client lags", body(6, proof(kTrunk, 6, 9), trunk(9)), 7, V::kOtherSize, 409},
      {"the client does not know", body(0, {}, trunk(9)), 7, V::kOtherSize, 409},
      {"an older checkpoint", body(6, {}, trunk(6)), 9, V::kOtherSize, 409},
      {"an older one under a newer size", body(4, proof(kTrunk, 4, 9), trunk(9)), 9, V::kOtherSize, 409},
      {"two roots for one size", body(9, {}, fork(9)), 9, V::kOtherRoot, 409},
      {"a fork that grew, with its own proof", body(6, proof(kFork, 6, 9), fork(9)), 6, V::kNoProof, 422},
      {"no proof at all", body(6, {}, trunk(9)), 6, V::kNoProof, 422},
      {"a proof between other sizes", body(6, proof(kTrunk, 5, 9), trunk(9)), 6, V::kNoProof, 422},
      {"a proof where none belongs", body(9, proof(kTrunk, 6, 9), trunk(9)), 9, V::kNoProof, 422},
      {"the key of another log of this name", body(6, proof(kTrunk, 6, 9), note(other_key(), kTrunk, 9)), 6,
       V::kUnsigned, 403},
      {"a log that it does not know", body(0, {}, note(unknown_log(), kTrunk, 9)), 0, V::kUnknownLog, 404},
      {"no request", "old 6\n", 6, V::kMalformed, 400},
      {"nothing", "", 6, V::kMalformed, 400},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const WitnessJudgement j = judge(row.request, row.seen);
    CHECK(j.verdict == row.verdict);
    CHECK(j.why.empty() == (row.verdict == V::kCosign));
    // Who did not sign gets nothing kept.
    const bool authentic = row.status == 200 || row.status == 409 || row.status == 422;
    CHECK(j.note.empty() == !authentic);
    if (j.verdict != V::kCosign) CHECK(refusal_of(j, row.seen).status == row.status);
  }
}

TEST_CASE("an altered checkpoint is nobody's") {
  std::string request = body(6, proof(kTrunk, 6, 9), note(log_key(), kTrunk, 9));
  const std::size_t root = request.find("log.example/a\n9\n") + 16;
  request[root] = request[root] == 'A' ? 'B' : 'A';
  CHECK(judge(request, 6).verdict == WitnessVerdict::kUnsigned);
}

TEST_CASE("a client that lags is told the size, in the type that says so") {
  const auto answer = refusal_of(judge(body(6, proof(kTrunk, 6, 9), note(log_key(), kTrunk, 9)), 7), 7);
  CHECK(answer.status == 409);
  CHECK(answer.content_type == "text/x.tlog.size");
  CHECK(answer.body == "7\n");
}

TEST_CASE("an old size above the checkpoint's is malformed") {
  std::string request = body(0, {}, note(log_key(), kTrunk, 6));
  request.replace(0, 5, "old 7");
  CHECK(judge(request, 7).verdict == WitnessVerdict::kMalformed);
}
