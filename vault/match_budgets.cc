#include "vault/match_budgets.h"

#include <algorithm>

namespace facekeep {

using ledger::Over;

namespace {

std::string door_of(const ledger::Match& m) {
  return m.site + "/" + m.door;
}

}  // namespace

void fold_budgets(const std::vector<BudgetEvent>& oldest_first, const ledger::BudgetPolicies& policies,
                  ledger::Budgets& budgets) {
  for (const BudgetEvent& e : oldest_first) {
    if (e.starts) {
      budgets.start(e.uptime_ms);
      continue;
    }
    budgets.run_to(e.uptime_ms);
    if (e.taken) budgets.charge(policies.at(e.taken->site, e.entry), ledger::budget_call(*e.taken));
  }
}

bool MatchBudgets::ready() const {
  const std::lock_guard lock(mutex_);
  return ready_;
}

void MatchBudgets::decide(const ledger::State& state, std::uint64_t entry, std::uint64_t uptime_ms,
                          ledger::Match& match) {
  const std::lock_guard lock(mutex_);
  if (!ready_) {
    match.decision = "refer";
    if (match.identify) match.subject.reset();
    waiting_.push_back({entry, uptime_ms, false, match});
    return;
  }
  budgets_.run_to(uptime_ms);
  const auto& policy = state.budgets(match.site);
  const ledger::BudgetCall call = ledger::budget_call(match);
  match.over = budgets_.over(policy, call);
  if (!match.over) {
    budgets_.charge(policy, call);
    return;
  }
  match.decision = decision_over(*match.over);
  // Only a match names whom identify found, and one that a subject's own budget turned down.
  if (match.identify && match.over != Over::kSubject) match.subject.reset();
}

void MatchBudgets::take(ledger::Budgets folded, std::uint64_t size, const ledger::BudgetPolicies& policies) {
  const std::lock_guard lock(mutex_);
  budgets_ = std::move(folded);
  std::erase_if(waiting_, [&](const BudgetEvent& e) { return e.entry < size; });
  fold_budgets(waiting_, policies, budgets_);
  waiting_.clear();
  ready_ = true;
}

void MatchBudgets::clear() {
  const std::lock_guard lock(mutex_);
  ready_ = false;
  budgets_ = {};
  waiting_.clear();
  told_.clear();
}

std::optional<std::uint64_t> MatchBudgets::told(const ledger::State& state, std::uint64_t uptime_ms,
                                                const ledger::Match& match) const {
  const std::lock_guard lock(mutex_);
  const auto it = told_.find(door_of(match));
  if (!ready_ || it == told_.end() || uptime_ms >= it->second.uptime_ms + kOverTellMs) return std::nullopt;
  const auto over = budgets_.over(state.budgets(match.site), ledger::budget_call(match), uptime_ms);
  return over == Over::kDoor ? std::optional(it->second.entry) : std::nullopt;
}

void MatchBudgets::alarm(std::uint64_t entry, std::uint64_t uptime_ms, const ledger::Match& match) {
  const std::lock_guard lock(mutex_);
  ++alarms_.total[*match.over];
  alarms_.latest = entry;
  if (open_.size() < kMaxOpenAlarms) open_.push_back(entry);
  alarms_.open = open_.size();
  if (*match.over == Over::kDoor) told_[door_of(match)] = {entry, uptime_ms};
}

void MatchBudgets::acknowledge(std::uint64_t entry) {
  const std::lock_guard lock(mutex_);
  std::erase_if(open_, [&](std::uint64_t e) { return e <= entry; });
  alarms_.open = open_.size();
}

MatchBudgets::Alarms MatchBudgets::alarms() const {
  const std::lock_guard lock(mutex_);
  return alarms_;
}

Digest MatchBudgets::digest(std::uint64_t uptime_ms) const {
  const std::lock_guard lock(mutex_);
  ledger::Budgets then = budgets_;
  then.run_to(uptime_ms);
  return then.digest();
}

}  // namespace facekeep
