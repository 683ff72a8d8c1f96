// A log whose witnesses fell behind, never were, or saw another one.
#include "vault/audit/witnesses.h"

#include "tests/support/test_witness.h"
#include "tests/unit/audit/memory_mirror.h"

using namespace facekeep;
using namespace facekeep::audit_test;
using facekeep::test::TestWitness;
using ledger::OnMissing;

namespace {

constexpr std::int64_t kHour = 3'600'000;
// The test witness counts its time up from here.
constexpr UnixMillis kWitnessTime = 1795305600000;

struct Case {
  TestWitness one{"witness.example/one"};
  TestWitness two{"witness.example/two"};
  std::vector<Digest> roots{log::empty_root()};  // by size
  ledger::Witnesses witnesses;

  explicit Case(OnMissing on_missing = OnMissing::kOpen, std::uint32_t quorum = 2) {
    log::Tree tree;
    for (int i = 0; i < 10; ++i) {
      tree.append(lt::digest_of("leaf " + std::to_string(i)));
      roots.push_back(tree.root());
    }
    witnesses = {quorum,
                 on_missing,
                 {{ledger::format_witness_key(one.key), "https://192.0.2.1", {1}},
                  {ledger::format_witness_key(two.key), "https://192.0.2.2", {2}}}};
  }
  [[nodiscard]] log::Checkpoint head(std::uint64_t size) const { return {"vault.example/test", size, roots[size], {}}; }
  [[nodiscard]] std::string note(std::uint64_t size) const {
    return log::sign_checkpoint(head(size), log_signer().key, log_signer().sign()).value();
  }
  std::string cosigned(const std::string& bare, std::vector<TestWitness*> by) {
    std::string out = bare;
    for (TestWitness* w : by) {
      w->size = 0;
      out += w->add_checkpoint(log::format_witness_request({0, {}, bare}).value(), log_signer().key).body;
    }
    return out;
  }
  // What is found of a log of 10 entries: "code@entry {args}".
  std::string found(const std::string& shown, UnixMillis now = kWitnessTime) {
    Outcome out;
    check_witnesses(shown, log_signer().key, witnesses,
                    {head(10), [this](std::uint64_t n) -> Result<Digest> { return roots[n]; }, now}, out.findings);
    return out.text();
  }
};

}  // namespace

TEST_CASE("a checkpoint with its quorum is all that is asked for") {
  Case c;
  CHECK(c.found(c.cosigned(c.note(10), {&c.one, &c.two})).empty());
  CHECK(c.found(c.cosigned(c.note(10), {&c.one, &c.two}), kWitnessTime + 1000 * kHour).empty());  // nothing came since
  CHECK(c.found(c.cosigned(c.note(4), {&c.one, &c.two}), kWitnessTime + kHour / 2).empty());
}

TEST_CASE("witnesses that lag are a warning, and an error where the vault may not answer without them") {
  Case open;
  const std::string old = open.cosigned(open.note(4), {&open.one, &open.two});
  CHECK(open.found(old, kWitnessTime + 2 * kHour).starts_with("witnesses-behind@4 {4} {10} {2026-11-22T00:00:01"));
  CHECK(open.found("").starts_with("witnesses-behind@0 {0} {10}"));
  Case closed(OnMissing::kClosed);
  CHECK(closed.found(closed.cosigned(closed.note(4), {&closed.one, &closed.two}), kWitnessTime + 2 * kHour)
            .starts_with("witnesses-required@4"));
  CHECK(closed.found("").starts_with("witnesses-required@0"));
}

TEST_CASE("the age of a quorum is that of its slowest member, whatever a single witness says of the time") {
  Case c;
  c.two.time += 10 * 3600;
  const std::string note = c.cosigned(c.note(4), {&c.one, &c.two});
  CHECK(log::open_cosigned(note, log_signer().key, c.witnesses)->time == kWitnessTime + 1000);
  CHECK(c.found(note, kWitnessTime + 2 * kHour).starts_with("witnesses-behind@4"));
  c.witnesses.quorum = 1;
  CHECK(log::open_cosigned(note, log_signer().key, c.witnesses)->time == kWitnessTime + 10 * kHour + 1000);
  CHECK(log::open_cosigned(note, log_signer().key, c.witnesses)->witnesses == 2);
}

TEST_CASE("cosignatures that do not make a quorum of this log are an error") {
  Case c;
  CHECK(c.found(c.note(10)).starts_with("cosigned-wrong@0"));
  CHECK(c.found(c.cosigned(c.note(10), {&c.one})).starts_with("cosigned-wrong@0"));
  CHECK(c.found(c.cosigned(c.note(10), {&c.one, &c.one})).starts_with("cosigned-wrong@0"));
  TestWitness impostor("witness.example/two");
  CHECK(c.found(c.cosigned(c.note(10), {&c.one, &impostor})).starts_with("cosigned-wrong@0"));
  std::string bent = c.cosigned(c.note(10), {&c.one, &c.two});
  bent[bent.size() - 10] = bent[bent.size() - 10] == 'A' ? 'B' : 'A';
  CHECK(c.found(bent).starts_with("cosigned-wrong@0"));
  CHECK(c.found("no note").starts_with("cosigned-wrong@0"));
}

TEST_CASE("what the witnesses cosigned must be a part of the log that is shown") {
  Case c;
  Case other;
  other.roots[6] = lt::digest_of("another history");
  CHECK(c.found(c.cosigned(other.note(6), {&c.one, &c.two})).starts_with("history-differs@0 {6} {cosigned}"));
  other.roots.push_back(lt::digest_of("eleven"));
  CHECK(c.found(c.cosigned(other.note(11), {&c.one, &c.two})).starts_with("checkpoint-beyond@10 {10} {11} {cosigned}"));
}
