// What the report counts, against a log that was written to be counted.
#include "vault/audit/statistics.h"

#include "tests/unit/audit/memory_mirror.h"

using namespace facekeep;
using namespace facekeep::audit_test;

namespace {

Statistics count(const MemoryMirror& m, StatisticsOptions options = {}, Level level = Level::kAuditor) {
  StatisticsObserver observer(options);
  const Outcome out = replay(m, level, std::ref(observer));
  INFO(out.text());
  CHECK(out.findings.clean());
  return observer.result();
}
ledger::Match passage(const char* decision) {
  const bool hit = std::string(decision) == "match";
  return {true, "main", "north", "face", "door/1", decision, hit ? std::optional(Id128{1}) : std::nullopt, {}};
}

}  // namespace

TEST_CASE("accesses are counted by the hour and day of the site's own time") {
  MemoryMirror m = open_vault(0);  // the log begins at midnight UTC; 6 s later the last enrolment
  m.wait(23 * 3600000);
  m.add(passage("match"));
  m.wait(3600000);
  m.add(passage("no_match"));
  m.add(passage("refer"));
  m.publish();
  const Statistics utc = count(m);
  CHECK(utc.hours[23].match == 1);
  CHECK(utc.hours[0].no_match == 1);
  CHECK(utc.days.at("2026-11-22").total() == 1);
  CHECK(utc.days.at("2026-11-23").refer == 1);
  const Statistics east = count(m, {8 * 60, 1});
  CHECK(east.hours[7].match == 1);
  CHECK(east.hours[8].total() == 2);
  CHECK(east.days.at("2026-11-23").total() == 3);
  const Statistics west = count(m, {-8 * 60, 1});
  CHECK(west.hours[15].match == 1);
  CHECK(west.days.at("2026-11-22").total() == 3);
}

TEST_CASE("a gap is a time without entries, named by the first entry behind it") {
  MemoryMirror m = open_vault(0);
  m.wait(24 * 3600000 - 1);
  m.add(passage("match"));
  m.wait(24 * 3600000);
  m.add(passage("match"));
  m.publish();
  const Statistics s = count(m);
  REQUIRE(s.gaps.size() == 1);
  CHECK(s.gaps[0].entry == 21);
  CHECK(s.gaps[0].to - s.gaps[0].from == 24 * 3600000);
}

TEST_CASE("an unsealing names the people who handed in its cards, and a new start forgets them") {
  MemoryMirror m = open_vault(0);
  m.add(ledger::Sealed{"daemon", "shutdown"});
  m.add(ledger::Start{"0.1.0", {1}, {2}, {7}, false});
  m.add(ledger::UnsealShare{"property/3", "property", 3});
  m.add(ledger::UnsealEnded{"timeout"});
  for (const char* by : {"property/1", "property/2", "residents/2", "residents/3"}) {
    const std::string id = by;
    m.add(ledger::UnsealShare{id, id.substr(0, id.find('/')), static_cast<std::uint32_t>(id.back() - '0')});
  }
  m.add(ledger::Unsealed{{"property/1", "property/2", "residents/2", "residents/3"}});
  m.publish();
  const Statistics s = count(m);
  CHECK(s.acts.front().type == "genesis");
  CHECK(s.acts.front().people.size() == 6);
  CHECK(s.acts.back().type == "unsealed");
  CHECK(s.acts.back().people == std::vector<std::string>{"property/1", "property/2", "residents/2", "residents/3"});
}

TEST_CASE("erasures, refusals and readings are kept with who and why") {
  MemoryMirror m = open_vault(0);
  m.add(lt::erased(1));
  m.add(ledger::MetadataRead{"main", "operator/1", "subject", Id128{4}});
  m.add(ledger::MetadataRead{"main", "door/1", "changes", {}});
  m.add(ledger::Sums{m.wall, {{"bad-share", 2}, {"overload", 5}}});
  m.add(ledger::Sums{m.wall, {{"bad-share", 1}}});
  m.publish();
  const Statistics s = count(m);
  REQUIRE(s.erasures.size() == 1);
  CHECK(s.erasures[0].entry == 20);
  CHECK(s.erasures[0].by == "operator/1");
  CHECK(s.refusals == std::map<std::string, std::uint64_t>{{"bad-share", 3}, {"overload", 5}});
  CHECK(s.reads.at("subject").at("operator/1") == 1);
  CHECK(s.reads.at("changes").at("door/1") == 1);
  CHECK(s.changes_by.at("operator/1") == 13);
}

TEST_CASE("what could not be opened is counted and nothing more") {
  const MemoryMirror m = open_vault(40);
  const Statistics s = count(m, {}, Level::kPublic);
  CHECK(s.unopened_access == 40);
  CHECK(s.unopened_custody == 13);
  CHECK(s.days.empty());
  CHECK(s.entries == 60);
}
