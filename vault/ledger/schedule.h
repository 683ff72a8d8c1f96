// What the log promises by date: the next rotation, the erasure horizon that hangs on it, and the yearly look at the
// cards. Pure. Format: vault/log/FORMAT.md, "Schedule of rotations".
//
// Nothing here draws a key or ends one: a rotation takes its quorum, and a date that passes is told, never acted on.
#pragma once

#include <optional>

#include "vault/ledger/state.h"

namespace facekeep::ledger {

inline constexpr std::int64_t kDaySpan = 86400LL * 1000;
inline constexpr std::int64_t kDueSoon = 30 * kDaySpan;       // told from then on
inline constexpr std::int64_t kScheduleGrace = 7 * kDaySpan;  // behind it, an audit names what was missed
inline constexpr std::int64_t kCardReminder = 30 * kDaySpan;  // how long each year's lasts

struct RotationDue {
  UnixMillis at = 0;         // by the wall clock
  std::int64_t left_ms = 0;  // on the faster of the two clocks: setting the wall clock back gains nothing; < 0: overdue
};
// Nothing without a schedule.
std::optional<RotationDue> rotation_due(const State& state, const Moment& now);

// Of an erasure of this subject at this position of the log. `by`: the day behind the next due date and the delay of
// the rule of rotations, as the state has them.
Horizon erasure_horizon(const State& state, const Id128& ref);

// Every year, from the day on which the cards were made, everybody looks whether the own card is still good.
struct CardYear {
  UnixMillis since = 0;        // when the cards were made
  UnixMillis anniversary = 0;  // the latest that has come; `since` in the first year
  UnixMillis next = 0;
  bool asks = false;  // within kCardReminder behind an anniversary
};
CardYear card_year(UnixMillis since, UnixMillis now);

}  // namespace facekeep::ledger
