// Logs of a daemon that answers beyond the budgets, or turns people down within them.
#include "vault/audit/budget_check.h"

#include "tests/unit/ledger/log_maker.h"

using namespace facekeep;
using namespace facekeep::audit;
using namespace facekeep::ledger;
namespace lt = facekeep::ledger::test;

namespace {

// An open vault's log, checked as it grows.
struct Watched {
  lt::Log log;
  Findings findings;
  BudgetCheck check{findings};

  explicit Watched(bool budgets = true) {
    add(Body(lt::valid_genesis()));
    add(Start{"0.1.0", {}, {}, {}, false, budgets});
    unseal();
  }
  void unseal() {
    for (const char* by : {"property/1", "property/2", "residents/1", "residents/3"}) {
      const std::string id = by;
      add(UnsealShare{id, id.substr(0, id.find('/')), static_cast<std::uint32_t>(id.back() - '0')});
    }
    add(Unsealed{{"property/1", "property/2", "residents/1", "residents/3"}});
  }
  void add(const Body& body) {
    check.event(log.state.size(), Event{log.wall, log.uptime, body}, log.state);
    log.must(body);
  }
  void asked(const std::string& decision, std::optional<Over> over = {}, std::optional<Id128> who = Id128{1}) {
    add(Match{false, "main", "north", "face", "door/1", decision, who, {}, {}, over, {}});
  }
  [[nodiscard]] std::string found() const {
    std::string out;
    for (const Finding& f : findings.sorted()) out += std::string(row_of(f.code).text) + " " + f.args.at(0) + ";";
    return out;
  }
};

}  // namespace

TEST_CASE("a match beyond a person's budget is found, and one within it is not") {
  Watched w;
  for (int i = 0; i < 16; ++i) w.asked("match");
  CHECK(w.found().empty());
  w.asked("no_match", Over::kSubject);
  w.log.wait(45 * 60'000);
  w.asked("match");
  CHECK(w.found().empty());
  w.asked("match");
  CHECK(w.found() == "over-budget-answered subject;");
}

TEST_CASE("a door beyond its budget is told to refer, and nothing else") {
  Watched w;
  for (int i = 0; i < 240; ++i) w.asked("no_match", {}, std::nullopt);
  w.asked("refer", Over::kDoor, std::nullopt);
  w.asked("refer", {}, std::nullopt);
  CHECK(w.found().empty());
  w.asked("no_match", {}, std::nullopt);
  CHECK(w.found() == "over-budget-answered door;");
}

TEST_CASE("who is turned down within the budget, or for another one, is found") {
  Watched w;
  w.asked("no_match", Over::kSubject);
  CHECK(w.found() == "budget-not-over subject;");
  for (int i = 0; i < 240; ++i) w.asked("no_match", {}, std::nullopt);
  w.asked("no_match", Over::kSubject);
  CHECK(w.found() == "budget-not-over subject;budget-not-over subject;");
}

TEST_CASE("daemons before the budgets are not held to them, and going back to one is shown") {
  Watched w(false);
  for (int i = 0; i < 300; ++i) w.asked("match");
  CHECK(w.found().empty());
  w.add(Start{"0.2.0", {}, {}, {}, true, true});
  CHECK(w.findings.count(Code::kBudgetsOff) == 0);
  w.add(Start{"0.1.0", {}, {}, {}, false});
  CHECK(w.findings.count(Code::kBudgetsOff) == 1);
}

TEST_CASE("where accesses can't be read nobody is blamed, and a day later the fold is whole again") {
  Watched w;
  for (int i = 0; i < 10; ++i) w.asked("match");
  CHECK(w.check.digest());
  w.check.unknown();
  CHECK_FALSE(w.check.digest());
  // What was hidden may have used everything up, or nothing.
  w.asked("no_match", Over::kSubject);
  for (int i = 0; i < 16; ++i) w.asked("match");
  CHECK(w.found().empty());
  w.asked("match");
  CHECK(w.found() == "over-budget-answered subject;");
  w.log.wait(2 * static_cast<std::int64_t>(kBudgetMemory));
  w.asked("match");
  CHECK(w.check.digest());
}

TEST_CASE("a vault that lost accesses in a restore is not blamed by whoever can still read them") {
  for (const bool asked_behind_backup : {true, false}) {
    INFO(asked_behind_backup);
    Watched w;
    if (!asked_behind_backup) w.asked("match");
    const std::uint64_t size = w.log.state.size();
    w.add(BackupMade{"property/1", size, {}, {}, 0});
    if (asked_behind_backup) w.asked("match");
    const std::uint64_t start = w.log.state.size();
    w.add(Start{"0.1.0", {}, {}, {}, true, true});
    w.add(Restored{size, start - size, 0});
    w.unseal();
    w.asked("no_match", Over::kSubject);
    CHECK(w.found() == (asked_behind_backup ? "" : "budget-not-over subject;"));
    // Nobody is answered more than what could be read leaves.
    for (int i = 0; i < 15; ++i) w.asked("match");
    CHECK(w.findings.count(Code::kOverBudget) == 0);
    w.asked("match");
    CHECK(w.findings.count(Code::kOverBudget) == 1);
  }
}

TEST_CASE("a stricter policy binds from its entry on") {
  Watched w;
  const Site site = w.log.state.current().sites[0];
  for (int i = 0; i < 8; ++i) w.asked("match");
  SiteBudgets stricter;
  stricter.subject_door = {16, 675'000};
  w.add(Tightened{"property/1", ChangePolicy{site.id, site.access_log_days, site.erase_daily, {}, {}, stricter}});
  w.asked("no_match", Over::kSubject);
  CHECK(w.found().empty());
  w.asked("match");
  CHECK(w.found() == "over-budget-answered subject;");
}
