#include "vault/audit/budget_check.h"

namespace facekeep::audit {

using namespace ledger;

void BudgetCheck::event(std::uint64_t entry, const Event& e, const State& before) {
  if (unknown_) forget(e.uptime_ms);
  if (class_of(e.body) == EventClass::kAccess) last_access_ = entry;
  const auto* start = std::get_if<Start>(&e.body);
  if (start != nullptr && before.phase() != Phase::kNew && before.start().budgets && !start->budgets) {
    findings_.add(Code::kBudgetsOff, entry);
  }
  if (start != nullptr || std::holds_alternative<Genesis>(e.body)) {
    budgets_.start(e.uptime_ms);
    if (emptied_) emptied_->start(e.uptime_ms);
    return;
  }
  run_to(e.uptime_ms);
  if (const auto* r = std::get_if<Restored>(&e.body); r != nullptr && last_access_ && *last_access_ >= r->size) {
    doubt(e.uptime_ms);
  }
  if (const auto* m = std::get_if<Match>(&e.body)) match(entry, *m, before);
}

void BudgetCheck::forget(std::uint64_t uptime_ms) {
  unknown_ = false;
  budgets_ = {};
  budgets_.start(uptime_ms);
  doubt(uptime_ms);
}

void BudgetCheck::doubt(std::uint64_t uptime_ms) {
  emptied_.emplace();
  emptied_->start(uptime_ms);
  emptied_->begin_empty();
  compare_at_ = kBudgetMemory;
}

void BudgetCheck::run_to(std::uint64_t uptime_ms) {
  budgets_.run_to(uptime_ms);
  if (!emptied_) return;
  emptied_->run_to(uptime_ms);
  if (emptied_->clock() < compare_at_) return;
  compare_at_ = emptied_->clock() + kBudgetMemory / 24;
  if (emptied_->digest() == budgets_.digest()) emptied_.reset();
}

void BudgetCheck::match(std::uint64_t entry, const Match& m, const State& before) {
  const SiteBudgets& policy = before.budgets(m.site);
  const BudgetCall call = budget_call(m);
  if (before.start().budgets) {
    const auto over = budgets_.over(policy, call);
    // Who was told to use another way in learned nothing: a door may be told so for other reasons.
    if (!m.over && over && m.decision != "refer") {
      findings_.add(Code::kOverBudget, entry, {std::string(to_string(*over))});
    }
    const bool before_others = !over || (m.over && *m.over <= *over);
    const bool may_be =
        m.over == over || (m.over && before_others && emptied_ && emptied_->is_over(policy, call, *m.over));
    if (m.over && !may_be) findings_.add(Code::kBudgetNotOver, entry, {std::string(to_string(*m.over))});
  }
  if (m.over) return;
  budgets_.charge(policy, call);
  if (emptied_) emptied_->charge(policy, call);
}

std::optional<Digest> BudgetCheck::digest() const {
  return unknown_ || emptied_ ? std::nullopt : std::optional(budgets_.digest());
}

}  // namespace facekeep::audit
