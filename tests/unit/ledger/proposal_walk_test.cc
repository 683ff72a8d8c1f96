// Random walks over proposals, votes, overrides, rule changes, tightenings, suspensions, revocations, restarts and a
// clock that somebody sets, also while people are enrolled. After every step an account of its own, kept from the log
// alone, says what may be in force: nothing widens without its rule and people of two groups. A quorum can always act;
// and whoever has the public log alone, without the enrolments, comes to the same.
#include <cstdlib>
#include <random>

#include "tests/unit/ledger/log_account.h"

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

std::string group_of(const std::string& custodian) {
  return custodian.substr(0, custodian.find('/'));
}

class Walk {
 public:
  explicit Walk(unsigned seed) : random_(seed), log_(sealed_log()), account_(log_.state.current(), log_.state.size()) {
    account_.start_with(log_.state.current().models.at(0));
    log_.alone = log_.state;
    unseal();
  }

  void step() {
    const int what = pick(100);
    if (what < 25)
      propose();
    else if (what < 72)
      sign();
    else if (what < 88)
      carry_out();
    else if (what < 90)
      add(veto(log_, someone(), some_proposal()));
    else if (what < 92)
      add(ProposalWithdrawn{some_proposal(), someone()});
    else if (what < 93)
      add(CustodianSuspended{someone(), someone()});
    else if (what < 94)
      add(Revoked{someone(), {"door/" + std::to_string(pick(20) + 1)}, "other"});
    else if (what < 95)
      add(Tightened{someone(), random_action()});
    else
      time_passes();
    nothing_else_is_in_force();
    a_quorum_can_act();
    if (++steps_ % 10 == 0) a_quorum_acts();
  }
  [[nodiscard]] int done() const { return done_; }
  [[nodiscard]] int refused() const { return refused_; }
  [[nodiscard]] int rule_changes() const { return rule_changes_; }
  [[nodiscard]] int overrides() const { return overrides_; }
  [[nodiscard]] int rotations() const { return rotations_; }
  [[nodiscard]] int reshares() const { return reshares_; }
  [[nodiscard]] int people() const { return enrolled_; }

 private:
  int pick(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  std::string someone() { return std::string(pick(2) == 0 ? "property/" : "residents/") + std::to_string(pick(3) + 1); }
  // Mostly one that has not ended.
  Id128 some_proposal() {
    std::vector<Id128> ids;
    const bool any = pick(10) == 0;
    const bool of_keys = pick(5) == 0;  // there is one at most
    for (const auto& [id, p] : log_.state.proposals()) {
      const bool alive = !is_final(stage(log_, id));
      if (alive && of_keys && renews_keys(p.made.action)) return id;
      if (any || alive) ids.push_back(id);
    }
    return ids.empty() ? Id128{} : ids[static_cast<std::size_t>(pick(static_cast<int>(ids.size())))];
  }
  bool add(Body body) {
    const Event event{log_.wall, log_.uptime, std::move(body)};
    const bool ok = apply(log_.state, event).has_value();
    refused_ += ok ? 0 : 1;
    if (!ok) return false;
    const bool custody = class_of(event.body) == EventClass::kCustody;
    const Status alone = custody ? apply_unopened_custody(*log_.alone) : apply(*log_.alone, event);
    INFO((alone ? "" : alone.error().message));
    REQUIRE(alone);
    custody ? account_.pass() : account_.take(encode_event(event).value());
    return true;
  }
  // With whatever the clock says for that moment.
  void somebody_comes() {
    const std::int64_t off = (pick(400) - 200) * 60 * kMinute;
    log_.wall += off;
    log_.wait(pick(60) * kMinute);
    Enrolled e = enrolled(0);
    e.ref = ledger::test::ref_of(0);
    e.ref[1] = static_cast<std::uint8_t>(++came_ >> 8);
    e.ref[2] = static_cast<std::uint8_t>(came_);
    e.slot = came_;
    e.until = "2099-12-31";
    if (add(e)) ++enrolled_;
    log_.wall -= off;
  }
  // The wall clock is the administrator's; a restart begins the uptime anew.
  void time_passes() {
    log_.wait(pick(300) * kMinute);
    if (pick(4) == 0) somebody_comes();
    if (pick(20) == 0) log_.wall += (pick(2) == 0 ? -1 : 1) * pick(1200) * kMinute;
    if (pick(10) == 0) restart();
  }
  void restart() {
    log_.uptime = 0;
    REQUIRE(add(Start{"0.1.0", {}, {}, {}, true}));
    unseal();
  }
  // Two of each group who count, if there are as many: custodian n holds card n.
  void unseal() {
    std::vector<std::string> people;
    std::map<std::string, int> taken;
    for (const auto& id : who_count(log_)) {
      if (++taken[group_of(id)] <= 2) people.push_back(id);
    }
    if (people.size() != 4) return;
    std::sort(people.begin(), people.end());
    for (const auto& id : people) {
      REQUIRE(add(UnsealShare{id, group_of(id), static_cast<std::uint32_t>(id.back() - '0')}));
    }
    REQUIRE(add(Unsealed{people}));
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
  // New cards for the same people; now and then with a rule, one card too few, or without somebody's signature.
  Reshare random_reshare() {
    Reshare a = new_cards(log_.state.current(), "set " + std::to_string(++next_set_));
    const int odd = pick(15);
    if (odd == 0) a.unseal_key = log_.state.current().unseal_key;
    if (odd == 1) a.groups[0].threshold = 1;
    if (odd == 2) a.rules["export"] = random_rule();
    if (odd == 3) a.groups.pop_back();
    sign_reshare(a);
    if (odd == 4) a.signatures.pop_back();
    return a;
  }
  Action random_action() {
    if (pick(5) == 0) return pick(2) == 0 ? Action(RotateKeys{}) : Action(random_reshare());
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
  Id128 next_id() {
    ++next_id_;
    return Id128{static_cast<std::uint8_t>(next_id_ >> 16), static_cast<std::uint8_t>(next_id_ >> 8),
                 static_cast<std::uint8_t>(next_id_)};
  }
  void propose() {
    ProposalMade made = made_by(someone(), 0, random_action());
    made.id = next_id();
    for (const auto& [id, p] : log_.state.proposals()) {
      if (p.stage != Stage::kVetoed || pick(20) != 0) continue;
      made.action = p.made.action;
      made.overrides = id;
    }
    add(made);
  }
  void sign() {
    // Now and then one that was sent before: it counts where nothing has happened since that its signer did not see.
    if (pick(12) == 0 && !sent_.empty()) {
      add(sent_[sent_.size() - 1 - static_cast<std::size_t>(pick(std::min(20, static_cast<int>(sent_.size()))))]);
      return;
    }
    const Id128 id = some_proposal();
    const std::string by = someone();
    // Now and then with a colleague's key, which must never count.
    const std::string key = pick(10) == 0 ? someone() : by;
    sent_.push_back({signed_vote(log_.state, by, id, Verb::kApprove, key)});
    if (add(sent_.back())) REQUIRE(key == by);
  }
  void carry_out() {
    const Id128 id = some_proposal();
    const auto known = log_.state.proposals().find(id);
    const bool renews = known != log_.state.proposals().end() && renews_keys(known->second.made.action);
    const bool draws = renews && !log_.state.rotation();
    const auto keys = draws == (pick(10) != 0) ? std::optional(new_keys(log_.state)) : std::nullopt;
    const auto proof = renews == (pick(20) != 0) ? std::optional(digest_of("proof")) : std::nullopt;
    const bool done = add(ProposalDone{id, {}, keys, proof});
    if (const auto& rotation = log_.state.rotation(); rotation && pick(2) == 0) {
      const std::uint32_t from = rotation->from;
      add(rewrapped(log_, kAllRefs));
      if (pick(2) == 0) restart();
      const bool may = rotation->upto == kAllRefs && !rotation->cards_untried;
      REQUIRE(add(KeysRetired{from}) == may);
    }
    if (!done) return;
    const ProposalMade& made = log_.state.proposals().at(id).made;
    ++done_;
    rotations_ += std::holds_alternative<RotateKeys>(made.action) ? 1 : 0;
    reshares_ += std::holds_alternative<Reshare>(made.action) ? 1 : 0;
    rule_changes_ += std::holds_alternative<ChangeRules>(made.action) ? 1 : 0;
    overrides_ += made.overrides ? 1 : 0;
  }

  void nothing_else_is_in_force() {
    const Genesis& current = log_.state.current();
    REQUIRE(current.rules == account_.rules());
    REQUIRE(log_.state.root_epoch() == account_.epoch());
    REQUIRE(current.unseal_key == account_.unseal_key());
    REQUIRE(current.models.at(0).verify_threshold == account_.thresholds().first);
    REQUIRE(current.models.at(0).identify_threshold == account_.thresholds().second);
    REQUIRE(current.principals.size() == account_.people().size());
    for (const auto& p : current.principals) REQUIRE(to_json(p) == to_json(account_.people().at(p.id)));
  }
  // Whatever was decided: every rule takes two groups, and those who are left can meet it.
  void a_quorum_can_act() {
    GroupSizes left;
    for (const auto& [id, p] : account_.people()) {
      if (p.role == Role::kCustodian && (!p.until || *p.until >= format_day(log_.state.public_time())))
        ++left[group_of(id)];
    }
    for (const auto& [name, rule] : log_.state.current().rules) {
      CAPTURE(name);
      REQUIRE(rule.groups.size() == 2);
      REQUIRE(check_rule(rule, left));
    }
  }
  // And they do, in a copy of the log: a door comes to be. Who is suspended comes back by itself.
  void a_quorum_acts() {
    Log log = log_;
    const Rule& rule = log_.state.current().rules.at("principal");
    auto people = who_count(log);
    if (!meets(rule, {people.begin(), people.end()})) log.wait(kSuspensionMs);
    people = who_count(log);
    for (const auto& [id, p] : log_.state.proposals()) {
      if (p.made.by == people[0] && !is_final(stage(log, id))) log.must(ProposalWithdrawn{id, people[0]});
    }
    ProposalMade made = made_by(people[0], 0, RegisterPrincipals{{}, {new_door("door/99")}});
    made.id = Id128{0xff, 0xff};
    log.must(made);
    std::map<std::string, int> wanted = rule.groups;
    for (const auto& id : people) {
      if (wanted[group_of(id)]-- > 0) log.must(approval(log, id, made.id));
    }
    log.wait(rule.delay_s * 1000);
    log.must(ProposalDone{made.id});
  }
  static std::vector<std::string> who_count(const Log& log) {
    std::vector<std::string> out;
    for (const auto& p : log.state.current().principals) {
      if (p.role == Role::kCustodian && counts(log.state, p.id, now(log))) out.push_back(p.id);
    }
    return out;
  }

  std::mt19937 random_;
  Log log_;
  Account account_;
  std::vector<Approval> sent_;
  unsigned next_id_ = 0;
  int steps_ = 0;
  int done_ = 0;
  int refused_ = 0;
  int rule_changes_ = 0;
  int overrides_ = 0;
  int rotations_ = 0;
  int reshares_ = 0;
  int next_set_ = 0;
  std::uint32_t came_ = 0;
  int enrolled_ = 0;
};

TEST_CASE("no sequence of proposals and rule changes widens anything without people of both groups") {
  int overrides = 0;
  int rotations = 0;
  int reshares = 0;
  std::uint64_t rule_changes = 0;
  for (const unsigned seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    Walk walk(seed);
    for (int i = 0; i < steps() / 3; ++i) walk.step();
    // The walk got somewhere: acts, rule changes among them, and refusals.
    CHECK(walk.done() > 20);
    CHECK(walk.refused() > 500);
    CHECK(walk.people() > 5);
    overrides += walk.overrides();
    rotations += walk.rotations();
    reshares += walk.reshares();
    rule_changes += static_cast<std::uint64_t>(walk.rule_changes());
  }
  CHECK(overrides > 0);
  CHECK(rotations > 0);
  CHECK(reshares > 0);
  CHECK(rule_changes > 0);
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
