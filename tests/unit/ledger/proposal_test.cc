#include "vault/ledger/proposal.h"

#include <string>

#include "tests/unit/ledger/log_checks.h"
#include "tests/unit/ledger/proposal_maker.h"
#include "tests/unit/ledger/snapshot.h"
#include "vault/ledger/state_text.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDayS = 86400;

Rule rule_of(int property, int residents, std::int64_t delay = 0) {
  return {{{"property", property}, {"residents", residents}}, delay, 7 * kDayS};
}
ProposalMade threshold_proposal(std::uint8_t id) {
  return made_by("residents/3", id, ChangeThresholds{"face", 300000, 400000});
}

TEST_CASE("the stages of a proposal are the reviewed table") {
  std::string text;
  for (std::size_t s = 0; s < kStages; ++s) {
    for (std::size_t i = 0; i < kProposalInputs; ++i) {
      const auto next = next_stage(static_cast<Stage>(s), static_cast<ProposalInput>(i));
      text += std::string(to_string(static_cast<Stage>(s))) + " " +
              std::string(to_string(static_cast<ProposalInput>(i))) + " " +
              (next ? std::string(to_string(*next)) : "-") + "\n";
    }
  }
  require_snapshot("proposal_stages.txt", text);
}

TEST_CASE("nothing follows the end of a proposal, and only what is ready is carried out") {
  for (std::size_t s = 0; s < kStages; ++s) {
    const auto stage = static_cast<Stage>(s);
    CAPTURE(std::string(to_string(stage)));
    REQUIRE(next_stage(stage, ProposalInput::kCarryOut).has_value() == (stage == Stage::kReady));
    for (std::size_t i = 0; is_final(stage) && i < kProposalInputs; ++i) {
      REQUIRE_FALSE(next_stage(stage, static_cast<ProposalInput>(i)));
    }
  }
}

TEST_CASE("one person of each group makes a door, and neither alone does") {
  Log log = sealed_log();
  const ProposalMade made = door_proposal(1);
  log.must(made);
  REQUIRE(stage(log, made.id) == Stage::kDraft);
  refuse(log, ProposalDone{made.id}, "not ready");
  for (const char* by : {"property/1", "property/2", "property/3"}) {
    log.must(approval(log, by, made.id));
    REQUIRE(stage(log, made.id) == Stage::kOpen);
    refuse(log, ProposalDone{made.id}, "not ready");
  }
  log.must(approval(log, "residents/2", made.id));
  REQUIRE(stage(log, made.id) == Stage::kReady);
  REQUIRE(log.state.principal("door/101") == nullptr);
  log.must(ProposalDone{made.id});
  REQUIRE(log.state.principal("door/101") != nullptr);
  REQUIRE(log.state.principal_by_key(digest_of("key door/101"), log.wall)->id == "door/101");
  refuse(log, ProposalDone{made.id}, "is done already");
}

TEST_CASE("the proposer counts by signing alone") {
  Log log = sealed_log();
  const ProposalMade made = door_proposal(1, "residents/1");
  log.must(made);
  log.must(approval(log, "property/1", made.id));
  REQUIRE(stage(log, made.id) == Stage::kOpen);
  log.must(approval(log, "residents/1", made.id));
  REQUIRE(stage(log, made.id) == Stage::kReady);
}

TEST_CASE("a signature counts for one proposal of one vault, once") {
  Log log = sealed_log();
  const ProposalMade made = door_proposal(1), other = door_proposal(2);
  log.must(made);
  log.must(other);
  const Approval good = approval(log, "property/1", made.id);
  Approval moved = good;
  moved.vote.proposal = other.id;
  refuse(log, moved, "does not verify");
  Approval lent = good;
  lent.vote.by = "residents/1";
  refuse(log, lent, "does not verify");
  Approval as_veto = good;
  refuse(log, Veto{as_veto.vote}, "does not verify");
  Approval another_root = good;
  another_root.vote.root = digest_of("another");
  refuse(log, another_root, "does not verify");
  Approval cut = good;
  cut.vote.signature.resize(cut.vote.signature.size() / 2);
  refuse(log, cut, "does not verify");
  Approval foreign = good;
  foreign.vote.signature =
      sign_as("property/1", kApprovalNamespace,
              vote_statement(good.vote, Verb::kApprove, log.state.proposals().at(made.id).digest, Id128{9}).value());
  refuse(log, foreign, "does not verify");
  Approval ceremony = good;
  ceremony.vote.signature = sign_as(
      "property/1", kCeremonyNamespace,
      vote_statement(good.vote, Verb::kApprove, log.state.proposals().at(made.id).digest, log.state.genesis().vault)
          .value());
  refuse(log, ceremony, "does not verify");
  log.must(good);
  refuse(log, good, "one person counts once");
  for (const char* nobody : {"operator/1", "property/9", "door/1"}) {
    Vote v = signed_vote(log.state, nobody, made.id, Verb::kApprove);
    refuse(log, Approval{v}, "takes a custodian");
  }
}

TEST_CASE("a signature over another log is refused") {
  Log log = sealed_log();
  const ProposalMade made = door_proposal(1);
  log.must(made);
  for (const std::uint64_t size : {log.state.size() + 1, log.state.proposals().at(made.id).entry}) {
    Vote v{made.id, "property/1", 0, size, digest_of("root"), {}};
    v.signature = sign_as(
        "property/1", kApprovalNamespace,
        vote_statement(v, Verb::kApprove, log.state.proposals().at(made.id).digest, log.state.genesis().vault).value());
    refuse(log, Approval{v}, "a log that is not this one");
  }
}

TEST_CASE("a delay runs on the slower clock, in which anyone vetoes") {
  Log log = sealed_log();
  const ProposalMade made = threshold_proposal(1);
  log.must(made);
  log.must(approval(log, "property/1", made.id));
  log.must(approval(log, "residents/1", made.id));
  REQUIRE(stage(log, made.id) == Stage::kWaiting);
  log.wall += kDayS * 1000;  // the administrator sets the clock
  REQUIRE(stage(log, made.id) == Stage::kWaiting);
  refuse(log, ProposalDone{made.id}, "waiting and not ready");
  log.uptime += kDayS * 1000 - 1;
  log.wall -= kHour * 1000;
  REQUIRE(stage(log, made.id) == Stage::kWaiting);
  Log vetoed = log;
  log.uptime += 1;
  REQUIRE(stage(log, made.id) == Stage::kWaiting);
  log.wall += kHour * 1000;
  REQUIRE(stage(log, made.id) == Stage::kReady);
  log.must(ProposalDone{made.id});
  REQUIRE(log.state.model("face")->identify_threshold == 400000);
  REQUIRE(log.state.genesis().models[0].identify_threshold == 600000);

  vetoed.must(veto(vetoed, "property/3", made.id));
  REQUIRE(stage(vetoed, made.id) == Stage::kVetoed);
  refuse(vetoed, approval(vetoed, "residents/2", made.id), "is vetoed already");
  vetoed.wait(kDayS * 1000);
  refuse(vetoed, ProposalDone{made.id}, "is vetoed already");
}

TEST_CASE("a lifetime ends on the faster clock") {
  for (const bool by_wall : {true, false}) {
    Log log = sealed_log();
    const ProposalMade made = door_proposal(1);
    log.must(made);
    log.must(approval(log, "property/1", made.id));
    const std::int64_t week = 7 * kDayS * 1000;
    if (by_wall)
      log.wall += week;
    else
      log.uptime += static_cast<std::uint64_t>(week);
    REQUIRE(stage(log, made.id) == Stage::kExpired);
    refuse(log, approval(log, "residents/1", made.id), "is expired already");
    // A clock that is set back revives nothing, once the log has the later time.
    if (by_wall) {
      log.must(Sums{log.wall, {}});
      log.wall -= week;
      REQUIRE(stage(log, made.id) == Stage::kExpired);
    }
  }
}

TEST_CASE("what is vetoed passes as an override alone, by more people, and is not vetoed again") {
  Log log = sealed_log();
  ProposalMade made = threshold_proposal(1);
  log.must(made);
  log.must(veto(log, "property/3", made.id));
  ProposalMade again = threshold_proposal(2);
  again.overrides = Id128{1};
  refuse(log, again, "put again over its veto");
  again.overrides = made.id;
  again.action = ChangeThresholds{"face", 1, 1};
  refuse(log, again, "put again over its veto");
  again.action = made.action;
  log.must(again);
  REQUIRE(rule_for(log.state, again, now(log)) == Rule{{{"property", 2}, {"residents", 2}}, 2 * kDayS, 7 * kDayS});
  refuse(log, veto(log, "property/3", again.id), "not vetoed again");
  for (const char* by : {"property/1", "residents/1", "property/2"}) log.must(approval(log, by, again.id));
  REQUIRE(stage(log, again.id) == Stage::kOpen);
  log.must(approval(log, "residents/2", again.id));
  log.wait(2 * kDayS * 1000);
  log.must(ProposalDone{again.id});
}

TEST_CASE("an override stays possible without the vetoer") {
  const GroupSizes others = {{"property", 1}, {"residents", 2}};
  REQUIRE(override_rule(rule_of(1, 1), others).groups == std::map<std::string, int>{{"property", 1}, {"residents", 2}});
  REQUIRE(override_rule(rule_of(2, 2), others).groups == std::map<std::string, int>{{"property", 2}, {"residents", 2}});
}

TEST_CASE("a changed rule makes signatures stale, and signing again opens the proposal") {
  Log log = sealed_log();
  const ProposalMade made = threshold_proposal(1);
  log.must(made);
  log.must(approval(log, "property/1", made.id));
  const Approval early = approval(log, "residents/1", made.id);
  decide_together(log, made_by("property/1", 2, ChangeRules{{{"site", rule_of(1, 2)}}}), kDayS);
  REQUIRE(stage(log, made.id) == Stage::kStale);
  refuse(log, early, "changed since this was signed");
  log.must(approval(log, "residents/1", made.id));
  REQUIRE(stage(log, made.id) == Stage::kOpen);
  log.must(approval(log, "property/1", made.id));
  log.wait(kDayS * 1000);
  log.must(ProposalDone{made.id});
}

TEST_CASE("rule changes that are only proposed make nothing stale") {
  Log log = sealed_log();
  const ProposalMade made = door_proposal(1);
  log.must(made);
  log.must(approval(log, "property/1", made.id));
  for (std::uint8_t n = 2; n < 10; ++n) {
    log.must(made_by("residents/2", n, ChangeRules{{{"principal", rule_of(1, 1, n)}}}));
  }
  log.must(approval(log, "residents/1", made.id));
  log.must(ProposalDone{made.id});
}

TEST_CASE("a rule that one person or one group can meet is refused when it is proposed") {
  Log log = sealed_log();
  for (const auto& groups : std::vector<std::map<std::string, int>>{{},
                                                                    {{"property", 1}},
                                                                    {{"property", 2}},
                                                                    {{"residents", 3}},
                                                                    {{"property", 1}, {"guests", 1}},
                                                                    {{"property", 4}, {"residents", 1}}}) {
    const Rule rule{groups, 0, kDayS};
    refuse(log, made_by("property/1", 1, ChangeRules{{{"principal", rule}}}), "a rule ");
  }
  refuse(log, made_by("property/1", 1, ChangeRules{{{"unseal", rule_of(1, 1)}}}), "no class of actions");
  refuse(log, made_by("property/1", 1, ChangeRules{{{"export", {rule_of(1, 1).groups, kDayS, kDayS}}}}),
         "never lets pass");
  refuse(log, made_by("property/1", 1, ChangeRules{}), "changes no rule");
}

TEST_CASE("an action that can't be is refused when it is proposed") {
  Log log = sealed_log();
  PrincipalRecord custodian = make_principal("property/4", Role::kCustodian);
  refuse(log, made_by("property/1", 1, RegisterPrincipals{{}, {custodian}}), "an action of its own");
  refuse(log, made_by("property/1", 1, ChangeCustodian{custodian}), "no custodian of this vault");
  PrincipalRecord taken = new_door("door/9");
  taken.key = digest_of("key door/1");
  refuse(log, made_by("property/1", 1, RegisterPrincipals{{}, {taken}}), "the same key");
  refuse(log, made_by("property/1", 1, RegisterPrincipals{{}, {new_door("door/9", {"nowhere"})}}),
         "at none of its sites");
  refuse(log, made_by("property/1", 1, RegisterPrincipals{{{"main", {"bath", "bathroom"}}}, {}}), "not allowed");
  refuse(log, made_by("property/1", 1, RegisterPrincipals{}), "registers nothing");
  PrincipalRecord other_role = make_principal("operator/1", Role::kAuditor);
  refuse(log, made_by("property/1", 1, RegisterPrincipals{{}, {other_role}}), "in another role");
  refuse(log, made_by("property/1", 1, ChangeThresholds{"nose", 1, 1}), "does not exist");
  refuse(log, made_by("property/1", 1, AddModel{valid_genesis().models[0]}), "two models");
  refuse(log, made_by("operator/1", 1, CancelErasures{"main"}), "takes a custodian");
}

TEST_CASE("two hundred doors are one proposal") {
  Log log = sealed_log();
  RegisterPrincipals many;
  for (int n = 0; n < 200; ++n) {
    many.doors.push_back({"main", {"gate-" + std::to_string(n), "gate"}});
    many.principals.push_back(new_door("door/" + std::to_string(1000 + n), {"gate-" + std::to_string(n)}));
  }
  const ProposalMade made = made_by("property/1", 1, many);
  REQUIRE(encode_event({0, 0, made}));
  decide_together(log, made);
  REQUIRE(log.state.site("main")->doors.size() == 202);
  REQUIRE(log.state.principal("door/1199") != nullptr);
}

TEST_CASE("one custodian revokes at once, and a proposal that names the principal is stale") {
  Log log = open_log();
  log.must(Match{true, "main", "north", "face", "door/1", "no_match", {}, {}});
  PrincipalRecord wider = valid_genesis().principals[8];
  REQUIRE(wider.id == "door/1");
  const ProposalMade made = made_by("property/1", 1, RegisterPrincipals{{}, {wider}});
  log.must(made);
  log.must(approval(log, "property/2", made.id));
  log.must(approval(log, "residents/1", made.id));
  REQUIRE(stage(log, made.id) == Stage::kReady);
  refuse(log, Revoked{"operator/1", {"door/1"}, "lost"}, "takes a custodian");
  refuse(log, Revoked{"property/1", {}, "lost"}, "names nobody");
  refuse(log, Revoked{"property/1", {"door/2", "door/1"}, "lost"}, "not sorted");
  refuse(log, Revoked{"property/1", {"residents/1"}, "lost"}, "is a custodian");
  refuse(log, Revoked{"property/1", {"door/77"}, "lost"}, "not registered");
  log.must(Revoked{"residents/3", {"door/1"}, "lost"});
  REQUIRE(log.state.principal("door/1") == nullptr);
  REQUIRE(log.state.principal_by_key(digest_of("key door/1"), log.wall) == nullptr);
  refuse(log, Match{true, "main", "north", "face", "door/1", "no_match", {}, {}}, "no door");
  REQUIRE(stage(log, made.id) == Stage::kStale);
  refuse(log, ProposalDone{made.id}, "stale and not ready");
}

TEST_CASE("a suspended custodian neither signs nor counts, for 72 hours of the log's clock") {
  Log log = sealed_log();
  const ProposalMade made = door_proposal(1);
  log.must(made);
  log.must(approval(log, "property/2", made.id));
  log.must(CustodianSuspended{"residents/1", "property/2"});
  refuse(log, approval(log, "property/2", made.id), "is suspended");
  refuse(log, made_by("property/2", 9, CancelErasures{"main"}), "is suspended");
  log.must(approval(log, "residents/1", made.id));
  REQUIRE(stage(log, made.id) == Stage::kApproved);
  refuse(log, ProposalDone{made.id}, "approved and not ready");
  log.wall += 72 * kHour * 1000;  // setting the clock ends nothing
  REQUIRE(stage(log, made.id) == Stage::kApproved);
  log.wait(72 * kHour * 1000);
  REQUIRE(stage(log, made.id) == Stage::kReady);
}

TEST_CASE("nobody suspends everyone else") {
  Log log = sealed_log();
  refuse(log, CustodianSuspended{"residents/1", "residents/1"}, "the own person");
  refuse(log, CustodianSuspended{"residents/1", "operator/1"}, "no such custodian");
  log.must(CustodianSuspended{"residents/1", "property/2"});
  refuse(log, CustodianSuspended{"residents/1", "property/3"}, "in seven days");
  refuse(log, CustodianSuspended{"residents/2", "property/2"}, "within seven days");
  refuse(log, CustodianSuspended{"property/2", "residents/1"}, "is suspended");
  // Two of three cards open each group.
  refuse(log, CustodianSuspended{"residents/2", "property/3"}, "could not be opened");
  log.must(CustodianSuspended{"residents/2", "residents/3"});
  // The 72 hours are over, and nobody goes on in turn.
  log.wait(73 * kHour * 1000);
  refuse(log, CustodianSuspended{"property/1", "property/2"}, "within seven days");
  log.wait(4 * 24 * kHour * 1000);
  log.must(CustodianSuspended{"property/1", "property/2"});
}

TEST_CASE("nobody vetoes the own removal, and others may") {
  Log log = sealed_log();
  PrincipalRecord gone = valid_genesis().principals[1];
  REQUIRE(gone.id == "property/2");
  gone.until = "2026-11-21";
  const ProposalMade made = made_by("residents/1", 1, ChangeCustodian{gone});
  log.must(made);
  refuse(log, veto(log, "property/2", made.id), "binds that person alone");
  Log other = log;
  other.must(veto(other, "property/1", made.id));
  log.must(approval(log, "property/3", made.id));
  log.must(approval(log, "residents/1", made.id));
  log.wait(kDayS * 1000);
  const ProposalMade pending = door_proposal(2);
  log.must(pending);
  log.must(approval(log, "property/2", pending.id));
  log.must(ProposalDone{made.id});
  REQUIRE(stage(log, pending.id) == Stage::kStale);
  refuse(log, approval(log, "property/2", pending.id), "takes a custodian");
}

TEST_CASE("custodians are not removed until nobody can meet a rule") {
  Log log = sealed_log();
  PrincipalRecord gone = valid_genesis().principals[1];
  gone.until = "2026-11-21";
  decide_together(log, made_by("residents/1", 1, ChangeRules{{{"export", rule_of(3, 1)}}}), kDayS);
  refuse(log, made_by("residents/1", 2, ChangeCustodian{gone}), "nobody could meet the rule for \"export\"");
}

TEST_CASE("only its proposer withdraws a proposal") {
  Log log = sealed_log();
  const ProposalMade made = door_proposal(1);
  log.must(made);
  refuse(log, ProposalWithdrawn{made.id, "property/2"}, "only its proposer");
  log.must(ProposalWithdrawn{made.id, "property/1"});
  refuse(log, approval(log, "property/1", made.id), "is withdrawn already");
}

TEST_CASE("a quorum cancels the erasures that wait, and those alone") {
  Log log = open_log();
  for (std::uint8_t n = 3; n < 6; ++n) log.must(enrolled(n));
  for (std::uint8_t n = 3; n < 5; ++n) log.must(suspended(n, log.wall + kBulkEraseDelay));
  log.wait(1000);
  const ProposalMade made = made_by("residents/1", 1, CancelErasures{"main"});
  log.must(made);
  log.wait(1000);
  log.must(suspended(5, log.wall + kBulkEraseDelay));
  log.must(approval(log, "property/1", made.id));
  log.must(approval(log, "residents/1", made.id));
  log.wait(kDayS * 1000);
  log.must(ProposalDone{made.id});
  REQUIRE(log.state.suspended() == 1);
  REQUIRE_FALSE(log.state.subject(ref_of(3))->erase_due);
  REQUIRE(log.state.subject(ref_of(5))->erase_due);
  log.wait(kBulkEraseDelay);
  refuse(log, erased_late(4), "a delay that nobody started");
  log.must(erased_late(5));
}

TEST_CASE("one custodian has sixteen proposals open at most, and old ones are forgotten") {
  Log log = sealed_log();
  for (std::uint8_t n = 0; n < kMaxOpenProposals; ++n) log.must(door_proposal(n));
  refuse(log, door_proposal(99), "16 proposals open");
  log.must(door_proposal(99, "property/2"));
  log.wait(7 * kDayS * 1000);
  for (int round = 0; round < 10; ++round) {
    for (std::uint8_t n = 0; n < kMaxOpenProposals; ++n) {
      ProposalMade made = door_proposal(n, "residents/2");
      made.id[5] = static_cast<std::uint8_t>(round + 1);
      log.must(made);
      log.must(ProposalWithdrawn{made.id, "residents/2"});
    }
  }
  std::map<std::string, std::size_t> kept;
  for (const auto& [id, p] : log.state.proposals()) ++kept[p.made.by];
  // Of residents/2 one more, which has ended since.
  REQUIRE(kept == std::map<std::string, std::size_t>{
                      {"property/1", kMaxEndedProposals}, {"property/2", 1}, {"residents/2", kMaxEndedProposals + 1}});
}

TEST_CASE("nobody makes the vault forget what somebody else proposed and a veto stopped") {
  Log log = sealed_log();
  const ProposalMade made = door_proposal(1, "residents/1");
  log.must(made);
  log.must(veto(log, "property/2", made.id));
  for (std::uint8_t n = 2; n < 100; ++n) {
    const ProposalMade noise = door_proposal(n, "property/2");
    log.must(noise);
    log.must(ProposalWithdrawn{noise.id, "property/2"});
  }
  ProposalMade again = door_proposal(200, "residents/1");
  again.action = made.action;
  again.overrides = made.id;
  log.must(again);
}

TEST_CASE("a state with proposals goes through its text and back") {
  Log log = open_log();
  decide_together(log, made_by("property/1", 2, ChangeRules{{{"site", rule_of(1, 2)}}}), kDayS);
  decide_together(log, door_proposal(1));
  log.must(Revoked{"residents/3", {"door/2"}, "left"});
  log.must(CustodianSuspended{"residents/1", "property/3"});
  const ProposalMade waiting = threshold_proposal(3), vetoed = threshold_proposal(4);
  for (const auto& made : {waiting, vetoed}) log.must(made);
  log.must(approval(log, "property/1", waiting.id));
  log.must(approval(log, "residents/1", waiting.id));
  log.must(veto(log, "property/2", vetoed.id));
  StateTextReader reader;
  std::string text = write_state_head(log.state);
  for (const auto& ref : log.state.refs_in_order()) text += log.state.digest_lines(ref);
  for (std::size_t at = 0, end = 0; at < text.size(); at = end + 1) {
    end = text.find('\n', at);
    const auto ok = reader.line(std::string_view(text).substr(at, end - at));
    if (!ok) FAIL(ok.error().message);
  }
  auto back = std::move(reader).finish();
  if (!back) FAIL(back.error().message);
  REQUIRE(back->digest() == log.state.digest());
  Log copy = log;
  copy.state = std::move(*back);
  for (Log* l : {&log, &copy}) {
    l->wait(kDayS * 1000);
    l->must(ProposalDone{waiting.id});
  }
  REQUIRE(copy.state.digest() == log.state.digest());
}

}  // namespace
