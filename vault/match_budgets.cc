#include "vault/match_budgets.h"

#include <algorithm>

namespace facekeep {

using ledger::Over;

namespace {

// Whose budget: nothing for a subject's, of whom nobody is told.
std::optional<std::string> told_of(Over over, const ledger::Match& m) {
  if (over == Over::kDoor) return "door " + m.site + "/" + m.door;
  if (over == Over::kCamera) return "camera " + m.site + "/" + m.camera->camera;
  return std::nullopt;
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
  // Who is told "refer" learns nothing of a subject: only the others' budgets may say so.
  if (match.over == Over::kSubject && match.decision == "refer") match.over.reset();
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
  if (!ready_ || told_.empty()) return std::nullopt;
  const auto over = budgets_.over(state.budgets(match.site), ledger::budget_call(match), uptime_ms);
  const auto whose = over ? told_of(*over, match) : std::nullopt;
  const auto it = whose ? told_.find(*whose) : told_.end();
  if (it == told_.end() || uptime_ms >= it->second.uptime_ms + kOverTellMs) return std::nullopt;
  return it->second.entry;
}

void MatchBudgets::alarm(std::uint64_t entry, std::uint64_t uptime_ms, const ledger::Match& match) {
  const std::lock_guard lock(mutex_);
  ++alarms_.total[*match.over];
  alarms_.latest = entry;
  if (open_.size() < kMaxOpenAlarms) open_.push_back(entry);
  alarms_.open = open_.size();
  if (const auto whose = told_of(*match.over, match)) told_[*whose] = {entry, uptime_ms};
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
