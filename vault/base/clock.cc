#include "vault/base/clock.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace facekeep {
namespace {

using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::sys_days;
using std::chrono::year_month_day;

std::uint64_t boottime_ms() {
  timespec ts{};
  clock_gettime(CLOCK_BOOTTIME, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1000 + static_cast<std::uint64_t>(ts.tv_nsec) / 1000000;
}

// Reads exactly `n` digits at `pos`; -1 if there are none.
int digits(std::string_view s, std::size_t pos, std::size_t n) {
  int v = 0;
  for (std::size_t i = pos; i < pos + n; ++i) {
    if (s[i] < '0' || s[i] > '9') return -1;
    v = v * 10 + (s[i] - '0');
  }
  return v;
}

year_month_day day_of(UnixMillis t) {
  return year_month_day(std::chrono::floor<days>(std::chrono::sys_time<milliseconds>(milliseconds(t))));
}

std::string print(const char* format, int a, int b = 0, int c = 0) {
  std::array<char, 32> buf{};
  const int n = std::snprintf(buf.data(), buf.size(), format, a, b, c);
  return {buf.data(), static_cast<std::size_t>(n)};
}

}  // namespace

SystemClock::SystemClock() : start_ms_(boottime_ms()) {}

Instant SystemClock::now() const {
  timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  return {static_cast<UnixMillis>(ts.tv_sec) * 1000 + ts.tv_nsec / 1000000, boottime_ms() - start_ms_};
}

bool clock_jumped(const Instant& then, const Instant& now, std::int64_t tolerance_ms) {
  const auto ran = static_cast<std::int64_t>(now.uptime_ms - then.uptime_ms);
  const std::int64_t off = (now.wall - then.wall) - ran;
  return off > tolerance_ms || off < -tolerance_ms;
}

std::string format_day(UnixMillis t) {
  const auto d = day_of(t);
  return print("%04d-%02d-%02d", static_cast<int>(d.year()), static_cast<int>(static_cast<unsigned>(d.month())),
               static_cast<int>(static_cast<unsigned>(d.day())));
}

std::string format_month(UnixMillis t) {
  return format_day(t).substr(0, 7);
}

std::string format_time(UnixMillis t) {
  const UnixMillis midnight = sys_days(day_of(t)).time_since_epoch() / milliseconds(1);
  const int ms = static_cast<int>(t - midnight);
  return format_day(t) + print("T%02d:%02d", ms / 3600000, ms / 60000 % 60) +
         print(":%02d.%03dZ", ms / 1000 % 60, ms % 1000);
}

Result<UnixMillis> parse_day(std::string_view s) {
  const auto bad = [] { return make_error(Errc::kMalformed, "not a date of the form 2026-01-31"); };
  if (s.size() != 10 || s[4] != '-' || s[7] != '-') return bad();
  const int y = digits(s, 0, 4);
  const int m = digits(s, 5, 2);
  const int d = digits(s, 8, 2);
  if (y < 1970 || m < 1 || d < 1) return bad();
  const year_month_day ymd{std::chrono::year(y), std::chrono::month(static_cast<unsigned>(m)),
                           std::chrono::day(static_cast<unsigned>(d))};
  if (!ymd.ok()) return bad();
  return sys_days(ymd).time_since_epoch() / milliseconds(1);
}

Result<UnixMillis> parse_time(std::string_view s) {
  const auto bad = [] {
    return make_error(Errc::kMalformed, "not an RFC 3339 time in UTC of the form 2026-01-31T23:59:59.000Z");
  };
  if (s.size() != 24 || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' || s[23] != 'Z') return bad();
  auto day = parse_day(s.substr(0, 10));
  if (!day) return bad();
  const int h = digits(s, 11, 2);
  const int m = digits(s, 14, 2);
  const int sec = digits(s, 17, 2);
  const int ms = digits(s, 20, 3);
  if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 59 || ms < 0) return bad();
  return *day + ((h * 60 + m) * 60 + sec) * 1000LL + ms;
}

}  // namespace facekeep
