// Proposals, as an auditor looks at them besides the fold: the tree that each signer's machine had checked, and, for a
// vote or an act that the fold refuses, whose it is, for which entry, and what was missing. Pure; one object a log,
// one thread. Memory grows with the proposals that the state keeps.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "vault/audit/finding.h"
#include "vault/ledger/state.h"

namespace facekeep::audit {

// The root of the log's tree at a size; nothing where that can't be known.
using RootAt = std::function<std::optional<Digest>(std::uint64_t size)>;

// A ready proposal is carried out within a minute where the vault runs; from here on an auditor says that it was not.
inline constexpr std::int64_t kLateAfter = 10LL * 60 * 1000;

class ProposalCheck {
 public:
  explicit ProposalCheck(Findings& findings) : findings_(findings) {}

  // The root that a vote names. Needs no state.
  void root(std::uint64_t entry, const ledger::Event& event, const RootAt& root_at);
  // `before` is the state without the event. True if the fold will refuse it and a finding says so already.
  bool event(std::uint64_t entry, const ledger::Event& event, const ledger::State& before);
  // After the last entry: what is ready and was not carried out. May be called again.
  void finish(const ledger::State& state);

 private:
  struct Votes {
    std::map<std::string, std::uint64_t> entries;  // who -> entry of the last approval
    ledger::Moment last;
  };
  void forget_ended(const ledger::State& state);
  bool vote(std::uint64_t entry, const ledger::Vote& vote, ledger::Verb verb, const ledger::State& before,
            const ledger::Moment& now);
  bool done(std::uint64_t entry, const Id128& id, const ledger::State& before, const ledger::Moment& now);
  [[nodiscard]] std::optional<ledger::Moment> ready_since(const ledger::State& state, const ledger::Proposal& p,
                                                          const ledger::Moment& now) const;
  [[nodiscard]] std::string people(const ledger::Proposal& p) const;

  Findings& findings_;
  std::map<Id128, Votes> votes_;
  std::set<Id128> told_;
};

}  // namespace facekeep::audit
