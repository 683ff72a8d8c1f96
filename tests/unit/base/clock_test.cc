#include "vault/base/clock.h"

#include "tests/support/catch.h"

using namespace facekeep;

TEST_CASE("times have one text form and come back the same") {
  for (const UnixMillis t :
       {UnixMillis{0}, UnixMillis{951782400123}, UnixMillis{1795000000999}, UnixMillis{253402300799999}}) {
    CHECK(*parse_time(format_time(t)) == t);
  }
  CHECK(format_time(951782400123) == "2000-02-29T00:00:00.123Z");
  CHECK(format_day(951782400123) == "2000-02-29");
  CHECK(format_month(951782400123) == "2000-02");
}

TEST_CASE("times that do not exist are refused") {
  for (const char* bad : {"2001-02-29T00:00:00.000Z", "2000-13-01T00:00:00.000Z", "2000-01-01T24:00:00.000Z",
                          "2000-01-01T00:00:60.000Z", "2000-01-01T00:00:00Z", "2000-01-01 00:00:00.000Z",
                          "2000-01-01T00:00:00.000+00:00", "1969-12-31T23:59:59.999Z", "2000-0a-01T00:00:00.000Z"}) {
    INFO(bad);
    CHECK_FALSE(parse_time(bad));
  }
}

TEST_CASE("a wall clock that leaves monotonic time by more than the tolerance has jumped") {
  constexpr std::int64_t kHour = 3'600'000;
  struct Row {
    std::int64_t wall;  // hours since the first reading
    std::int64_t up;
    bool jumped;
  };
  for (const Row& row : {Row{0, 0, false}, Row{100, 100, false}, Row{6, 0, false}, Row{7, 0, true},
                         Row{106, 100, false}, Row{107, 100, true}, Row{94, 100, false}, Row{93, 100, true},
                         Row{-7, 0, true}, Row{-6, 0, false}, Row{80, 0, true}, Row{0, 80, true}}) {
    INFO(row.wall << " " << row.up);
    const Instant then{1795000000000, 5};
    const Instant now{then.wall + row.wall * kHour, then.uptime_ms + static_cast<std::uint64_t>(row.up * kHour)};
    CHECK(clock_jumped(then, now, 6 * kHour) == row.jumped);
  }
}

TEST_CASE("the system clock's uptime does not go back") {
  const SystemClock clock;
  const auto a = clock.now();
  const auto b = clock.now();
  CHECK(b.uptime_ms >= a.uptime_ms);
}
