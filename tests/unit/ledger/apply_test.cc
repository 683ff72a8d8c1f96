#include <functional>

#include "tests/unit/ledger/event_samples.h"
#include "tests/unit/ledger/log_maker.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

constexpr std::int64_t kDelay = kBulkEraseDelay;

// The event is refused in these words, and the state is as it was.
void refuse(Log& log, Body body, const std::string& why) {
  const Digest before = log.state.digest();
  const UnixMillis latest = log.state.last_time();
  const std::uint64_t clock = log.state.log_clock();
  const std::uint64_t base = log.state.log_clock_at(0);
  const auto slots = log.state.slots();
  const std::uint64_t suspended_before = log.state.suspended();
  CAPTURE(why, std::string(type_of(body)));
  const Status s = log.add(std::move(body));
  REQUIRE_FALSE(s);
  CAPTURE(s.error().message);
  REQUIRE(s.error().code == Errc::kIntegrity);
  REQUIRE(s.error().message.find(why) != std::string::npos);
  REQUIRE(log.state.digest() == before);
  REQUIRE(log.state.last_time() == latest);
  REQUIRE(log.state.log_clock() == clock);
  REQUIRE(log.state.log_clock_at(0) == base);
  REQUIRE(log.state.slots() == slots);
  REQUIRE(log.state.suspended() == suspended_before);
}

TEST_CASE("events that the phase does not allow are refused by type and phase") {
  Log fresh;
  for (const Body& body : sample_bodies()) {
    if (body.index() != 0) refuse(fresh, body, std::string(type_of(body)) + " event while the vault is new");
  }
  fresh.must(Body(valid_genesis()));
  for (const Body& body : sample_bodies()) {
    if (body.index() == 1 || std::holds_alternative<Recovered>(body)) continue;
    refuse(fresh, body, std::string(type_of(body)) + " event while the vault is stopped");
  }
  Log sealed = sealed_log();
  for (const char* type :
       {"genesis", "unsealed", "unseal-ended", "enrolled", "template", "period-key", "match", "metadata-read"}) {
    for (const Body& body : sample_bodies()) {
      if (type_of(body) == type) refuse(sealed, body, std::string(type) + " event while the vault is sealed");
    }
  }
  Log open = open_log();
  for (const std::size_t i : {0U, 2U, 3U, 4U}) refuse(open, sample_bodies()[i], "event while the vault is open");
}

TEST_CASE("a genesis that breaks a rule or lacks a signature begins no log") {
  Log log;
  Genesis g = unsigned_genesis();
  const Digest before = log.state.digest();
  REQUIRE(log.add(Body(g)).error().message.find("has not signed") != std::string::npos);
  g = valid_genesis();
  g.rules["export"].groups = {{"property", 1}};
  sign_genesis(g);
  REQUIRE(log.add(Body(g)).error().message.find("one person can satisfy") != std::string::npos);
  REQUIRE(log.state.digest() == before);
  REQUIRE(log.state.phase() == Phase::kNew);
}

TEST_CASE("shares come once, from the custodian who holds the card") {
  Log log = sealed_log();
  refuse(log, UnsealShare{"operator/1", "property", 1}, "a share from somebody who is no custodian");
  refuse(log, UnsealShare{"property/9", "property", 1}, "a share from somebody who is no custodian");
  Log suspends = log;
  suspends.must(CustodianSuspended{"property/2", "residents/1"});
  refuse(suspends, UnsealShare{"residents/1", "residents", 1}, "from a custodian who is gone or suspended");
  refuse(log, UnsealShare{"property/1", "guests", 1}, "a share that does not exist");
  refuse(log, UnsealShare{"property/1", "property", 4}, "a share that does not exist");
  refuse(log, UnsealShare{"property/1", "property", 2}, "who does not hold it");
  refuse(log, UnsealShare{"property/1", "residents", 1}, "who does not hold it");
  log.must(UnsealShare{"property/1", "property", 1});
  REQUIRE(log.state.phase() == Phase::kUnsealing);
  refuse(log, UnsealShare{"property/1", "property", 1}, "the same share twice");
}

TEST_CASE("an unseal needs its quorum in every group and names exactly the cards") {
  Log log = sealed_log();
  log.must(UnsealShare{"property/1", "property", 1});
  refuse(log, Unsealed{{"property/1"}}, "an unseal without its quorum");
  log.must(UnsealShare{"property/2", "property", 2});
  log.must(UnsealShare{"property/3", "property", 3});
  refuse(log, Unsealed{{"property/1", "property/2", "property/3"}}, "an unseal without its quorum");
  log.must(UnsealShare{"residents/2", "residents", 2});
  refuse(log, Unsealed{{"property/1", "property/2", "property/3", "residents/2"}}, "without its quorum");
  log.must(UnsealShare{"residents/1", "residents", 1});
  refuse(log, Unsealed{{"property/1", "property/2", "residents/1", "residents/2"}}, "names other cards");
  refuse(log, Unsealed{{"property/2", "property/1", "property/3", "residents/1", "residents/2"}}, "other cards");
  refuse(log, Unsealed{}, "names other cards");
  log.must(Unsealed{{"property/1", "property/2", "property/3", "residents/1", "residents/2"}});
  REQUIRE(log.state.phase() == Phase::kOpen);
  REQUIRE(log.state.shares_in().empty());
}

TEST_CASE("shares do not outlast an ended unseal, a sealing or a start") {
  for (const std::function<void(Log&)>& end :
       {std::function<void(Log&)>([](Log& l) { l.must(UnsealEnded{"timeout"}); }),
        std::function<void(Log&)>([](Log& l) {
          l.must(Sealed{"property/1", "request"});
        }),
        std::function<void(Log&)>([](Log& l) { l.start(); })}) {
    Log log = sealed_log();
    log.must(UnsealShare{"property/1", "property", 1});
    REQUIRE(log.state.shares_in().size() == 1);
    end(log);
    REQUIRE(log.state.shares_in().empty());
    REQUIRE(log.state.phase() == Phase::kSealed);
  }
}

TEST_CASE("custodians and the daemon seal, nobody else") {
  Log log = open_log();
  refuse(log, Sealed{"operator/1", "request"}, "sealed by somebody who is no custodian");
  refuse(log, Sealed{"nobody/1", "request"}, "sealed by somebody who is no custodian");
  log.must(CustodianSuspended{"property/2", "residents/1"});
  refuse(log, Sealed{"residents/1", "request"}, "sealed by a custodian who is gone or suspended");
  log.must(Sealed{"residents/2", "request"});
  REQUIRE(log.state.phase() == Phase::kSealed);
}

TEST_CASE("enrolments keep to scope, refs and slots") {
  Log log = open_log();
  refuse(log, enrolled(3, "main", "property/1"), "somebody who is no operator");
  refuse(log, enrolled(3, "main", "operator/9"), "somebody who is no operator");
  refuse(log, enrolled(3, "annex"), "outside the operator's scope");
  refuse(log, enrolled(3, "roof"), "outside the operator's scope");
  refuse(log, enrolled(1), "a subject enrolled twice");
  Enrolled same_slot = enrolled(3);
  same_slot.slot = 1;
  refuse(log, same_slot, "a key slot with two owners");
  log.must(PeriodKey{"access", "main", "2026-11", 3});
  refuse(log, enrolled(3), "a key slot with two owners");
}

TEST_CASE("templates are of enrolled subjects, known models, and at most eight") {
  Log log = open_log();
  TemplateAdded t = template_of(1, 0);
  t.by = "door/1";
  refuse(log, t, "somebody who is no operator");
  refuse(log, template_of(9, 0), "a template of a subject that is not enrolled");
  t = template_of(1, 0);
  t.site = "annex";
  t.by = "operator/2";
  refuse(log, t, "a template at another site than its subject");
  t = template_of(1, 0);
  t.model = "voice";
  refuse(log, t, "a template of an unknown model");
  t.model = "face";
  t.model_version = 2;
  refuse(log, t, "a template of an unknown model");
  for (std::uint8_t i = 0; i < 7; ++i) log.must(template_of(1, i));
  refuse(log, template_of(1, 0), "a template id twice");
  log.must(template_of(1, 7));
  refuse(log, template_of(1, 8), "a ninth template");
  REQUIRE(log.state.subject(ref_of(1))->templates.size() == 8);
  log.must(suspended(2, log.wall + kDelay));
  refuse(log, template_of(2, 0), "a template of a suspended subject");
}

TEST_CASE("erasures keep to site, scope and the day's allowance") {
  Log log = open_log();
  for (std::uint8_t n = 3; n <= 6; ++n) log.must(enrolled(n));
  refuse(log, erased(9), "an erasure of a subject that is not enrolled");
  Erased e = erased(1);
  e.site = "annex";
  e.by = "operator/2";
  refuse(log, e, "an erasure at another site than its subject");
  e = erased(1);
  e.by = "operator/2";
  refuse(log, e, "outside the operator's scope");
  log.must(erased(1));
  log.must(erased(2));
  refuse(log, erased(3), "an erasure beyond the day's allowance");
  log.wait(kDayMs - 1);
  refuse(log, erased(3), "an erasure beyond the day's allowance");
  log.wait(1);
  log.must(erased(3));
  REQUIRE(log.state.erased_today("operator/1", log.wall) == 1);
}

TEST_CASE("a wall clock that goes back gives no second allowance") {
  Log log = open_log();
  for (std::uint8_t n = 3; n <= 5; ++n) log.must(enrolled(n));
  log.must(erased(1));
  log.must(erased(2));
  log.wall -= 10 * kDayMs;
  REQUIRE(log.state.erased_today("operator/1", log.wall) == 2);
  refuse(log, erased(3), "beyond the day's allowance");
  log.wall += 11 * kDayMs;
  REQUIRE(log.state.erased_today("operator/1", log.wall) == 0);
  log.must(erased(3));
  REQUIRE(log.state.erased_today("operator/1", log.wall - 5 * kDayMs) == 1);
}

TEST_CASE("suspensions are of subjects that match, for 72 hours at least") {
  Log log = open_log();
  Suspended s = suspended(1, log.wall + kDelay);
  s.by = "residents/1";
  refuse(log, s, "somebody who is no operator");
  refuse(log, suspended(9, log.wall + kDelay), "not there or is suspended");
  s = suspended(1, log.wall + kDelay);
  s.site = "annex";
  s.by = "operator/2";
  refuse(log, s, "a suspension at another site than its subject");
  refuse(log, suspended(1, log.wall + kDelay - 1), "too short a delay");
  log.must(suspended(1, log.wall + kDelay));
  REQUIRE(log.state.suspended() == 1);
  refuse(log, suspended(1, log.wall + kDelay), "not there or is suspended");
}

TEST_CASE("a suspended subject is erased when both clocks have run") {
  Log log = open_log();
  refuse(log, erased_late(1), "a delay that nobody started");
  log.must(suspended(1, log.wall + kDelay));
  Erased e = erased_late(1);
  e.by = "operator/1";
  refuse(log, e, "a delay that nobody started");
  refuse(log, erased_late(2), "a delay that nobody started");
  log.wall += kDelay;
  refuse(log, erased_late(1), "before its delay was over");
  log.wall -= kDelay;
  log.uptime += kDelay;
  refuse(log, erased_late(1), "before its delay was over");
  log.wall += kDelay - 1;
  refuse(log, erased_late(1), "before its delay was over");
  log.wall += 1;
  log.must(erased_late(1));
  REQUIRE(log.state.subject(ref_of(1)) == nullptr);
  REQUIRE(log.state.suspended() == 0);
  REQUIRE(log.state.erased_today("operator/1", log.wall) == 0);
}

TEST_CASE("openings are read by auditors, sealed or open, up to the end of the log") {
  Log log = sealed_log();
  log.must(OpeningsRead{"auditor/1", "bundle", 0});
  refuse(log, OpeningsRead{"auditor/1", "register", {}}, "register read while the vault was not open");
  log.unseal();
  log.must(OpeningsRead{"auditor/1", "bundle", 0});
  log.must(OpeningsRead{"auditor/1", "register", {}});
  REQUIRE(log.state.phase() == Phase::kOpen);
  refuse(log, OpeningsRead{"auditor/1", "bundle", 1}, "beyond the end of the log");
  while (log.state.size() < 256) log.must(Sums{});
  refuse(log, OpeningsRead{"auditor/1", "bundle", 1}, "beyond the end of the log");
  log.must(Sums{});
  log.must(OpeningsRead{"auditor/1", "bundle", 1});
  for (const char* by : {"operator/1", "property/1", "door/1", "auditor/2", "daemon"}) {
    refuse(log, OpeningsRead{by, "bundle", 0}, "no auditor");
  }
}

TEST_CASE("the log's clock runs on over restarts and counts no time off") {
  Log log = open_log();
  log.wait(1000);
  log.must(Sums{});
  REQUIRE(log.state.log_clock() == 1000);
  log.uptime = 400;  // a late event of the same run does not turn it back
  log.must(Sums{});
  REQUIRE(log.state.log_clock() == 1000);
  log.wall += 50 * kDayMs;  // off
  log.start();
  REQUIRE(log.state.log_clock() == 1000);
  REQUIRE(log.state.log_clock_at(7) == 1007);
  log.uptime = 500;
  log.must(Sums{});
  REQUIRE(log.state.log_clock() == 1500);
  log.uptime = 30;  // of the next run's start
  log.must(Start{"0.1.0", {}, {}, {}, true});
  REQUIRE(log.state.log_clock() == 1500);
  REQUIRE(log.state.log_clock_at(50) == 1520);
}

TEST_CASE("sealing and starting again counts no running time twice") {
  Log log = open_log();
  log.wait(kDelay);
  log.must(Sealed{"residents/1", "request"});
  for (int i = 0; i < 3; ++i) {
    log.must(Start{"0.1.0", {}, {}, {}, false});  // of the same daemon: its uptime goes on
    REQUIRE(log.state.log_clock() == static_cast<std::uint64_t>(kDelay));
  }
  log.wait(5);
  log.must(Sums{});
  REQUIRE(log.state.log_clock() == static_cast<std::uint64_t>(kDelay) + 5);
}

TEST_CASE("no uptime of a start, and none before it, sets the log's clock") {
  Log log = open_log();
  log.uptime = 9007199254740991;
  log.must(Start{"0.1.0", {}, {}, {}, true});
  REQUIRE(log.state.log_clock() == 0);
  log.uptime = 3;
  log.must(Sums{});
  REQUIRE(log.state.log_clock() == 0);
}

TEST_CASE("a suspension waits for running time and not for time off") {
  Log log = open_log();
  log.must(suspended(1, log.wall + kDelay));
  log.wait(kDelay / 2);
  log.must(Sums{});
  log.wall += 100 * kDayMs;
  log.start();
  log.wait(kDelay / 2 - 1);
  refuse(log, erased_late(1), "before its delay was over");
  log.wait(1);
  log.must(erased_late(1));
}

TEST_CASE("the latest time never goes back") {
  Log log = sealed_log();
  const UnixMillis latest = log.wall + 5000;
  log.wall = latest;
  log.must(Sums{});
  log.wall -= 3 * kDayMs;
  log.must(Sums{});
  REQUIRE(log.state.last_time() == latest);
}

TEST_CASE("period keys have one owner a slot and end in their time, on both clocks") {
  Log log = open_log();
  refuse(log, PeriodKey{"access", "roof", "2026-11", 50}, "a period key of a site that does not exist");
  refuse(log, PeriodKey{"access", "main", "2026-11", 1}, "a key slot with two owners");
  log.must(PeriodKey{"access", "main", "2026-11", 50});
  log.must(PeriodKey{"changes", "main", "2026-11-22", 51});
  refuse(log, PeriodKey{"access", "main", "2026-11", 52}, "a period key twice");
  refuse(log, PeriodKeyDestroyed{"access", "main", "2026-12"}, "the end of a period key that is not there");
  const UnixMillis first = parse_day("2026-11-01").value();
  const auto end = [&](const char* purpose, const char* period, UnixMillis over, std::int64_t kept) {
    log.wall = over - 1;
    log.uptime = static_cast<std::uint64_t>(kept);
    refuse(log, PeriodKeyDestroyed{purpose, "main", period}, "before its time");
    log.wall = over;
    log.uptime = static_cast<std::uint64_t>(kept) - 1;
    refuse(log, PeriodKeyDestroyed{purpose, "main", period}, "before its time");
    log.uptime = static_cast<std::uint64_t>(kept);
    log.must(PeriodKeyDestroyed{purpose, "main", period});
  };
  end("changes", "2026-11-22", parse_day("2026-11-22").value() + 31 * kDayMs, 30 * kDayMs);
  end("access", "2026-11", first + (31 + 90) * kDayMs, 90 * kDayMs);
  REQUIRE(log.state.period_keys().empty());
  REQUIRE(log.state.slots() == std::set<std::uint32_t>{1, 2});
  log.must(PeriodKey{"access", "main", "2026-11", 50});
}

TEST_CASE("matches are of the door's own scope") {
  Log log = open_log();
  const Match good{false, "main", "north", "face", "door/1", "match", {}, {}};
  Match m = good;
  m.by = "operator/1";
  refuse(log, m, "a match for somebody who is no door");
  m = good;
  m.door = "side";
  refuse(log, m, "a match outside the door's scope");
  m = good;
  m.site = "annex";
  refuse(log, m, "a match outside the door's scope");
  m = good;
  m.model = "voice";
  refuse(log, m, "a match with an unknown model");
  m = good;
  m.over = Over::kDoor;
  refuse(log, m, "a match over a budget that decides otherwise");
  m.over = Over::kSubject;
  m.decision = "no_match";
  refuse(log, m, "a match over the budget of nobody");
  m.over = Over::kCamera;
  m.decision = "refer";
  refuse(log, m, "a match over the budget of no camera");
  log.must(good);
}

TEST_CASE("metadata are read by operators, and changes by doors too, in scope") {
  Log log = open_log();
  refuse(log, MetadataRead{"annex", "operator/1", "list", {}}, "outside the principal's scope");
  refuse(log, MetadataRead{"main", "auditor/1", "list", {}}, "outside the principal's scope");
  refuse(log, MetadataRead{"main", "nobody/1", "list", {}}, "outside the principal's scope");
  refuse(log, MetadataRead{"main", "door/1", "list", {}}, "by a wrong role");
  refuse(log, MetadataRead{"main", "door/1", "subject", {}}, "by a wrong role");
  log.must(MetadataRead{"main", "door/1", "changes", {}});
  log.must(MetadataRead{"main", "operator/1", "list", {}});
}

TEST_CASE("whom an export names is read by custodians alone, at a site that exists") {
  Log log = open_log();
  for (const char* who : {"operator/1", "auditor/1", "door/1", "nobody/1"}) {
    CAPTURE(who);
    refuse(log, MetadataRead{"main", who, "export", {}}, "the people of an export");
  }
  refuse(log, MetadataRead{"nowhere", "property/1", "export", {}}, "the people of an export");
  refuse(log, MetadataRead{"main", "property/1", "list", {}}, "outside the principal's scope");
  log.must(MetadataRead{"main", "property/1", "export", {}});
}

TEST_CASE("an access entry changes the size alone, opened or not") {
  Log with = open_log();
  Log without = open_log();
  with.wall += kDayMs;
  with.uptime += 12345;
  const std::uint64_t size = with.state.size();
  with.must(Match{true, "main", "north", "face", "door/1", "match", Id128{1}, {}});
  with.must(MetadataRead{"main", "operator/1", "list", {}});
  REQUIRE(apply_access(without.state));
  REQUIRE(apply_access(without.state));
  REQUIRE(with.state.size() == size + 2);
  REQUIRE(with.state.digest() == without.state.digest());
  REQUIRE(with.state.last_time() == without.state.last_time());
  REQUIRE(with.state.log_clock() == without.state.log_clock());
  REQUIRE(with.state.phase() == Phase::kOpen);
}

TEST_CASE("an access entry stands in an open vault alone") {
  State fresh;
  REQUIRE(apply_access(fresh).error().code == Errc::kIntegrity);
  REQUIRE(fresh.size() == 0);
  Log log = sealed_log();
  const Digest before = log.state.digest();
  REQUIRE(apply_access(log.state).error().message.find("while the vault is not open") != std::string::npos);
  REQUIRE(log.state.digest() == before);
}

TEST_CASE("persons, wraps and slots are counted by site, and wraps never go down") {
  Log log = open_log();
  log.must(enrolled(3, "annex", "operator/2"));
  log.must(PeriodKey{"access", "annex", "2026-11", 50});
  REQUIRE(log.state.persons("main") == 2);
  REQUIRE(log.state.persons("annex") == 1);
  REQUIRE(log.state.persons("roof") == 0);
  REQUIRE(log.state.wraps("main") == 2);
  REQUIRE(log.state.wraps("annex") == 2);
  REQUIRE(log.state.slots() == std::set<std::uint32_t>{1, 2, 3, 50});
  log.must(erased(1));
  REQUIRE(log.state.persons("main") == 1);
  REQUIRE(log.state.wraps("main") == 2);
  REQUIRE(log.state.slots() == std::set<std::uint32_t>{2, 3, 50});
  log.must(enrolled(1));
  REQUIRE(log.state.wraps("main") == 3);
}

TEST_CASE("the state digest is that of the specification's lines") {
  Log log = open_log();  // genesis, start, 4 shares, unsealed, 2 enrolled: entries 0 to 8
  log.wait(1000);
  log.must(template_of(2, 1));                           // 9
  log.must(PeriodKey{"access", "main", "2026-11", 50});  // 10
  log.must(erased(1));                                   // 11
  log.wait(500);
  log.must(enrolled(9));                                 // 12
  log.must(suspended(9, log.wall + kDelay + 1));         // 13
  log.must(Sealed{"daemon", "shutdown"});                // 14
  log.start();                                           // 15
  log.must(UnsealShare{"residents/2", "residents", 2});  // 16
  const std::string digests = to_hex(digest_of("consent")) + " " + to_hex(digest_of("record"));
  const std::string head = "facekeep/state/v1\nsize 17\nphase unsealing\ngenesis " +
                           to_hex(sha256(as_bytes(canonical_json(to_json(valid_genesis())).value()))) +
                           "\nstart 15\nclock 1500\nshare residents 2\nperiod-key access main 2026-11 50 10 1000\n"
                           "wraps main 4\nerased operator/1 2026-11-22 1\n";
  const std::string second = "subject " + to_hex(ref_of(2)) + " main 2 " + digests + " 2027-06-30 8 -\ntemplate " +
                             to_hex(Id128{0xf0, 1}) + " face 1 " + to_hex(digest_of("blob")) + " 9\n";
  const std::string ninth =
      "subject " + to_hex(ref_of(9)) + " main 9 " + digests + " 2027-06-30 12 2026-11-25T00:00:01.501Z 1500\n";
  Digest want = sha256(as_bytes(head));
  want = sha256({want, as_bytes(second)});
  want = sha256({want, as_bytes(ninth)});
  REQUIRE(to_hex(log.state.digest()) == to_hex(want));
  REQUIRE(State().digest() == digest_of("facekeep/state/v1\nsize 0\nphase new\n"));
}

TEST_CASE("keys of principals end with their day, on the faster clock") {
  Log log = open_log();
  const Digest key = digest_of("key auditor/1");
  const UnixMillis last = parse_day("2027-12-31").value();
  REQUIRE(log.state.principal_by_key(key, last + kDayMs - 1) != nullptr);
  REQUIRE(log.state.principal_by_key(key, last + kDayMs) == nullptr);
  REQUIRE(log.state.principal_by_key(digest_of("stranger"), last) == nullptr);
  log.wall = last + kDayMs;
  log.must(Sums{});
  REQUIRE(log.state.principal_by_key(key, last) == nullptr);
}

}  // namespace
