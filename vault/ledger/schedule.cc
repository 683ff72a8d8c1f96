#include "vault/ledger/schedule.h"

#include <algorithm>
#include <chrono>

namespace facekeep::ledger {
namespace {

// The same day and time of another year; of 29 February the day behind it, where there is none.
UnixMillis years_later(UnixMillis since, int years) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds(since)};
  const auto day = floor<days>(at);
  year_month_day date = year_month_day(day) + std::chrono::years(years);
  if (!date.ok()) date = date.year() / March / 1;
  return (sys_days(date) + (at - day)).time_since_epoch().count();
}

bool was_under_lost_root(const State& state, const Id128& ref) {
  const SubjectState* s = state.subject(ref);
  const auto& lost = state.lost_roots();
  return s != nullptr && std::any_of(lost.begin(), lost.end(),
                                     [&](const auto& root) { return root.second == 0 || s->entry < root.second; });
}

}  // namespace

std::optional<RotationDue> rotation_due(const State& state, const Moment& now) {
  const auto& since = state.scheduled_since();
  if (!since) return std::nullopt;
  const std::int64_t span = state.current().rotate_days * kDaySpan;
  const UnixMillis at = since->wall + span;
  const auto ran = static_cast<std::int64_t>(now.clock - std::min(now.clock, since->clock));
  return RotationDue{at, std::min(at - std::max(now.wall, state.public_time()), span - ran)};
}

Horizon erasure_horizon(const State& state, const Id128& ref) {
  Horizon out{state.key_epoch(ref), state.current().spare_key.has_value(), {}};
  const auto& since = state.scheduled_since();
  const auto rule = state.rule("rotate");
  // Nobody can destroy a lost root: no date is promised to those whose keys it ever sealed, whatever root they have
  // been moved under since. Old copies of theirs hang on the old cards.
  if (!since || !rule || was_under_lost_root(state, ref)) return out;
  out.by = format_day(since->wall + (state.current().rotate_days + 1) * kDaySpan + rule->delay_s * 1000);
  return out;
}

CardYear card_year(UnixMillis since, UnixMillis now) {
  int years = 0;
  while (years_later(since, years + 1) <= now) ++years;
  const UnixMillis latest = years_later(since, years);
  return {since, latest, years_later(since, years + 1), years > 0 && now < latest + kCardReminder};
}

}  // namespace facekeep::ledger
