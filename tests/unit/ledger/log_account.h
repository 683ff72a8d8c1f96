// A second account of a log, kept from the canonical bytes of its entries alone: who signed which proposal, who is
// suspended or gone, what was vetoed. It shares the events' reader with the fold, and none of its decisions.
#pragma once

#include <map>
#include <set>

#include "tests/unit/ledger/keys_maker.h"

namespace facekeep::ledger::test {

class Account {
 public:
  // `entries`: how many the log has by now.
  Account(const Genesis& genesis, std::uint64_t entries)
      : rules_(genesis.rules), agreed_(genesis.rules), entries_(entries) {
    for (const auto& p : genesis.principals) people_[p.id] = p;
  }

  // The next entry, of which the public log has no more than its place.
  void pass() { ++entries_; }
  // The next entry. What it may have widened is held against what was signed.
  void take(std::string_view canonical) {
    const auto event = decode_event(canonical);
    REQUIRE(event);
    latest_ = std::max(latest_, event->time);
    // The log's clock goes on at a start from where it stood.
    if (std::holds_alternative<Start>(event->body)) base_ = highest_ - event->uptime_ms;
    clock_ = base_ + event->uptime_ms;
    highest_ = std::max(highest_, clock_);
    wall_ = event->time;
    std::visit([this](const auto& body) { read(body); }, event->body);
    ++entries_;
  }
  // What must be in force now: what the entries that the account found in order made of genesis.
  [[nodiscard]] const std::map<std::string, Rule>& rules() const { return rules_; }
  [[nodiscard]] const std::map<std::string, PrincipalRecord>& people() const { return people_; }
  [[nodiscard]] std::pair<std::int32_t, std::int32_t> thresholds() const { return {verify_, identify_}; }
  // How often all keys were drawn anew, and the unseal key of the present cards.
  [[nodiscard]] std::uint32_t epoch() const { return epoch_; }
  [[nodiscard]] const Digest& unseal_key() const { return unseal_key_; }
  void start_with(const Model& model) {
    verify_ = model.verify_threshold;
    identify_ = model.identify_threshold;
  }

 private:
  struct Signature {
    std::string by;
    UnixMillis wall = 0;
    std::uint64_t clock = 0;
  };
  struct Told {
    ProposalMade made;
    UnixMillis opened = 0;
    std::vector<Signature> signatures;
    bool ended = false;
    std::uint64_t entry = 0;  // its own, or the latest that made its signatures stale
  };

  template <class Body>
  void read(const Body& /*nothing that widens*/) {}
  void read(const ProposalMade& e) {
    REQUIRE(told_.emplace(e.id, Told{e, latest_, {}, false, entries_}).second);
    REQUIRE(is_custodian(e.by));
  }
  void read(const Approval& e) {
    Told& t = live(e.vote.proposal);
    REQUIRE(may_sign(e.vote.by));
    // Over a log that had all that the signer must have seen.
    REQUIRE(e.vote.size > t.entry);
    REQUIRE(e.vote.size <= entries_);
    for (const auto& s : t.signatures) REQUIRE(s.by != e.vote.by);
    const Digest digest = proposal_digest(t.made, valid_genesis().vault).value();
    const std::string text = vote_statement(e.vote, Verb::kApprove, digest, valid_genesis().vault).value();
    REQUIRE(verify_sshsig(e.vote.signature, people_.at(e.vote.by).approval_key, kApprovalNamespace, as_bytes(text)));
    t.signatures.push_back({e.vote.by, wall_, clock_});
  }
  void read(const Veto& e) {
    REQUIRE(may_sign(e.vote.by));
    live(e.vote.proposal).ended = true;
  }
  void read(const ProposalWithdrawn& e) {
    REQUIRE(live(e.proposal).made.by == e.by);
    live(e.proposal).ended = true;
  }
  void read(const CustodianSuspended& e) { suspended_[e.by] = {e.custodian, clock_}; }
  void read(const Revoked& e) {
    for (const auto& id : e.principals) {
      REQUIRE_FALSE(is_custodian(id));
      people_.erase(id);
      for (auto& [proposal, t] : told_) {
        const auto named = principals_in(t.made.action);
        if (std::find(named.begin(), named.end(), id) != named.end()) make_stale(t);
      }
    }
  }
  void read(const Tightened& e) {
    if (const auto* change = std::get_if<ChangeRules>(&e.action)) {
      for (const auto& [name, rule] : change->rules) {
        for (const auto& [group, n] : rules_.at(name).groups) REQUIRE(rule.groups.at(group) >= n);
        REQUIRE(rule.delay_s >= rules_.at(name).delay_s);
        REQUIRE(rule.lifetime_s == rules_.at(name).lifetime_s);
        REQUIRE(name != kCancelClass);
        rules_[name] = rule;
      }
    } else if (const auto* t = std::get_if<ChangeThresholds>(&e.action)) {
      REQUIRE((t->verify_threshold >= verify_ && t->identify_threshold >= identify_));
      act(e.action);
    } else {
      FAIL("one person did what is no tightening: " << kind_of(e.action).name);
    }
  }
  void read(const ProposalDone& e) {
    Told& t = live(e.proposal);
    t.ended = true;
    in_order(t);
    act(t.made.action);
    if (e.keys) ++epoch_;
  }

  // Enough people who count, of both groups; the delay on both clocks, the lifetime on neither.
  void in_order(const Told& t) const {
    in_order(t, rule_of(t.made.action));
    const auto* cards = std::get_if<Reshare>(&t.made.action);
    if (cards != nullptr && !cards->rules.empty()) in_order(t, rules_.at("rule"));
  }
  void in_order(const Told& t, const Rule& rule) const {
    std::map<std::string, int> of_group;
    std::map<std::string, Signature> first;
    // The wall clock may have been set back between two signatures; nobody sets the log's own.
    UnixMillis earliest = t.signatures.empty() ? wall_ : t.signatures.front().wall;
    for (const auto& s : t.signatures) {
      earliest = std::min(earliest, s.wall);
      const std::string group = s.by.substr(0, s.by.find('/'));
      first.emplace(group, s);
      of_group[group] += may_sign(s.by) ? 1 : 0;
    }
    for (const auto& [group, n] : rule.groups) REQUIRE(of_group[group] >= n);
    for (const char* group : {"property", "residents"}) {
      REQUIRE(of_group[group] >= 1);
      REQUIRE(clock_ >= first.at(group).clock + static_cast<std::uint64_t>(rule.delay_s) * 1000);
    }
    REQUIRE(wall_ >= earliest + rule.delay_s * 1000);
    REQUIRE(latest_ < t.opened + rule.lifetime_s * 1000);
  }
  // Nobody is left with new cards that open nothing.
  void read(const Unsealed& e) { cards_tried_ |= !e.before; }
  void read(const KeysRetired& /*e*/) { REQUIRE(cards_tried_); }

  // What one person tightened is taken back under the rule that a quorum had agreed on.
  [[nodiscard]] const Rule& rule_of(const Action& action) const {
    const auto* change = std::get_if<ChangeRules>(&action);
    const bool undoes =
        change != nullptr && std::all_of(change->rules.begin(), change->rules.end(),
                                         [&](const auto& r) { return is_as_strict(r.second, agreed_.at(r.first)); });
    return (undoes ? agreed_ : rules_).at(std::string(kind_of(action).action_class));
  }
  void act(const Action& action) {
    if (const auto* cards = std::get_if<Reshare>(&action)) take(*cards);
    if (const auto* rules = std::get_if<ChangeRules>(&action)) {
      for (const auto& [name, rule] : rules->rules) rules_[name] = agreed_[name] = rule;
    } else if (const auto* t = std::get_if<ChangeThresholds>(&action)) {
      verify_ = t->verify_threshold;
      identify_ = t->identify_threshold;
    } else if (const auto* custodian = std::get_if<ChangeCustodian>(&action)) {
      people_[custodian->custodian.id] = custodian->custodian;
    } else if (const auto* more = std::get_if<RegisterPrincipals>(&action)) {
      for (const auto& p : more->principals) people_[p.id] = p;
    }
    if (!unsettles(action)) return;
    for (auto& [id, t] : told_) make_stale(t);
  }
  void take(const Reshare& cards) {
    REQUIRE(cards.groups.size() == 2);
    const std::string text = reshare_statement(cards, valid_genesis().vault).value();
    REQUIRE(cards.signatures.size() == cards.custodians.size());
    std::erase_if(people_, [](const auto& p) { return p.second.role == Role::kCustodian; });
    for (const auto& p : cards.custodians) people_[p.id] = p;
    for (const auto& s : cards.signatures) {
      REQUIRE(verify_sshsig(s.signature, people_.at(s.by).approval_key, kCeremonyNamespace, as_bytes(text)));
    }
    for (const auto& [name, rule] : cards.rules) rules_[name] = agreed_[name] = rule;
    REQUIRE(unseal_keys_.insert(cards.unseal_key).second);
    unseal_key_ = cards.unseal_key;
    cards_tried_ = false;
  }
  void make_stale(Told& t) {
    t.signatures.clear();
    t.entry = entries_;
  }

  Told& live(const Id128& id) {
    const auto it = told_.find(id);
    REQUIRE(it != told_.end());
    REQUIRE_FALSE(it->second.ended);
    return it->second;
  }
  [[nodiscard]] bool is_custodian(const std::string& id) const {
    const auto it = people_.find(id);
    return it != people_.end() && it->second.role == Role::kCustodian;
  }
  [[nodiscard]] bool may_sign(const std::string& id) const {
    if (!is_custodian(id)) return false;
    const auto& until = people_.at(id).until;
    if (until && format_day(latest_) > *until) return false;
    return std::none_of(suspended_.begin(), suspended_.end(), [&](const auto& s) {
      return s.second.first == id && clock_ < s.second.second + 72ULL * 3600 * 1000;
    });
  }

  std::map<std::string, Rule> rules_;
  std::map<std::string, Rule> agreed_;  // the latest that a quorum decided
  std::map<std::string, PrincipalRecord> people_;
  std::map<Id128, Told> told_;
  std::uint64_t entries_ = 0;
  std::map<std::string, std::pair<std::string, std::uint64_t>> suspended_;
  std::uint32_t epoch_ = 1;
  bool cards_tried_ = true;  // the present ones opened the vault
  Digest unseal_key_ = valid_genesis().unseal_key;
  std::set<Digest> unseal_keys_ = {valid_genesis().unseal_key};  // ever
  std::int32_t verify_ = 0;
  std::int32_t identify_ = 0;
  UnixMillis wall_ = 0;
  UnixMillis latest_ = 0;
  std::uint64_t base_ = 0;
  std::uint64_t highest_ = 0;
  std::uint64_t clock_ = 0;
};

}  // namespace facekeep::ledger::test
