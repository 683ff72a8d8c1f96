// People who decide together in the log of a mirror: votes over the log as it stands, with its true root.
#pragma once

#include "tests/unit/audit/memory_mirror.h"
#include "tests/unit/ledger/proposal_maker.h"

namespace facekeep::audit_test {

inline Digest root_of(const MemoryMirror& m) {
  log::Tree tree;
  for (const Bytes& e : m.entries) tree.append(log::leaf_hash(e));
  return tree.root();
}

inline ledger::Vote vote_in(const MemoryMirror& m, const std::string& by, const Id128& proposal, ledger::Verb verb,
                            const Digest& root) {
  ledger::Vote v{proposal, by, m.state.rule_version(), m.entries.size(), root, {}};
  const Digest digest = m.state.proposals().at(proposal).digest;
  v.signature =
      lt::sign_as(by, ledger::kApprovalNamespace, vote_statement(v, verb, digest, m.state.genesis().vault).value());
  return v;
}
inline void approve(MemoryMirror& m, const std::string& by, const Id128& proposal) {
  m.wait(60000);
  m.add(ledger::Approval{vote_in(m, by, proposal, ledger::Verb::kApprove, root_of(m))});
}
inline void veto(MemoryMirror& m, const std::string& by, const Id128& proposal) {
  m.wait(60000);
  m.add(ledger::Veto{vote_in(m, by, proposal, ledger::Verb::kVeto, root_of(m))});
}

inline ledger::ProposalMade loosened(std::uint8_t id) {
  return lt::made_by("property/1", id, ledger::ChangeThresholds{"face", 300000, 400000});
}

}  // namespace facekeep::audit_test
