// What only stops a destruction, and what waits for it (proposal_decide.h).
#include <algorithm>

#include "vault/ledger/proposal_decide.h"

namespace facekeep::ledger {

bool only_stops(const State& state, const Action& action) {
  if (std::holds_alternative<CancelErasures>(action)) return true;
  const auto* change = std::get_if<ChangePolicy>(&action);
  if (change == nullptr) return false;
  const Site* site = state.site(change->site);
  const auto shortened = state.shortened().find(change->site);
  // Exactly the days that were agreed on: it ends the wait that the shortening brought, and with fewer would destroy.
  return site != nullptr && shortened != state.shortened().end() &&
         change->access_log_days == shortened->second.agreed_days && change->erase_daily <= site->erase_daily &&
         !change->signed_probes_required && !change->min_pad && !change->budgets;
}

bool erasure_is_cancelled(const State& state, const Proposal& p, const SubjectState& s) {
  const auto* cancel = std::get_if<CancelErasures>(&p.made.action);
  return cancel != nullptr && s.erase_due && s.suspended_at < p.entry &&
         state.current().sites[s.site].id == cancel->site;
}

bool may_hold(const State& state, const Proposal& p, const Moment& now) {
  if (!std::holds_alternative<CancelErasures>(p.made.action)) return false;
  if (is_final(p.stage) && p.stage != Stage::kExpired) return false;
  const auto lifetime = static_cast<std::uint64_t>(rule_for(state, p.made, now).lifetime_s) * 1000;
  return now.clock < p.opened.clock + lifetime;
}

bool erasure_is_held(const State& state, const SubjectState& s, const Moment& now) {
  return std::any_of(state.proposals().begin(), state.proposals().end(), [&](const auto& each) {
    const Proposal& p = each.second;
    if (!erasure_is_cancelled(state, p, s) || !may_hold(state, p, now)) return false;
    return p.opened.wall < *s.erase_due || p.opened.clock < s.suspended_at_clock + kBulkEraseDelay;
  });
}

}  // namespace facekeep::ledger
