// The budgets of a running vault (ledger/budget.h): decided in log order, in the sequencer's turns; folded from the
// openings at unseal (vault/history.cc) and forgotten at seal.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "vault/ledger/budget.h"
#include "vault/ledger/event.h"
#include "vault/ledger/state.h"

namespace facekeep {

// An event as the budgets fold it: what it took, or only that time went by.
struct BudgetEvent {
  std::uint64_t entry = 0;
  std::uint64_t uptime_ms = 0;
  bool starts = false;                 // a start, or genesis
  std::optional<ledger::Match> taken;  // answered within the budgets
};
void fold_budgets(const std::vector<BudgetEvent>& oldest_first, const ledger::BudgetPolicies& policies,
                  ledger::Budgets& budgets);

// Calls over their budget behind the first of a while are counted as sums, so that nobody fills the log with them.
inline constexpr std::uint64_t kOverTellMs = 60'000;

// Thread safe.
class MatchBudgets {
 public:
  // False until the fold after an unseal is done: doors are told "refer".
  [[nodiscard]] bool ready() const;
  // In the turn that writes the match: sets what it is over, and the decision with it, or charges it. Before ready() it
  // becomes "refer", and is charged when the fold is done.
  void decide(const ledger::State& state, std::uint64_t entry, std::uint64_t uptime_ms, ledger::Match& match);
  // Takes over what was folded up to entry `size`, and charges what was decided since.
  void take(ledger::Budgets folded, std::uint64_t size, const ledger::BudgetPolicies& policies);
  void clear();

  // Before the work: the entry that told this door or camera within the last kOverTellMs that it is over its budget, if
  // it still is. `match` has no subject yet.
  [[nodiscard]] std::optional<std::uint64_t> told(const ledger::State& state, std::uint64_t uptime_ms,
                                                  const ledger::Match& match) const;
  // An alarm is in the log, durable.
  void alarm(std::uint64_t entry, std::uint64_t uptime_ms, const ledger::Match& match);
  void acknowledge(std::uint64_t entry);
  struct Alarms {
    std::map<ledger::Over, std::uint64_t> total;  // since the daemon started
    std::uint64_t open = 0;                       // that nobody has acknowledged, since it was unsealed
    std::uint64_t latest = 0;                     // entry
  };
  [[nodiscard]] Alarms alarms() const;
  // At an uptime since the last decision.
  [[nodiscard]] Digest digest(std::uint64_t uptime_ms) const;

 private:
  struct Told {
    std::uint64_t entry = 0;
    std::uint64_t uptime_ms = 0;
  };
  mutable std::mutex mutex_;
  bool ready_ = false;
  ledger::Budgets budgets_;
  std::vector<BudgetEvent> waiting_;
  std::map<std::string, Told> told_;  // by door or camera
  std::vector<std::uint64_t> open_;   // entries of alarms, ascending; at most kMaxOpenAlarms
  Alarms alarms_;
};
inline constexpr std::size_t kMaxOpenAlarms = 100'000;

}  // namespace facekeep
