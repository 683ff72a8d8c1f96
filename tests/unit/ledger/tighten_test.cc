// One custodian narrows at once, and can't shut the others out with it; what opens or loosens takes a proposal.
#include <functional>
#include <sstream>

#include "tests/unit/ledger/log_checks.h"
#include "tests/unit/ledger/proposal_maker.h"
#include "vault/ledger/state_text.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

Rule rule_of(const Log& log, const std::string& name) {
  return log.state.current().rules.at(name);
}

Rule with(Rule rule, const std::string& group, int people) {
  rule.groups[group] = people;
  return rule;
}

SiteBudgets larger(const std::function<void(SiteBudgets&)>& change) {
  SiteBudgets b;
  change(b);
  return b;
}

Site new_site() {
  Site s = valid_genesis().sites[0];
  s.id = "garage";
  s.epoch = 1;
  s.check = {};
  return s;
}

}  // namespace

TEST_CASE("one custodian raises a threshold, hides subjects and shortens retention, at once") {
  Log log = sealed_log();
  const Site site = log.state.current().sites[0];
  const Model model = log.state.current().models[0];
  const std::uint32_t days = site.access_log_days;
  log.must(
      Tightened{"residents/3", ChangeThresholds{model.id, model.verify_threshold + 1, model.identify_threshold + 1}});
  CHECK(log.state.current().models[0].verify_threshold == model.verify_threshold + 1);
  log.must(Tightened{"residents/3", ChangeReveal{site.id, true}});
  CHECK(log.state.current().sites[0].hide_subject);
  log.must(Tightened{"property/1", ChangePolicy{site.id, days - 1, 0}});
  CHECK(log.state.current().sites[0].access_log_days == days - 1);
  CHECK(log.state.current().sites[0].erase_daily == 0);
  SiteBudgets stricter;
  stricter.door.burst -= 1;
  stricter.repeat_cost += 1;
  log.must(Tightened{"property/1", ChangePolicy{site.id, 1, 0, {}, {}, stricter}});
  CHECK(log.state.budgets(site.id) == stricter);
}

TEST_CASE("budgets bind what stands behind their change, and earlier ones what was before") {
  Log log = sealed_log();
  const Site site = log.state.current().sites[0];
  SiteBudgets stricter;
  stricter.subject.refill_ms += 1;
  const std::uint64_t entry = log.state.size();
  log.must(Tightened{"property/1", ChangePolicy{site.id, site.access_log_days, site.erase_daily, {}, {}, stricter}});
  const BudgetPolicies& all = log.state.budget_policies();
  CHECK(all.at(site.id, 0) == SiteBudgets());
  CHECK(all.at(site.id, entry) == SiteBudgets());
  CHECK(all.at(site.id, entry + 1) == stricter);
  CHECK(all.at("annex", entry + 1) == SiteBudgets());
  // A state that went through a text has what binds the next entry.
  std::istringstream text(write_state_head(log.state));
  StateTextReader reader;
  for (std::string line; std::getline(text, line);) REQUIRE(reader.line(line));
  const auto back = std::move(reader).finish();
  REQUIRE(back);
  CHECK(back->budgets(site.id) == stricter);
}

TEST_CASE("what widens anything, or changes nothing, is no tightening") {
  Log log = sealed_log();
  const Site site = log.state.current().sites[0];
  const Model model = log.state.current().models[0];
  const std::vector<Action> widening = {
      ChangeThresholds{model.id, model.verify_threshold + 1, model.identify_threshold - 1},
      ChangeThresholds{model.id, model.verify_threshold, model.identify_threshold},
      ChangeThresholds{"nothing", 1000000, 1000000},
      ChangeReveal{site.id, false},
      ChangePolicy{site.id, site.access_log_days + 1, 0},
      ChangePolicy{site.id, 1, site.erase_daily + 1},
      ChangePolicy{site.id, 1, 0, {}, {}, larger([](SiteBudgets& b) { ++b.door.burst; })},
      ChangePolicy{site.id, 1, 0, {}, {}, larger([](SiteBudgets& b) { --b.camera.refill_ms; })},
      ChangePolicy{site.id, 1, 0, {}, {}, larger([](SiteBudgets& b) { ++b.subject.burst; })},
      ChangePolicy{site.id, 1, 0, {}, {}, larger([](SiteBudgets& b) { --b.subject_door.refill_ms; })},
      ChangePolicy{site.id, 1, 0, {}, {}, larger([](SiteBudgets& b) { --b.unsigned_cost; })},
      ChangePolicy{site.id, 1, 0, {}, {}, larger([](SiteBudgets& b) { --b.repeat_cost; })},
      RegisterPrincipals{{}, {new_door("door/77")}},
      AddModel{model},
      CancelErasures{site.id},
      SetRotation{1},
      OpenSite{new_site()},
      ChangeWitnesses{},
      SetTicket{},
      ChangeCustodian{valid_genesis().principals[1]},
      ChangeRules{{{"principal", rule_of(log, "principal")}}},
      ChangeRules{{{"principal", {{{"property", 3}}, 0, 604800}}}},
  };
  for (const Action& action : widening) {
    CAPTURE(kind_of(action).name);
    CHECK_FALSE(is_tightening(log.state.current(), action));
    refuse(log, Tightened{"property/1", action}, "narrows nothing, or widens something");
  }
  refuse(log, Tightened{"operator/1", ChangeReveal{site.id, true}}, "takes a custodian");
}

TEST_CASE("stricter rules bind proposals that are open, and are undone under the rules before them") {
  Log log = sealed_log();
  const Rule before = rule_of(log, "principal");
  const ProposalMade made = door_proposal(1);
  log.must(made);
  log.must(approval(log, "property/1", made.id));
  log.must(approval(log, "residents/1", made.id));
  REQUIRE(stage(log, made.id) == Stage::kReady);
  log.must(Tightened{"residents/3", ChangeRules{{{"principal", with(before, "residents", 3)},
                                                 {"rule", with(rule_of(log, "rule"), "property", 3)}}}});
  REQUIRE(stage(log, made.id) == Stage::kApproved);
  refuse(log, ProposalDone{made.id}, "not ready");
  // Signatures stand, more make it enough.
  log.must(approval(log, "residents/2", made.id));
  log.must(approval(log, "residents/3", made.id));
  REQUIRE(stage(log, made.id) == Stage::kReady);
  // Back to what was agreed on takes what was agreed on; further takes the stricter rule.
  const ProposalMade undo = made_by("property/1", 2, ChangeRules{{{"principal", before}}});
  log.must(undo);
  CHECK(rule_for(log.state, undo, now(log)).groups.at("property") == 1);
  const ProposalMade further =
      made_by("property/1", 3, ChangeRules{{{"principal", {before.groups, 0, before.lifetime_s * 2}}}});
  log.must(further);
  CHECK(rule_for(log.state, further, now(log)).groups.at("property") == 3);
  log.must(approval(log, "property/2", undo.id));
  log.must(approval(log, "residents/1", undo.id));
  log.wait(kDayMs);
  log.must(ProposalDone{undo.id});
  CHECK(rule_of(log, "principal") == before);
}

TEST_CASE("one custodian tightens rules once in seven days, and never so that they can't be met") {
  Log log = sealed_log();
  const Rule before = rule_of(log, "export");
  const auto tighten = [](const Rule& rule) { return Tightened{"residents/3", ChangeRules{{{"export", rule}}}}; };
  refuse(log, tighten(with(before, "residents", 4)), "which has 3");
  Rule hasty = before;
  hasty.lifetime_s = 1;
  refuse(log, tighten(hasty), "narrows nothing");
  Rule slow = before;
  slow.delay_s = before.lifetime_s / 2 + 1;
  refuse(log, tighten(slow), "narrows nothing");
  slow.delay_s = before.lifetime_s / 2;
  log.must(tighten(slow));
  refuse(log, tighten(with(slow, "residents", 2)), "within seven days");
  log.must(Tightened{"property/3", ChangeRules{{{"export", with(slow, "residents", 2)}}}});
  log.wait(7 * kDayMs);
  log.must(tighten(with(slow, "residents", 3)));
}

TEST_CASE("a site is opened with the check of the key drawn for it") {
  Log log = open_log();
  const ProposalMade made = made_by("property/1", 1, OpenSite{new_site()});
  log.must(made);
  log.must(approval(log, "property/1", made.id));
  log.must(approval(log, "residents/1", made.id));
  refuse(log, ProposalDone{made.id}, "with the check of its key");
  log.must(ProposalDone{made.id, digest_of("check of the garage"), {}, digest_of("proof")});
  REQUIRE(log.state.site("garage") != nullptr);
  CHECK(log.state.site("garage")->check == digest_of("check of the garage"));
  // Nothing else brings a check.
  const ProposalMade door = door_proposal(2);
  log.must(door);
  log.must(approval(log, "property/1", door.id));
  log.must(approval(log, "residents/1", door.id));
  refuse(log, ProposalDone{door.id, digest_of("check")}, "nothing else has one");
}

TEST_CASE("a second site of one name, and a private room, are never opened") {
  Log log = sealed_log();
  Site twice = new_site();
  twice.id = "main";
  refuse(log, made_by("property/1", 1, OpenSite{twice}), "two sites are called");
  Site bedroom = new_site();
  bedroom.doors = {{"bed", "private-room"}};
  refuse(log, made_by("property/1", 2, OpenSite{bedroom}), "which is not allowed");
}

TEST_CASE("the witness policy changes as a whole, together") {
  Log log = sealed_log();
  const auto before = log.state.current().witnesses;
  const ProposalMade none = made_by("property/1", 1, ChangeWitnesses{});
  decide_together(log, none, 86400);
  CHECK_FALSE(log.state.current().witnesses);
  REQUIRE(before);
  decide_together(log, made_by("residents/1", 2, ChangeWitnesses{before}), 86400);
  CHECK(to_json(*log.state.current().witnesses) == to_json(*before));
}

TEST_CASE("an approval key is registered for what it is") {
  Log log = sealed_log();
  PrincipalRecord p = valid_genesis().principals[1];
  p.approval_held = "token";
  p.approval_evidence = digest_of("what the token says of itself");
  const ProposalMade made = made_by("property/1", 1, ChangeCustodian{p});
  log.must(made);
  p.approval_held = "fido2";
  refuse(log, made_by("property/1", 2, ChangeCustodian{p}), "is of another type");
  p.approval_held = "drawer";
  refuse(log, made_by("property/1", 3, ChangeCustodian{p}), "which is not file, token or fido2");
  p.approval_held.reset();
  refuse(log, made_by("property/1", 4, ChangeCustodian{p}), "evidence of no holder");
}

TEST_CASE("what one person tightened is in the state's digest, and its text is read back") {
  Log log = sealed_log();
  const Digest before = log.state.digest();
  log.must(Tightened{"residents/3", ChangeRules{{{"export", with(rule_of(log, "export"), "residents", 2)}}}});
  CHECK(log.state.digest() != before);
  const std::string head = log.state.digest_head();
  CHECK(head.find("\nagreed-rule export {") != std::string::npos);
  CHECK(head.find("\ntightening residents/3 ") != std::string::npos);
  StateTextReader reader;
  const std::string text = write_state_head(log.state);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    REQUIRE(reader.line(std::string_view(text).substr(at, end - at)));
    at = end + 1;
  }
  const auto again = std::move(reader).finish();
  REQUIRE(again);
  CHECK(again->digest() == log.state.digest());
  CHECK(again->agreed_rule("export")->groups.at("residents") == 1);
}
