// Time, as the ledger sees it.
//
// Wall-clock time is the administrator's to set, so nothing that widens access may trust it alone:
// every event carries the wall clock and the milliseconds since the daemon started (design: delays
// run on the slower of the two, expiries on the faster).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vault/base/result.h"

namespace facekeep {

using UnixMillis = std::int64_t;  // milliseconds since 1970-01-01T00:00:00Z, no leap seconds

struct Instant {
  UnixMillis wall = 0;          // UTC
  std::uint64_t uptime_ms = 0;  // monotonic, since the clock was made
};

class Clock {
 public:
  virtual ~Clock() = default;
  // Thread safe.
  [[nodiscard]] virtual Instant now() const = 0;
};

// CLOCK_REALTIME and CLOCK_BOOTTIME (which runs on through a suspend).
class SystemClock final : public Clock {
 public:
  SystemClock();
  [[nodiscard]] Instant now() const override;

 private:
  std::uint64_t start_ms_;
};

// True if the wall clock ran ahead of monotonic time, or fell behind it, by more than `tolerance_ms` between two
// readings of one clock: somebody or something set it. Small steps add up, because `then` stays. Pure.
bool clock_jumped(const Instant& then, const Instant& now, std::int64_t tolerance_ms);

// RFC 3339 in UTC with milliseconds: "2026-11-22T05:36:16.123Z", years 1970 to 9999. The only form
// that the log writes or accepts.
std::string format_time(UnixMillis t);
Result<UnixMillis> parse_time(std::string_view text);

// "2026-11-22", the day in UTC; "2026-11", the month.
std::string format_day(UnixMillis t);
std::string format_month(UnixMillis t);
// Midnight UTC at the start of the day. Refuses dates that do not exist.
Result<UnixMillis> parse_day(std::string_view text);

}  // namespace facekeep
