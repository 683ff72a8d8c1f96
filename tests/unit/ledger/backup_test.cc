// Backups and restores in the log: what may stand in it, and what a restore takes away.
#include "vault/ledger/backup.h"

#include "tests/unit/ledger/log_checks.h"
#include "tests/unit/ledger/log_maker.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

BackupMade backup_of(std::uint64_t size, std::uint64_t since = 0) {
  return {"property/1", size, digest_of("root"), digest_of("backup"), since};
}

}  // namespace

TEST_CASE("a backup is a custodian's, of entries that the log has") {
  Log log = open_log();
  const std::uint64_t size = log.state.size();
  refuse(log, backup_of(size + 1), "entries that the log has");
  refuse(log, backup_of(size, size), "entries that the log has");
  BackupMade other = backup_of(size);
  other.by = "operator/1";
  CHECK_FALSE(log.add(other));
  log.must(backup_of(size));
  log.must(backup_of(size + 1, size));
  log.must(CustodianSuspended{"property/2", "property/1"});
  CHECK_FALSE(log.add(backup_of(size)));
  // Sealed too.
  log.must(Sealed{"property/2", "request"});
  log.start();
  BackupMade sealed = backup_of(size);
  sealed.by = "residents/1";
  log.must(sealed);
}

TEST_CASE("a restore takes away what was sealed behind its backup, and nothing else") {
  Log log = open_log();  // subjects 1 and 2
  log.must(template_of(1, 1));
  log.must(PeriodKey{"access", "main", "2026-11", 50});
  const std::uint64_t backup = log.state.size();
  log.must(backup_of(backup));
  log.must(enrolled(3));
  log.must(suspended(3, log.wall + kBulkEraseDelay));
  log.must(template_of(1, 2));
  log.must(PeriodKey{"access", "main", "2026-12", 51});
  log.must(erased(2));
  log.start();
  const std::uint64_t start = log.state.start_entry();
  log.must(Restored{backup, start - backup, 1});

  REQUIRE(log.state.subject(ref_of(1)) != nullptr);
  CHECK(log.state.subject(ref_of(1))->templates.size() == 1);
  CHECK(log.state.subject(ref_of(2)) == nullptr);
  CHECK(log.state.subject(ref_of(3)) == nullptr);
  CHECK(log.state.persons("main") == 1);
  CHECK(log.state.suspended() == 0);
  CHECK(log.state.period_keys().size() == 1);
  CHECK(log.state.slots() == std::set<std::uint32_t>{1, 50});
  REQUIRE(log.state.restores().size() == 1);
  CHECK(log.state.restores()[0].has(backup));
  CHECK_FALSE(log.state.restores()[0].has(backup - 1));
  CHECK_FALSE(log.state.restores()[0].has(start));
  // They may come again.
  log.unseal();
  log.must(enrolled(3));
  log.must(PeriodKey{"access", "main", "2026-12", 51});
}

TEST_CASE("a restore stands right behind a start, of the entries before it, and says whom it lost") {
  Log log = open_log();
  const std::uint64_t backup = log.state.size();
  log.must(backup_of(backup));
  log.must(enrolled(3));
  refuse(log, Restored{backup, 1, 1}, "right behind a start");
  log.start();
  const std::uint64_t start = log.state.start_entry();
  refuse(log, Restored{backup, start - backup, 0}, "lost others");
  refuse(log, Restored{backup, start - backup, 2}, "lost others");
  refuse(log, Restored{backup, start - backup - 1, 1}, "other entries");
  refuse(log, Restored{start + 1, 0, 0}, "other entries");
  log.must(Sums{0, {}});
  refuse(log, Restored{backup, start - backup, 1}, "right behind a start");
  log.must(backup_of(log.state.size()));
  log.start();
  log.must(Restored{log.state.start_entry() - 1, 1, 0});  // a backup of all of it
  CHECK(log.state.subject(ref_of(3)) != nullptr);
}

TEST_CASE("a restore takes a backup that the log has, the newest or not, and nothing else") {
  Log log = open_log();
  const std::uint64_t first = log.state.size();
  log.must(enrolled(3));
  log.start();
  refuse(log, Restored{first, log.state.start_entry() - first, 1}, "which the log does not have");
  CHECK(log.state.digest_head().find("backup") == std::string::npos);
  log.must(backup_of(first));
  CHECK(log.state.digest_head().ends_with("\nbackup " + std::to_string(first) + "\n"));
  const std::uint64_t second = log.state.size();
  log.must(backup_of(second, first));
  log.must(backup_of(first));  // once more: it is one of these already
  CHECK(log.state.backups() == std::set<std::uint64_t>{first, second});
  CHECK(log.state.digest_head().ends_with("\nbackup " + std::to_string(first) + "\nbackup " + std::to_string(second) +
                                          "\n"));
  CHECK(read_back(log.state).backups() == log.state.backups());
  log.start();
  std::uint64_t start = log.state.start_entry();
  refuse(log, Restored{second + 1, start - second - 1, 0}, "which the log does not have");
  refuse(log, Restored{first + 1, start - first - 1, 0}, "which the log does not have");
  log.must(Restored{second, start - second, 0});
  CHECK(log.state.subject(ref_of(3)) != nullptr);
  // From the older one everybody enrolled since is gone.
  log.start();
  start = log.state.start_entry();
  log.must(Restored{first, start - first, 1});
  CHECK(log.state.subject(ref_of(3)) == nullptr);
}
