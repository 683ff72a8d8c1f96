#include "vault/ledger/budget.h"

#include <algorithm>
#include <array>
#include <utility>

#include "vault/base/digest.h"

namespace facekeep::ledger {
namespace {

struct OverRow {
  Over over;
  std::string_view text;
  std::string_view decision;
};
constexpr std::array<OverRow, 3> kOver = {
    {{Over::kDoor, "door", "refer"}, {Over::kCamera, "camera", "refer"}, {Over::kSubject, "subject", "no_match"}}};

std::uint64_t cost_of(const SiteBudgets& budgets, const BudgetCall& call) {
  const std::uint64_t one = call.camera ? 1 : budgets.unsigned_cost;
  return call.repeat ? one * budgets.repeat_cost : one;
}

// More than the bucket ever holds would never be let through.
std::uint64_t owes(const Budget& budget, std::uint64_t tokens) {
  return std::min<std::uint64_t>(tokens, budget.burst) * budget.refill_ms;
}

std::uint64_t capacity(const Budget& budget) {
  return std::uint64_t{budget.burst} * budget.refill_ms;
}

// In the order in which they are asked, with what each is called in the digest.
template <class F>
void each_bucket(const SiteBudgets& budgets, const BudgetCall& call, const F& visit) {
  const std::string site(call.site);
  visit(Over::kDoor, "door " + site + " " + std::string(call.door), budgets.door);
  if (call.camera) visit(Over::kCamera, "camera " + site + " " + std::string(*call.camera), budgets.camera);
  if (!call.subject) return;
  const std::string name = site + " " + to_hex(*call.subject);
  visit(Over::kSubject, "subject " + name, budgets.subject);
  visit(Over::kSubject, "subject-door " + name + " " + std::string(call.door), budgets.subject_door);
}

Status check_budget(const char* name, const Budget& b) {
  if (b.burst >= 1 && b.burst <= kMaxBurst && b.refill_ms >= 1 && capacity(b) <= kBudgetMemory) return {};
  return make_error(Errc::kInvalidArgument, std::string("the budget \"") + name + "\" is out of its limits",
                    "a burst of 1 to 1,000,000, and burst times refill_ms at most a day (86,400,000)");
}

bool is_as_strict(const Budget& b, const Budget& base) {
  return b.burst <= base.burst && b.refill_ms >= base.refill_ms;
}

}  // namespace

Status check_budgets(const SiteBudgets& b) {
  FK_CHECK(check_budget("door", b.door));
  FK_CHECK(check_budget("camera", b.camera));
  FK_CHECK(check_budget("subject_door", b.subject_door));
  FK_CHECK(check_budget("subject", b.subject));
  const auto in_limits = [](std::uint32_t cost) { return cost >= 1 && cost <= kMaxBudgetCost; };
  if (in_limits(b.unsigned_cost) && in_limits(b.repeat_cost)) return {};
  return make_error(Errc::kInvalidArgument, "a cost in budgets is out of its limits", "1 to 1000 tokens");
}

bool is_as_strict(const SiteBudgets& b, const SiteBudgets& base) {
  return is_as_strict(b.door, base.door) && is_as_strict(b.camera, base.camera) &&
         is_as_strict(b.subject_door, base.subject_door) && is_as_strict(b.subject, base.subject) &&
         b.unsigned_cost >= base.unsigned_cost && b.repeat_cost >= base.repeat_cost;
}

void BudgetPolicies::set(const std::string& site, std::uint64_t entry, const SiteBudgets& budgets) {
  auto& changes = changes_[site];
  if (changes.empty() || changes.back().second != budgets) changes.emplace_back(entry, budgets);
}

const SiteBudgets& BudgetPolicies::at(std::string_view site, std::uint64_t entry) const {
  static const SiteBudgets defaults;
  const auto it = changes_.find(site);
  if (it == changes_.end()) return defaults;
  const auto after =
      std::find_if(it->second.begin(), it->second.end(), [&](const auto& c) { return c.first >= entry; });
  return after == it->second.begin() ? after->second : std::prev(after)->second;
}

std::string_view to_string(Over over) noexcept {
  return kOver[static_cast<std::size_t>(over)].text;
}

std::optional<Over> parse_over(std::string_view text) noexcept {
  const auto row = std::find_if(kOver.begin(), kOver.end(), [&](const OverRow& r) { return r.text == text; });
  return row == kOver.end() ? std::nullopt : std::optional(row->over);
}

std::string_view decision_over(Over over) noexcept {
  return kOver[static_cast<std::size_t>(over)].decision;
}

void Budgets::run_to(std::uint64_t uptime_ms) {
  if (uptime_ && uptime_ms > *uptime_) clock_ += uptime_ms - *uptime_;
  if (!uptime_ || uptime_ms > *uptime_) uptime_ = uptime_ms;
}

std::uint64_t Budgets::owed(const Key& key, const Budget& budget, std::uint64_t clock) const {
  const auto it = until_full_.find(key);
  const std::uint64_t until = it != until_full_.end() ? it->second : begins_empty_ ? capacity(budget) : 0;
  return until <= clock ? 0 : until - clock;
}

void Budgets::take(const Key& key, const Budget& budget, std::uint64_t tokens) {
  const std::uint64_t before = owed(key, budget, clock_);
  until_full_[key] = clock_ + std::min(before + owes(budget, tokens), std::max(before, capacity(budget)));
}

std::optional<Over> Budgets::over(const SiteBudgets& budgets, const BudgetCall& call,
                                  std::optional<std::uint64_t> uptime_ms) const {
  const std::uint64_t cost = cost_of(budgets, call);
  const std::uint64_t ahead = uptime_ms && uptime_ && *uptime_ms > *uptime_ ? *uptime_ms - *uptime_ : 0;
  std::optional<Over> found;
  each_bucket(budgets, call, [&](Over over, const Key& key, const Budget& budget) {
    if (!found && owed(key, budget, clock_ + ahead) + owes(budget, cost) > capacity(budget)) found = over;
  });
  return found;
}

bool Budgets::is_over(const SiteBudgets& budgets, const BudgetCall& call, Over which) const {
  const std::uint64_t cost = cost_of(budgets, call);
  bool found = false;
  each_bucket(budgets, call, [&](Over over, const Key& key, const Budget& budget) {
    found = found || (over == which && owed(key, budget, clock_) + owes(budget, cost) > capacity(budget));
  });
  return found;
}

void Budgets::charge(const SiteBudgets& budgets, const BudgetCall& call) {
  const std::uint64_t cost = cost_of(budgets, call);
  each_bucket(budgets, call, [&](Over, const Key& key, const Budget& budget) { take(key, budget, cost); });
  drop_full();
}

// Yesterday's pseudonyms would stay for ever. Half of the room is free behind it, so that it is done seldom.
void Budgets::drop_full() {
  if (until_full_.size() < drop_at_) return;
  std::erase_if(until_full_, [&](const auto& bucket) { return bucket.second <= clock_; });
  drop_at_ = std::max<std::size_t>(1024, 2 * until_full_.size());
}

Digest Budgets::digest() const {
  std::string text = "facekeep/budgets/v1\n";
  for (const auto& [key, until] : until_full_) {
    if (until > clock_) text += key + " " + std::to_string(until - clock_) + "\n";
  }
  return sha256(as_bytes(text));
}

}  // namespace facekeep::ledger
