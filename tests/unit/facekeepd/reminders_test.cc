// What people are told because of a date, and how often.
#include "tools/facekeepd/reminders.h"

#include <filesystem>
#include <fstream>

#include "tests/unit/ledger/proposal_maker.h"
#include "tests/unit/tools/scratch.h"

using namespace facekeep;
using namespace facekeep::daemon;
using namespace facekeep::ledger::test;

namespace {

constexpr std::int64_t kDay = 86400LL * 1000;

std::vector<Reminder> due(const Log& log, const ToldDays& told = {}) {
  return reminders_due(log.state, now(log), told);
}

}  // namespace

TEST_CASE("a rotation is told once a day from 30 days before, until it is done") {
  Log log = open_log();
  CHECK(due(log).empty());
  decide_together(log, made_by("property/1", 1, ledger::SetRotation{90}), 86400);
  const UnixMillis at = log.wall + 90 * kDay;
  log.wait(59 * kDay);
  CHECK(due(log).empty());
  log.wait(kDay);
  CHECK(due(log) == std::vector<Reminder>{{"rotation-due", at}});
  const ToldDays today{{"rotation-due", format_day(log.wall)}};
  CHECK(due(log, today).empty());
  log.wait(kDay);
  CHECK(due(log, today).size() == 1);
  log.wait(60 * kDay);
  CHECK(due(log, today) == std::vector<Reminder>{{"rotation-due", at}});
}

TEST_CASE("a year of the cards is told once, whenever the daemon runs next") {
  Log log = open_log();
  const UnixMillis made = log.wall;
  log.wait(364 * kDay);
  CHECK(due(log).empty());
  log.wait(kDay);
  CHECK(due(log) == std::vector<Reminder>{{"check-your-cards", made + 365 * kDay}});
  const ToldDays told{{"check-your-cards", format_day(log.wall)}};
  CHECK(due(log, told).empty());
  log.wait(300 * kDay);
  CHECK(due(log, told).empty());
  CHECK(due(log).size() == 1);
  log.wait(66 * kDay);
  CHECK(due(log, told).size() == 1);
}

TEST_CASE("a reminder names its kind and its date, and no entry and nobody") {
  CHECK(reminder_body({1}, 1795305600000, {"rotation-due", 1795392000000}).value() ==
        R"({"due":"2026-11-23T00:00:00.000Z","time":"2026-11-22T00:00:00.000Z","type":"rotation-due","v":1,)"
        R"("vault":"01000000000000000000000000000000"})");
}

TEST_CASE("what was told survives a restart; a damaged file is nothing told") {
  const Scratch dir;
  const std::string path = (dir.path() / "reminders").string();
  CHECK(load_told(path).empty());
  const ToldDays told{{"check-your-cards", "2027-11-22"}, {"rotation-due", "2026-11-22"}};
  REQUIRE(save_told(path, told));
  CHECK(load_told(path) == told);
  dir.write("reminders", "rotation-due soon\n");
  CHECK(load_told(path).empty());
  CHECK(save_told((dir.path() / "reminders" / "x").string(), told).error().code == Errc::kIo);
}
