// Backups and restores without room, and without the token: refused with the cause, nothing half made is left, and with
// the cause gone they work.
#include "tests/fault/behind_shim.h"
#include "tests/fault/small_disk.h"
#include "tests/support/soon.h"
#include "tests/unit/backup/backup_kit.h"

using namespace facekeep;
using namespace facekeep::test;

TEST_CASE("a backup for which the folder's disk has no room fails with the cause and leaves no file; doors go on") {
  NEEDS_DISK_FOR(disk, SmallDisk::For::kWhatIsPutThere);
  BackupKit kit;
  kit.f.stop(kit.service);
  kit.backups = disk.dir() + "/backups";
  kit.open();
  kit.enrol("p1", 1);
  disk.fill(backup::kKeepFree + 4096);
  const BackupStatus failed = kit.take_any({});
  CHECK(failed.state == "failed");
  CHECK(has_text(failed.why, "has no room for a backup"));
  CHECK(has_text(failed.hint, "make room"));
  CHECK(fs::is_empty(kit.backups));
  CHECK(kit.state([](const ledger::State& st) { return st.backups().empty(); }));
  CHECK(kit.matched(1) == "p1");
  disk.make_room();
  CHECK(kit.take().state == "done");
}

TEST_CASE("a token that goes away under a backup's entry: it failed, and yet the log has it and it is restored") {
  NEEDS_TOKEN();
  const SoftHsmShim shim;
  BackupKit kit(behind_shim());
  kit.enrol("p1", 1);
  shim.inject("C_Sign 0x6");
  const BackupStatus failed = kit.take_any({});
  CHECK(failed.state == "failed");
  CHECK(has_text(failed.why, "checkpoint could not be signed"));
  CHECK(kit.service->halted());
  CHECK(backup::count_backups(kit.backups) == 1);  // perhaps the log has it: it is not removed
  shim.heal();
  REQUIRE(soon([&] { return !kit.service->halted(); }));
  CHECK(kit.matched(1) == "p1");
  CHECK(kit.state([](const ledger::State& st) { return st.backups().size(); }) == 1);
  kit.lose();
  const auto report = kit.restore({fs::directory_iterator(kit.backups)->path().string()});
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  kit.open_restored();
  CHECK(kit.matched(1) == "p1");
}

TEST_CASE("a restore without the token is refused with the cause and leaves nothing; with it, it is made") {
  NEEDS_TOKEN();
  const SoftHsmShim shim;
  BackupKit kit(behind_shim());
  kit.enrol("p1", 1);
  const BackupStatus taken = kit.take();
  kit.lose();
  shim.inject(kPulledOut);
  const auto refused = kit.restore({taken.file});
  REQUIRE_FALSE(refused);
  INFO(refused.error().message);
  CHECK(names_token(refused.error()));
  CHECK(fs::is_empty(kit.f.dir()));
  shim.heal();
  const auto report = kit.restore({taken.file});
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  kit.open_restored();
  CHECK(kit.matched(1) == "p1");
}
