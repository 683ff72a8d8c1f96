// Random walks over proposals, votes, rule changes, suspensions and revocations, with a second account of who signed
// what: nothing widens without its rule and without people of two groups, and a quorum can always act.
#include <cstdlib>
#include <random>

#include "tests/unit/ledger/proposal_maker.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

// Steps of all walks together; FACEKEEP_WALK_STEPS asks for more.
int steps() {
  const char* asked = std::getenv("FACEKEEP_WALK_STEPS");
  return asked == nullptr ? 15'000 : std::max(15'000, std::atoi(asked));
}
constexpr std::int64_t kMinute = 60'000;

class Walk {
 public:
  explicit Walk(unsigned seed) : random_(seed), log_(sealed_log()) {}

  void step() {
    const Genesis before = log_.state.current();
    const std::uint64_t version = log_.state.rule_version();
    const int what = pick(100);
    if (what < 25)
      propose();
    else if (what < 75)
      sign();
    else if (what < 90)
      carry_out(before);
    else if (what < 92)
      add(veto(log_, someone(), some_proposal()));
    else if (what < 94)
      add(ProposalWithdrawn{some_proposal(), someone()});
    else if (what < 95)
      add(CustodianSuspended{someone(), someone()});
    else if (what < 96)
      revoke();
    else if (what < 97)
      add(Tightened{someone(), random_action()});
    else
      log_.wait(pick(300) * kMinute);
    if (log_.state.rule_version() != version) signed_.clear();
    a_quorum_can_act();
  }
  [[nodiscard]] int done() const { return done_; }
  [[nodiscard]] int refused() const { return refused_; }
  [[nodiscard]] std::uint64_t rule_changes() const { return rule_changes_; }

 private:
  int pick(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  std::string someone() { return std::string(pick(2) == 0 ? "property/" : "residents/") + std::to_string(pick(3) + 1); }
  // Mostly one that has not ended.
  Id128 some_proposal() {
    std::vector<Id128> ids;
    const bool any = pick(10) == 0;
    for (const auto& [id, p] : log_.state.proposals()) {
      if (any || !is_final(stage(log_, id))) ids.push_back(id);
    }
    return ids.empty() ? Id128{} : ids[static_cast<std::size_t>(pick(static_cast<int>(ids.size())))];
  }
  // Signatures on what names the door no longer count.
  void revoke() {
    const std::string door = "door/" + std::to_string(pick(20) + 1);
    if (!add(Revoked{someone(), {door}, "other"})) return;
    for (const auto& [id, p] : log_.state.proposals()) {
      const auto named = principals_in(p.made.action);
      if (std::find(named.begin(), named.end(), door) != named.end()) signed_.erase(id);
    }
  }
  bool add(Body body) {
    const bool ok = log_.add(std::move(body)).has_value();
    refused_ += ok ? 0 : 1;
    return ok;
  }

  Rule random_rule() {
    Rule rule;
    for (const char* group : {"property", "residents", "guests"}) {
      if (const int n = pick(6) - 1; n >= 0 && (std::string(group) != "guests" || pick(10) == 0))
        rule.groups[group] = n;
    }
    rule.delay_s = pick(3) * 3600;
    rule.lifetime_s = (pick(4) + 1) * 86400;
    return rule;
  }
  Action random_action() {
    if (pick(2) == 0) {
      const auto& classes = action_classes();
      return ChangeRules{{{std::string(classes[static_cast<std::size_t>(pick(static_cast<int>(classes.size())))].name),
                           random_rule()}}};
    }
    if (pick(3) == 0) return ChangeThresholds{"face", pick(1000000), pick(1000000)};
    if (pick(4) == 0) {
      PrincipalRecord p = valid_genesis().principals[static_cast<std::size_t>(pick(6))];
      if (pick(3) == 0) p.until = "2026-11-20";
      return ChangeCustodian{p};
    }
    return RegisterPrincipals{{}, {new_door("door/" + std::to_string(pick(20) + 1))}};
  }
  void propose() {
    ProposalMade made = made_by(someone(), 0, random_action());
    made.id = Id128{static_cast<std::uint8_t>(next_id_ >> 8), static_cast<std::uint8_t>(next_id_)};
    ++next_id_;
    add(made);
  }
  void sign() {
    const Id128 id = some_proposal();
    const std::string by = someone();
    // Now and then with a colleague's key, which must never count.
    const bool forged = pick(10) == 0;
    const std::string key = forged ? someone() : by;
    if (add(Approval{signed_vote(log_.state, by, id, Verb::kApprove, key)})) {
      REQUIRE(key == by);
      REQUIRE(signed_[id].insert(by).second);
    }
  }
  void carry_out(const Genesis& before) {
    const Id128 id = some_proposal();
    const auto it = log_.state.proposals().find(id);
    const Action action = it == log_.state.proposals().end() ? Action{} : it->second.made.action;
    // What one person tightened is taken back under the rule that a quorum had agreed on.
    const auto* rules = std::get_if<ChangeRules>(&action);
    const bool undoes = rules != nullptr && std::all_of(rules->rules.begin(), rules->rules.end(), [&](const auto& r) {
      return is_as_strict(r.second, *log_.state.agreed_rule(r.first));
    });
    const Rule agreed = *log_.state.agreed_rule("rule");
    const bool ok = add(ProposalDone{id});
    if (!ok) {
      REQUIRE(to_json(log_.state.current()) == to_json(before));
      return;
    }
    ++done_;
    std::map<std::string, int> of_group;
    for (const auto& by : signed_[id]) ++of_group[by.substr(0, by.find('/'))];
    const std::string action_class(kind_of(action).action_class);
    const Rule& rule = undoes ? agreed : before.rules.at(action_class);
    for (const auto& [group, n] : rule.groups) REQUIRE(of_group[group] >= n);
    REQUIRE(of_group["property"] >= 1);
    REQUIRE(of_group["residents"] >= 1);
    signed_.erase(id);
    if (std::holds_alternative<ChangeRules>(action)) ++rule_changes_;
  }
  // Whatever was decided: every rule takes two groups, and those who are left can meet it.
  void a_quorum_can_act() {
    GroupSizes left = {{"property", 0}, {"residents", 0}};
    for (const char* group : {"property", "residents"}) {
      for (int n = 1; n <= 3; ++n) {
        const std::string id = group + ("/" + std::to_string(n));
        const PrincipalRecord* p = log_.state.principal(id);
        if (p != nullptr && (!p->until || *p->until >= format_day(log_.wall))) ++left[group];
      }
    }
    for (const auto& [name, rule] : log_.state.current().rules) {
      CAPTURE(name);
      REQUIRE(rule.groups.size() == 2);
      REQUIRE(check_rule(rule, left));
    }
  }

  std::mt19937 random_;
  Log log_;
  unsigned next_id_ = 1;
  int done_ = 0;
  int refused_ = 0;
  std::uint64_t rule_changes_ = 0;
  std::map<Id128, std::set<std::string>> signed_;
};

TEST_CASE("no sequence of proposals and rule changes widens anything without people of both groups") {
  for (const unsigned seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    Walk walk(seed);
    for (int i = 0; i < steps() / 3; ++i) walk.step();
    // The walk got somewhere: acts, rule changes among them, and refusals.
    CHECK(walk.done() > 20);
    CHECK(walk.rule_changes() > 0);
    CHECK(walk.refused() > 500);
  }
}

TEST_CASE("all of one group, with every key, change nothing in any number of steps") {
  Log log = sealed_log();
  std::mt19937 random(7);
  const Json before = to_json(log.state.current());
  for (std::uint8_t n = 1; n < 40; ++n) {
    Action action = RegisterPrincipals{{}, {new_door("door/77")}};
    if (n % 3 == 0) action = ChangeRules{{{"principal", {{{"property", 2}, {"residents", 1}}, 0, 3600}}}};
    if (n % 3 == 1) action = ChangeThresholds{"face", 0, 0};
    const ProposalMade made = made_by("property/" + std::to_string(n % 3 + 1), n, action);
    log.must(made);
    for (int p = 1; p <= 3; ++p) {
      const std::string by = "property/" + std::to_string(p);
      log.must(approval(log, by, made.id));
      const std::string resident = "residents/" + std::to_string(random() % 3 + 1);
      REQUIRE_FALSE(log.add(Approval{signed_vote(log.state, resident, made.id, Verb::kApprove, by)}));
    }
    log.wait(3 * 86400 * 1000LL);
    REQUIRE_FALSE(log.add(ProposalDone{made.id}));
    log.wait(5 * 86400 * 1000LL);
  }
  REQUIRE(to_json(log.state.current()) == before);
}

}  // namespace
