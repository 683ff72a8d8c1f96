// Rotations and re-shares in a log of the tests.
#pragma once

#include <algorithm>

#include "tests/unit/ledger/proposal_maker.h"

namespace facekeep::ledger::test {

inline Site garage() {
  Site s = valid_genesis().sites[0];
  s.id = "garage";
  return s;
}

// What the daemon would have drawn for the next epoch.
inline NewKeys new_keys(const State& state) {
  NewKeys k;
  k.epoch = state.root_epoch() + 1;
  k.root = state.current().token.root;
  const std::string epoch = " of epoch " + std::to_string(k.epoch);
  for (const Site& s : state.current().sites) k.checks[s.id] = digest_of("check " + s.id + epoch);
  k.register_check = digest_of("register" + epoch);
  return k;
}

// The entry that puts them in force. The fold takes any proof: an unseal checks it.
inline ProposalDone done_with_keys(const State& state, const Id128& proposal) {
  return {proposal, {}, new_keys(state), digest_of("proof of the new keys")};
}

// All of its custodians sign what it says now.
inline void sign_reshare(Reshare& a) {
  a.signatures.clear();
  const std::string statement = reshare_statement(a, valid_genesis().vault).value();
  for (const auto& p : a.custodians) {
    std::string key = p.id;  // whose it is, also where two have the same
    for (const auto& other : a.custodians) key = approval_line(other.id) == p.approval_key ? other.id : key;
    a.signatures.push_back({p.id, sign_as(key, kCeremonyNamespace, statement)});
  }
}

// New cards for the same people; unsigned. `set` names the cards.
inline Reshare new_cards(const Genesis& current, const std::string& set = "second") {
  Reshare a;
  a.groups = current.groups;
  for (auto& group : a.groups) {
    for (auto& card : group.shares) {
      card.commitment = digest_of(set + " card " + group.id + "/" + std::to_string(card.number));
    }
  }
  for (const auto& p : current.principals) {
    if (p.role == Role::kCustodian) a.custodians.push_back(p);
  }
  a.unseal_key = digest_of(set + " unseal key");
  a.share_set = current.share_set + 1;
  a.transcript = digest_of(set + " transcript");
  return a;
}
// residents/4 takes the card of residents/3, who leaves; signed.
inline Reshare replaced_custodian(const Genesis& current) {
  Reshare a = new_cards(current);
  a.groups[1].shares[2].holders = {4};
  a.custodians[5] = make_principal("residents/4", Role::kCustodian);
  sign_reshare(a);
  return a;
}

// Proposed, signed by both groups, and ready; not carried out.
inline void agree(Log& log, const ProposalMade& made) {
  log.must(made);
  log.must(approval(log, "property/2", made.id));
  log.must(approval(log, "residents/1", made.id));
  log.wait(rule_for(log.state, made, now(log)).delay_s * 1000);
}
inline void rotate(Log& log, std::uint8_t id, Action action = RotateKeys{}) {
  const ProposalMade made = made_by("property/1", id, std::move(action));
  agree(log, made);
  log.must(done_with_keys(log.state, made.id));
}
inline Rewrapped rewrapped(const Log& log, Id128 upto) {
  return {log.state.root_epoch(), upto, digest_of("batch")};
}
// Sealed, and opened with the cards in force: the first of each group, by their first holders.
inline void reopen(Log& log) {
  log.must(Sealed{"daemon", "shutdown"});
  log.start();
  std::vector<std::string> cards;
  for (const Group& group : log.state.current().groups) {
    for (std::uint32_t n = 1; n <= group.threshold; ++n) {
      log.must(UnsealShare{group.id + "/" + std::to_string(group.shares[n - 1].holders.at(0)), group.id, n});
      cards.push_back(group.id + "/" + std::to_string(n));
    }
  }
  std::sort(cards.begin(), cards.end());
  log.must(Unsealed{cards});
}
// To its end.
inline void finish_rotation(Log& log) {
  const std::uint32_t from = log.state.rotation()->from;
  log.must(rewrapped(log, kAllRefs));
  if (log.state.rotation()->cards_untried) reopen(log);
  log.must(KeysRetired{from});
}

}  // namespace facekeep::ledger::test
