// The replay of a log's entries: decode, open, check the commitment, fold with the daemon's own fold, and check what
// the fold leaves to an auditor. Hashes and tiles are log_replay.h's. Pure, one thread; memory grows with the enrolled
// subjects, never with the access entries.
#pragma once

#include <functional>

#include "vault/audit/access_claims.h"
#include "vault/audit/budget_check.h"
#include "vault/audit/entry_checks.h"
#include "vault/audit/finding.h"
#include "vault/audit/openings.h"
#include "vault/audit/proposal_checks.h"
#include "vault/audit/rotation_check.h"
#include "vault/ledger/state.h"

namespace facekeep::audit {

// What the reader holds (design: P4, two levels).
enum class Level : std::uint8_t {
  kPublic,   // the tiles alone
  kAuditor,  // the openings too: a missing one is a finding
};

// One entry, as an observer sees it. Valid during the call.
struct Seen {
  std::uint64_t entry = 0;
  ledger::EventClass event_class = ledger::EventClass::kGovernance;
  const ledger::Event* event = nullptr;  // nothing: a commitment whose opening is not at hand
  OpeningState opening = OpeningState::kAbsent;
  const ledger::State& state;  // with this entry folded in
};
using Observer = std::function<void(const Seen&)>;

class Replay {
 public:
  // From entry 0, or from a state that an earlier audit confirmed. Both references must outlive it.
  Replay(Level level, Findings& findings, Observer observer = {});
  Replay(Level level, ledger::State from, Findings& findings, Observer observer = {});

  // Where roots for the votes' own come from, until it is set again; without it they are not compared.
  void use_tree(RootAt root_at) { root_at_ = std::move(root_at); }
  // The entry at position next().
  void entry(ByteView bytes, const Opening& opening);
  // `count` entries can't be read. What follows is checked by itself; the rules are not checked further.
  void skip(std::uint64_t count);
  // After the last entry: what only the end shows.
  void finish();

  [[nodiscard]] std::uint64_t next() const { return next_; }
  [[nodiscard]] const ledger::State& state() const { return state_; }
  // True if every governance entry was folded without a finding: phase, starts and shares are the vault's.
  [[nodiscard]] bool rules_held() const { return folding_; }
  // True if custody entries were folded too: state().digest() is the vault's.
  [[nodiscard]] bool complete() const { return folding_ && custody_; }
  // Of the part of the state that accesses feed (ledger::Budgets::digest), if all of them that matter could be read.
  [[nodiscard]] std::optional<Digest> budgets_digest() const {
    return folding_ ? budgets_.digest() : std::optional<Digest>();
  }

 private:
  void governance(const ledger::Event& event);
  void recovery(const ledger::Event& event);
  void cards_due();
  // What is checked of every event that could be read, before it is folded. True if the fold will refuse it and a
  // finding says so already.
  bool check(const ledger::Event& event);
  void hidden(const ledger::PrivateLeaf& leaf, const Opening& opening);
  void unopened(const ledger::PrivateLeaf& leaf, OpeningState why);
  // Decodes an opening and checks it against its leaf.
  std::optional<ledger::Event> open(const ledger::PrivateLeaf& leaf, const Opening& opening);
  // `refused`: the finding where the fold does; none if one says so already.
  void fold(const std::function<Status()>& apply, std::optional<Code> refused = Code::kRuleBroken);
  void observe(ledger::EventClass c, const ledger::Event* event, OpeningState opening);

  Level level_;
  Findings& findings_;
  Observer observer_;
  ledger::State state_;
  ClockCheck clocks_;
  DecisionCheck decisions_;
  BudgetCheck budgets_;
  ProposalCheck proposals_;
  RotationCheck rotations_;
  RootAt root_at_;
  AccessClaims claims_;
  std::uint64_t next_ = 0;
  std::optional<std::uint64_t> cards_told_;  // the recovery
  bool folding_ = true;
  bool custody_ = true;
};

}  // namespace facekeep::audit
