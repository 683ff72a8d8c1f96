// Whose word stands: signatures after a revocation, and the people whom an override asks for.
#include "tests/unit/ledger/log_checks.h"
#include "tests/unit/ledger/proposal_maker.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

constexpr std::int64_t kDayS = 86400;

TEST_CASE("what was signed before a revocation counts no more, however often it is sent") {
  Log log = sealed_log();
  PrincipalRecord wider = *log.state.principal("operator/1");
  wider.sites = {"annex", "main"};
  const ProposalMade made = made_by("property/1", 1, RegisterPrincipals{{}, {wider}});
  log.must(made);
  const Approval first = approval(log, "property/1", made.id);
  const Approval second = approval(log, "residents/1", made.id);
  log.must(first);
  log.must(Revoked{"residents/2", {"operator/1"}, "misuse"});
  REQUIRE(stage(log, made.id) == Stage::kStale);
  refuse(log, first, "was revoked since this was signed");
  refuse(log, second, "was revoked since this was signed");
  log.must(approval(log, "property/1", made.id));
  log.must(approval(log, "residents/1", made.id));
  log.must(ProposalDone{made.id});
}

TEST_CASE("an override asks for people who are there") {
  Log log = sealed_log();
  PrincipalRecord gone = *log.state.principal("residents/2");
  gone.until = "2026-11-21";
  decide_together(log, made_by("property/1", 30, ChangeCustodian{gone}), kDayS);
  const ProposalMade made = made_by("residents/3", 1, ChangeThresholds{"face", 300000, 400000});
  log.must(made);
  log.must(veto(log, "residents/1", made.id));
  ProposalMade again = made;
  again.id = Id128{0xab, 2};
  again.by = "property/1";
  again.overrides = made.id;
  log.must(again);
  CHECK(rule_for(log.state, again, now(log)).groups == std::map<std::string, int>{{"property", 2}, {"residents", 1}});
  for (const char* by : {"property/1", "property/2", "residents/3"}) log.must(approval(log, by, again.id));
  log.wait(2 * kDayS * 1000);
  log.must(ProposalDone{again.id});
}

TEST_CASE("an override asks for nobody who is suspended, while that lasts") {
  Log log = sealed_log();
  const ProposalMade made = made_by("residents/3", 1, ChangeThresholds{"face", 300000, 400000});
  log.must(made);
  log.must(veto(log, "residents/1", made.id));
  ProposalMade again = made;
  again.id = Id128{0xab, 2};
  again.overrides = made.id;
  log.must(again);
  CHECK(rule_for(log.state, again, now(log)).groups.at("residents") == 2);
  log.must(CustodianSuspended{"property/1", "residents/2"});
  CHECK(rule_for(log.state, again, now(log)).groups.at("residents") == 1);
  log.wait(72LL * 3600 * 1000);
  CHECK(rule_for(log.state, again, now(log)).groups.at("residents") == 2);
}

}  // namespace
