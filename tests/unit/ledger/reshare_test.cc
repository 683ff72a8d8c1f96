// Re-share: a new unseal secret on new cards, for custodians who signed for them, by a quorum of the present ones.
#include <functional>

#include "tests/unit/ledger/keys_maker.h"
#include "tests/unit/ledger/log_checks.h"
#include "vault/ledger/decide.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

// Of what the action would be, changed and then signed by everybody.
void refuse_cards(Log& log, const std::string& why, const std::function<void(Reshare&)>& change) {
  Reshare a = new_cards(log.state.current());
  change(a);
  sign_reshare(a);
  refuse(log, made_by("property/1", 1, a), why);
}

Group one_card(const std::string& id) {
  return {id, 1, {{1, digest_of("the only card of " + id), {1, 2}}}};
}

}  // namespace

TEST_CASE("after a re-share the new cards open the vault, and the people are those who signed for them") {
  Log log = open_log();
  rotate(log, 1, replaced_custodian(log.state.current()));
  const Genesis& current = log.state.current();
  CHECK(current.unseal_key == digest_of("second unseal key"));
  CHECK(current.share_set == valid_genesis().share_set + 1);
  CHECK(current.groups[1].shares[2].commitment == digest_of("second card residents/3"));
  CHECK(log.state.principal("residents/3") == nullptr);
  REQUIRE(log.state.principal("residents/4") != nullptr);
  CHECK(log.state.principal("door/1") != nullptr);
  CHECK(log.state.principal_by_key(digest_of("key residents/4"), log.wall) == log.state.principal("residents/4"));
  CHECK(log.state.rule_version() == log.state.size() - 1);
  CHECK(log.state.origin_of("residents/4").done == log.state.size() - 1);
  CHECK(log.state.custodian_changes().size() == 1);
  CHECK(log.state.retired_cards().size() == 7);
  // Its keys are those of the next epoch, as in a rotation.
  CHECK(log.state.root_epoch() == 2);
  REQUIRE(log.state.rotation());

  log.must(Sealed{"daemon", "shutdown"});
  refuse(log, UnsealShare{"residents/3", "residents", 3}, "no custodian");
  refuse(log, UnsealShare{"residents/1", "residents", 3}, "does not hold it");
  CHECK(decide_unseal_share(log.state, *log.state.principal("residents/4"), "residents", 3, now(log)));
  CHECK_FALSE(decide_unseal_share(log.state, *log.state.principal("residents/1"), "residents", 3, now(log)));
  for (const char* by : {"property/1", "property/2", "residents/1"}) {
    const std::string id = by;
    log.must(UnsealShare{id, id.substr(0, id.find('/')), static_cast<std::uint32_t>(id.back() - '0')});
  }
  CHECK(completes_quorum(log.state, "residents", 3));
  log.must(UnsealShare{"residents/4", "residents", 3});
  log.must(Unsealed{{"property/1", "property/2", "residents/1", "residents/3"}});
}

TEST_CASE("what was signed before a re-share no longer counts, and who left does not sign") {
  Log log = open_log();
  const ProposalMade door = door_proposal(9);
  log.must(door);
  log.must(approval(log, "residents/3", door.id));
  const Approval late = approval(log, "property/1", door.id);
  rotate(log, 1, replaced_custodian(log.state.current()));
  CHECK(stage(log, door.id) == Stage::kStale);
  refuse(log, late, "rules or custodians changed");
  refuse(log, approval(log, "residents/3", door.id), "takes a custodian");
  log.must(approval(log, "property/1", door.id));
  log.must(approval(log, "residents/4", door.id));
  log.must(ProposalDone{door.id});
}

TEST_CASE("cards of the present set, or of any before it, never come again") {
  Log log = open_log();
  const Genesis first = log.state.current();
  refuse_cards(log, "unseal key is the present one", [&](Reshare& a) { a.unseal_key = first.unseal_key; });
  refuse_cards(log, "the number of the present one", [&](Reshare& a) { a.share_set = first.share_set; });
  refuse_cards(log, "one of the present cards",
               [&](Reshare& a) { a.groups[0].shares[0].commitment = first.groups[1].shares[2].commitment; });
  rotate(log, 2, replaced_custodian(first));
  finish_rotation(log);
  for (const auto& change : std::vector<std::function<void(Reshare&)>>{
           [&](Reshare& a) { a.unseal_key = first.unseal_key; },
           [&](Reshare& a) { a.groups[0].shares[1].commitment = first.groups[0].shares[1].commitment; }}) {
    Reshare a = new_cards(log.state.current(), "third");
    change(a);
    sign_reshare(a);
    refuse(log, made_by("property/1", 3, a), "one of an earlier set");
  }
  Reshare fresh = new_cards(log.state.current(), "third");
  sign_reshare(fresh);
  rotate(log, 4, fresh);
  CHECK(log.state.retired_cards().size() == 14);
}

TEST_CASE("no re-share makes a vault that one person, or one of two groups, could open") {
  Log log = open_log();
  refuse_cards(log, "stays one of two", [](Reshare& a) { a.groups.resize(1); });
  refuse_cards(log, "1 of several shares", [](Reshare& a) { a.groups[0].threshold = 1; });
  refuse_cards(log, "one person holds two cards", [](Reshare& a) { a.groups[0].shares[1].holders = {1}; });
  refuse_cards(log, "two share cards are the same",
               [](Reshare& a) { a.groups[0].shares[1].commitment = a.groups[0].shares[0].commitment; });
  refuse_cards(log, "same approval key", [](Reshare& a) {
    a = replaced_custodian(valid_genesis());
    a.custodians[5].approval_key = a.custodians[1].approval_key;
  });
  refuse_cards(log, "two principals have the same key", [](Reshare& a) {
    a = replaced_custodian(valid_genesis());
    a.custodians[5].key = a.custodians[1].key;
  });
  refuse_cards(log, "more of them than it needs", [](Reshare& a) { a.groups[0].threshold = 3; });
  refuse_cards(log, "no registered custodian", [](Reshare& a) { a.custodians.pop_back(); });
  refuse_cards(log, "holds no card",
               [](Reshare& a) { a.custodians.push_back(make_principal("residents/9", Role::kCustodian)); });
  refuse_cards(log, "has another role",
               [](Reshare& a) { a.custodians[0] = make_principal("auditor/2", Role::kAuditor); });
  refuse_cards(log, "one person can satisfy", [](Reshare& a) { a.rules["export"] = {{{"property", 1}}, 0, 3600}; });
  refuse_cards(log, "one group alone", [](Reshare& a) { a.rules["export"] = {{{"property", 2}}, 0, 3600}; });
  refuse_cards(log, "no class of actions", [](Reshare& a) { a.rules["all"] = {{{"property", 2}}, 0, 3600}; });
  refuse_cards(log, "never lets pass",
               [](Reshare& a) { a.rules["export"].delay_s = a.rules["export"].lifetime_s = 9; });
}

TEST_CASE("new cards give nobody another key, approval key or name: that is for an action of its own") {
  Log log = open_log();
  const std::string why = "\"property/2\" is registered with another key, approval key or name";
  refuse_cards(log, why, [](Reshare& a) { a.custodians[1].key = digest_of("another key"); });
  refuse_cards(log, why, [](Reshare& a) { a.custodians[1].approval_key = approval_line("somebody else"); });
  refuse_cards(log, why, [](Reshare& a) { a.custodians[1].name = digest_of("another name"); });
  Reshare a = new_cards(log.state.current());
  a.custodians[1].until = "2029-12-31";
  sign_reshare(a);
  rotate(log, 1, a);
  CHECK(log.state.principal("property/2")->until == "2029-12-31");
}

TEST_CASE("whoever gets new cards can open the vault: not those whose end date has passed") {
  Log log = open_log();
  // All rules can be met by the two who are left: but one card of the group is with nobody.
  refuse_cards(log, "fewer cards of the group \"residents\" than open the vault", [](Reshare& a) {
    for (const std::size_t i : {4U, 5U}) a.custodians[i].until = "2026-11-20";
  });
  // Nor does a change of one custodian take a card that is needed; where time took them, others go on.
  PrincipalRecord gone = *log.state.principal("residents/3");
  gone.until = "2026-11-20";
  const ProposalMade first = made_by("property/1", 2, ChangeCustodian{gone});
  agree(log, first);
  log.must(ProposalDone{first.id});
  gone = *log.state.principal("residents/2");
  gone.until = "2026-11-20";
  refuse(log, made_by("property/1", 3, ChangeCustodian{gone}), "fewer cards of the group \"residents\"");
  gone.until = "2026-12-24";
  const ProposalMade second = made_by("property/1", 4, ChangeCustodian{gone});
  agree(log, second);
  log.must(ProposalDone{second.id});
  log.wait(60 * kDayMs);
  log.must(door_proposal(5));
  // Which brings that person back.
  gone.until.reset();
  log.must(made_by("property/1", 6, ChangeCustodian{gone}));
}

TEST_CASE("a re-share that sets rules takes the people of both rules, and the longer delay") {
  Log log = open_log();
  Rule strict = *log.state.rule("rule");
  strict.groups["residents"] = 2;
  strict.delay_s += 3600;
  log.must(Tightened{"residents/1", ChangeRules{{{"rule", strict}}}});
  Reshare a = new_cards(log.state.current());
  sign_reshare(a);
  const Rule usual = *log.state.rule("reshare");
  CHECK(rule_for(log.state, made_by("property/1", 1, a), now(log)) == usual);
  a.rules["export"] = {{{"property", 2}, {"residents", 2}}, 0, 3600};
  sign_reshare(a);
  const ProposalMade made = made_by("property/1", 1, a);
  const Rule together = rule_for(log.state, made, now(log));
  CHECK(together.groups == std::map<std::string, int>{{"property", 1}, {"residents", 2}});
  CHECK(together.delay_s == strict.delay_s);
  log.must(made);
  log.must(approval(log, "property/2", made.id));
  log.must(approval(log, "residents/1", made.id));
  log.wait(usual.delay_s * 1000);
  refuse(log, done_with_keys(log.state, made.id), "not ready");
  log.must(approval(log, "residents/2", made.id));
  log.wait(usual.delay_s * 1000);
  refuse(log, done_with_keys(log.state, made.id), "not ready");
  log.wait(3600 * 1000);
  log.must(done_with_keys(log.state, made.id));
}

TEST_CASE("a long delay of the rules leaves a re-share that sets some the time to meet it") {
  Log log = open_log();
  Rule slow = *log.state.rule("rule");
  slow.delay_s = slow.lifetime_s / 2;
  log.must(Tightened{"residents/1", ChangeRules{{{"rule", slow}}}});
  Reshare a = new_cards(log.state.current());
  a.rules["export"] = {{{"property", 2}, {"residents", 2}}, 0, 3600};
  sign_reshare(a);
  const Rule together = rule_for(log.state, made_by("property/1", 1, a), now(log));
  CHECK(together.delay_s == slow.delay_s);
  CHECK(together.lifetime_s >= 2 * slow.delay_s);
}

TEST_CASE("everybody who gets a card has signed for it, and nobody else") {
  Log log = open_log();
  const Reshare good = replaced_custodian(log.state.current());
  const auto refused = [&](const std::string& why, const std::function<void(Reshare&)>& change) {
    Reshare a = good;
    change(a);
    refuse(log, made_by("property/1", 1, a), why);
  };
  refused("\"residents/4\" has not signed", [](Reshare& a) { a.signatures.pop_back(); });
  refused("signed twice", [](Reshare& a) { a.signatures.push_back(a.signatures[0]); });
  refused("who is no custodian", [](Reshare& a) { a.signatures[5].by = "residents/3"; });
  refused("does not verify", [](Reshare& a) { a.signatures[5].signature = a.signatures[4].signature; });
  // Nothing is changed behind their signatures.
  refused("does not verify", [](Reshare& a) { a.transcript = digest_of("another transcript"); });
  refused("does not verify", [](Reshare& a) { a.rules = {{"export", valid_genesis().rules.at("rule")}}; });
  refused("does not verify", [](Reshare& a) { a.share_set += 1; });
  refused("does not verify", [](Reshare& a) {
    const std::string text = genesis_statement(valid_genesis()).value();
    a.signatures[0].signature = sign_as("property/1", kCeremonyNamespace, text);
  });
  log.must(made_by("property/1", 1, good));
}

TEST_CASE("a re-share may change thresholds and groups, with the rules that they need") {
  Log log = open_log();
  Reshare a = new_cards(log.state.current());
  for (std::uint32_t n = 4; n <= 5; ++n) {
    const std::string id = "residents/" + std::to_string(n);
    a.groups[1].shares.push_back({n, digest_of("second card " + id), {n}});
    a.custodians.push_back(make_principal(id, Role::kCustodian));
  }
  a.groups[1].threshold = 3;
  a.rules["export"] = {{{"property", 2}, {"residents", 3}}, 0, 3600};
  sign_reshare(a);
  rotate(log, 1, a);
  CHECK(log.state.current().groups[1].threshold == 3);
  CHECK(log.state.current().preset == Preset::kStandard);
  CHECK(log.state.rule("export")->groups.at("residents") == 3);
  finish_rotation(log);

  // One card each, a deputy with a copy: the preset is that of the cards.
  Reshare small = new_cards(log.state.current(), "third");
  small.groups = {one_card("property"), one_card("guests")};
  small.custodians.clear();
  for (const char* id : {"property/1", "property/2", "guests/1", "guests/2"}) {
    small.custodians.push_back(make_principal(id, Role::kCustodian));
  }
  sign_reshare(small);
  refuse(log, made_by("property/1", 2, small), "which this vault does not have");
  for (const auto& [name, rule] : log.state.current().rules) {
    small.rules[name] = {{{"property", 1}, {"guests", 1}}, 0, 3600};
  }
  sign_reshare(small);
  rotate(log, 3, small);
  CHECK(log.state.current().preset == Preset::kSmall);
}

TEST_CASE("a rule that a re-share sets is the agreed one") {
  Log log = open_log();
  Rule strict = *log.state.rule("export");
  strict.groups["residents"] = 2;
  log.must(Tightened{"residents/1", ChangeRules{{{"export", strict}}}});
  CHECK(log.state.agreed_rule("export")->groups.at("residents") == 1);
  Reshare a = new_cards(log.state.current());
  a.rules["export"] = strict;
  sign_reshare(a);
  rotate(log, 1, a);
  CHECK(log.state.agreed_rule("export") == strict);
}

TEST_CASE("nobody re-shares alone, and any custodian may veto it") {
  Log log = open_log();
  const Reshare a = replaced_custodian(log.state.current());
  CHECK_FALSE(is_tightening(log.state.current(), a));
  CHECK_FALSE(is_tightening(log.state.current(), RotateKeys{}));
  CHECK_FALSE(binds_alone(a, "residents/3"));
  CHECK(unsettles(a));
  const ProposalMade made = made_by("property/1", 1, a);
  log.must(made);
  for (const char* by : {"property/1", "property/2", "property/3"}) log.must(approval(log, by, made.id));
  log.wait(log.state.rule("reshare")->delay_s * 1000);
  refuse(log, done_with_keys(log.state, made.id), "not ready");
  // Who is to leave, too: the override is for the others.
  log.must(veto(log, "residents/3", made.id));
}

TEST_CASE("the statement of a re-share has one text, over the action without its signatures") {
  Log log = open_log();
  Reshare a = replaced_custodian(log.state.current());
  const std::string text = reshare_statement(a, valid_genesis().vault).value();
  Json action = to_json(Action(a));
  action.erase("signatures");
  REQUIRE(action.at("kind") == "reshare");
  CHECK(text == "{\"digest\":\"" + to_hex(sha256(as_bytes(canonical_json(action).value()))) +
                    "\",\"v\":1,\"vault\":\"" + to_hex(valid_genesis().vault) + "\",\"verb\":\"reshare\"}");
}
