// Proposals, approvals and vetoes in a log of the tests.
#pragma once

#include "tests/unit/ledger/log_maker.h"
#include "vault/ledger/proposal_decide.h"

namespace facekeep::ledger::test {

inline PrincipalRecord new_door(const std::string& id, std::vector<std::string> doors = {"north"}) {
  PrincipalRecord p = make_principal(id, Role::kDoor);
  p.sites = {"main"};
  p.doors = std::move(doors);
  return p;
}
inline ProposalMade made_by(const std::string& by, std::uint8_t id, Action action) {
  return {Id128{0xab, id}, by, "new-door", std::move(action), std::nullopt};
}
inline ProposalMade door_proposal(std::uint8_t id, const std::string& by = "property/1") {
  return made_by(by, id, RegisterPrincipals{{}, {new_door("door/" + std::to_string(100 + id))}});
}

// A vote as that person's program makes it: over the log as it stands, with the own key.
inline Vote signed_vote(const State& state, const std::string& by, const Id128& proposal, Verb verb,
                        const std::string& key_of = {}) {
  Vote v{proposal, by, state.rule_version(), state.size(), digest_of("root"), {}};
  const auto it = state.proposals().find(proposal);
  const Digest digest = it == state.proposals().end() ? Digest{} : it->second.digest;
  v.signature = sign_as(key_of.empty() ? by : key_of, kApprovalNamespace,
                        vote_statement(v, verb, digest, state.genesis().vault).value());
  return v;
}
inline Approval approval(const Log& log, const std::string& by, const Id128& proposal) {
  return {signed_vote(log.state, by, proposal, Verb::kApprove)};
}
inline Veto veto(const Log& log, const std::string& by, const Id128& proposal) {
  return {signed_vote(log.state, by, proposal, Verb::kVeto)};
}

inline Moment now(const Log& log) {
  return {log.wall, log.state.log_clock_at(log.uptime)};
}
inline Stage stage(const Log& log, const Id128& id) {
  return stage_at(log.state, log.state.proposals().at(id), now(log));
}

// Proposed, signed by one person of each group and, after `wait_s`, carried out.
inline void decide_together(Log& log, const ProposalMade& made, std::int64_t wait_s = 0) {
  log.must(made);
  log.must(approval(log, "property/2", made.id));
  log.must(approval(log, "residents/1", made.id));
  log.wait(wait_s * 1000);
  log.must(ProposalDone{made.id});
}

}  // namespace facekeep::ledger::test
