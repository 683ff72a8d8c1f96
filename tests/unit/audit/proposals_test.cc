// Votes and what was carried out on them, as an auditor checks and tells them.
#include "tests/unit/audit/decisions.h"
#include "vault/audit/statistics.h"

using namespace facekeep;
using namespace facekeep::audit_test;
using ledger::Stage;

namespace {

constexpr std::int64_t kDay = 86400LL * 1000;

std::string args_of(const Outcome& out, Code code) {
  for (const Finding& f : out.findings.sorted()) {
    std::string text;
    if (f.code != code) continue;
    for (const auto& a : f.args) text += (text.empty() ? "" : "|") + a;
    return text;
  }
  return {};
}

}  // namespace

TEST_CASE("a decision that people signed over this log has no finding, wherever in the log the votes' trees end") {
  MemoryMirror m = open_vault(500);
  const auto made = loosened(1);
  m.add(made);
  approve(m, "property/2", made.id);
  for (int i = 0; i < 300; ++i) m.add(ledger::Sums{m.wall, {}});
  approve(m, "residents/1", made.id);
  m.wait(kDay);
  m.add(ledger::ProposalDone{made.id});
  m.publish();
  const Outcome out = replay(m);
  INFO(out.text());
  CHECK(out.first_error().empty());
  CHECK(out.findings.count(Severity::kNote) == 0);
  CHECK(out.digest == m.state.digest());
}

TEST_CASE("a vote over another history is found by the root that it names, with the log's openings and without") {
  MemoryMirror m = open_vault(5);
  const auto made = loosened(1);
  m.add(made);
  m.add(ledger::Approval{vote_in(m, "property/2", made.id, ledger::Verb::kApprove, lt::digest_of("another tree"))});
  m.publish();
  for (const Level level : {Level::kAuditor, Level::kPublic}) {
    const Outcome out = replay(m, level);
    INFO(out.text());
    CHECK(out.first_error() == "vote-root-differs@26");
    CHECK(args_of(out, Code::kVoteRoot) == "property/2|26");
  }
}

TEST_CASE("a vote that the rules refuse is named with its proposal") {
  MemoryMirror m = open_vault(5);
  const auto made = loosened(1);
  m.add(made);
  auto vote = vote_in(m, "property/2", made.id, ledger::Verb::kApprove, root_of(m));
  vote.by = "residents/1";
  m.append({m.wall, m.uptime, ledger::Approval{vote}});
  m.publish();
  const Outcome out = replay(m);
  INFO(out.text());
  CHECK(out.first_error() == "vote-not-allowed@26");
  CHECK(args_of(out, Code::kVoteRefused).starts_with("residents/1|25|the signature does not verify"));
  CHECK(out.findings.count(Severity::kError) == 1);
}

TEST_CASE("what was carried out without enough people names who had signed, where, and what it takes") {
  MemoryMirror m = open_vault(5);
  const auto made = loosened(1);
  m.add(made);
  approve(m, "property/2", made.id);
  m.wait(kDay);
  m.append({m.wall, m.uptime, ledger::ProposalDone{made.id}});
  m.publish();
  const Outcome out = replay(m);
  INFO(out.text());
  CHECK(out.first_error() == "carried-out-unapproved@27");
  CHECK(args_of(out, Code::kDoneRefused) == "25|open|property/2 (26)|1 property + 1 residents, 86400 s");
  CHECK(out.findings.count(Severity::kError) == 1);
}

TEST_CASE("an act that came late, or never, is noted and no error") {
  MemoryMirror m = open_vault(5);
  const auto late = loosened(1);
  m.add(late);
  approve(m, "property/2", late.id);
  approve(m, "residents/1", late.id);
  m.wait(kDay + kLateAfter + 1);
  m.add(ledger::ProposalDone{late.id});
  auto never = loosened(2);
  never.action = ledger::ChangeThresholds{"face", 200000, 300000};
  m.add(never);
  approve(m, "property/2", never.id);
  approve(m, "residents/1", never.id);
  m.wait(kDay + kLateAfter + 1);
  m.add(ledger::Sums{m.wall, {}});
  m.publish();
  const Outcome out = replay(m);
  INFO(out.text());
  CHECK(out.first_error().empty());
  CHECK(out.has(Code::kDoneLate, 28));
  CHECK(out.has(Code::kNotDone, 29));
}

TEST_CASE("the story of a proposal: who signed, whose signature no longer counts, under which rule it ended") {
  MemoryMirror m = open_vault(5);
  const auto made = loosened(1);
  m.add(made);
  approve(m, "property/2", made.id);
  const auto rules =
      lt::made_by("residents/1", 2, ledger::ChangeRules{{{"export", m.state.current().rules.at("rule")}}});
  m.add(rules);
  approve(m, "property/1", rules.id);
  approve(m, "residents/1", rules.id);
  m.wait(kDay);
  m.add(ledger::ProposalDone{rules.id});
  const std::uint64_t version = m.entries.size() - 1;
  approve(m, "property/2", made.id);
  veto(m, "residents/2", made.id);
  m.publish();
  StatisticsObserver statistics;
  const Outcome out = replay(m, Level::kAuditor, std::ref(statistics));
  INFO(out.text());
  REQUIRE(out.first_error().empty());
  const auto& list = statistics.result().proposals.list();
  REQUIRE(list.size() == 2);
  const ProposalStory& first = list[0];
  CHECK(stage_of(first, m.state) == Stage::kVetoed);
  REQUIRE(first.signatures.size() == 3);
  CHECK_FALSE(first.signatures[0].stands);  // signed before the rules changed
  CHECK(first.signatures[1].stands);
  CHECK(first.signatures[2].veto);
  CHECK(first.rule_version == version);
  CHECK(first.ended_entry == version + 2);
  CHECK(stage_of(list[1], m.state) == Stage::kDone);
  CHECK(list[1].rule_version == 0);  // those under which it was signed, not those that it made
  const Act& done = statistics.result().acts[statistics.result().acts.size() - 3];
  CHECK(done.type == "proposal-done");
  CHECK(done.people == std::vector<std::string>{"property/1", "residents/1"});
}

TEST_CASE("a proposal whose lifetime passed is told as expired, whether the state says so yet or has forgotten it") {
  MemoryMirror m = open_vault(5);
  m.add(loosened(1));
  m.wait(8 * kDay);
  m.add(ledger::Sums{m.wall, {}});
  m.publish();
  StatisticsObserver statistics;
  replay(m, Level::kAuditor, std::ref(statistics));
  REQUIRE(statistics.result().proposals.list().size() == 1);
  CHECK(stage_of(statistics.result().proposals.list()[0], m.state) == Stage::kExpired);
  CHECK(stage_of(statistics.result().proposals.list()[0], ledger::State()) == Stage::kExpired);
}
