// Budgets taken again: every match that was answered had tokens, and none was turned down that had them
// (vault/log/FORMAT.md, "Budgets"). Pure; one object a log, one thread. Memory grows with the buckets of a day.
//
// Where accesses can't be read their cost is unknown. From there two folds run: one in which every bucket was full, one
// in which it was empty. Who was answered must have had tokens in the first; who was turned down, none in the second,
// and in the first enough of those that are asked before.
// Once the two agree there is one again. So too behind a restore that lost openings of accesses: whoever fetched them
// before can read them, and the vault can't.
#pragma once

#include <cstdint>
#include <optional>

#include "vault/audit/finding.h"
#include "vault/ledger/budget.h"
#include "vault/ledger/state.h"

namespace facekeep::audit {

class BudgetCheck {
 public:
  explicit BudgetCheck(Findings& findings) : findings_(findings) {}
  // `before` is the state without the event.
  void event(std::uint64_t entry, const ledger::Event& event, const ledger::State& before);
  // An access that could not be read, or a log that was not read from its first entry.
  void unknown() { unknown_ = true; }
  // Of the budgets after the last event; nothing while accesses that matter are not known.
  [[nodiscard]] std::optional<Digest> digest() const;

 private:
  void forget(std::uint64_t uptime_ms);
  void doubt(std::uint64_t uptime_ms);
  void run_to(std::uint64_t uptime_ms);
  void match(std::uint64_t entry, const ledger::Match& match, const ledger::State& before);

  Findings& findings_;
  bool unknown_ = false;
  std::optional<std::uint64_t> last_access_;  // that was read
  ledger::Budgets budgets_;
  std::optional<ledger::Budgets> emptied_;
  std::uint64_t compare_at_ = 0;  // emptied_->clock()
};

}  // namespace facekeep::audit
