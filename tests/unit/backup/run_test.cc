// The daemon's backup job: what it bounds, what it leaves behind, and where it fails.
#include "tests/unit/backup/backup_kit.h"
#include "vault/backup_run.h"

using namespace facekeep;
using namespace facekeep::test;

TEST_CASE("each custodian has the own latest backup, one a minute, and the folder is not filled") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const BackupStatus first = kit.take();
  CHECK(problem(kit.service->begin_backup(kit.f.key("property/1"), {})) == "too-many-backups");
  auto other = kit.service->begin_backup(kit.f.key("residents/1"), {});
  REQUIRE(problem(other) == "ok");
  // It did not take the first one's place.
  CHECK(problem(kit.service->backup_piece(kit.f.key("property/1"), first.id, 0)) == "ok");
  CHECK_FALSE(kit.service->backup_status(kit.f.key("residents/1"), first.id));
  while (other->state == "running") other = kit.service->backup_status(kit.f.key("residents/1"), other->id);
  CHECK(other->state == "done");
  kit.take();
  for (std::size_t n = backup::count_backups(kit.backups); n < kMaxBackupFiles; ++n) {
    write_file(kit.backups + "/" + std::to_string(n) + ".facekeep-backup", {});
  }
  kit.f.clock.advance(kBackupPauseMs);
  const auto full = kit.service->begin_backup(kit.f.key("property/1"), {});
  REQUIRE_FALSE(full);
  CHECK(has_text(full.error().hint, "deletes old ones"));
}

TEST_CASE("what a daemon that died left of a backup is removed by the next start") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const BackupStatus taken = kit.take();
  kit.f.stop(kit.service);
  const std::string left = kit.backups + "/.0123456789abcdef.unfinished";
  write_file(left, Bytes(5));
  write_file(kit.backups + "/notes.unfinished", Bytes(5));
  kit.open();
  CHECK_FALSE(fs::exists(left));
  CHECK(fs::exists(kit.backups + "/notes.unfinished"));
  CHECK(fs::exists(taken.file));
}

TEST_CASE("a backup whose custodian was suspended meanwhile leaves no file") {
  NEEDS_TOKEN();
  BackupKit kit;
  for (std::uint64_t n = 1; n <= 5; ++n) kit.enrol("p" + std::to_string(n), n);
  BackupRun run(kit.backups, {*kit.f.store, *kit.f.slots, kit.service->sequencer()}, kit.f.clock);
  // By somebody who is no custodian: the entry is refused when the file is finished.
  auto now = run.begin(kit.service->sequencer(), "property/9", {});
  REQUIRE(now);
  while (now->state == "running") now = run.status(now->id, "property/9");
  CHECK(now->state == "failed");
  CHECK(backup::count_backups(kit.backups) == 0);
}

TEST_CASE("a vault without a folder for backups says so") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  BackupRun none("", {*f.store, *f.slots, service->sequencer()}, f.clock);
  const auto refused = none.begin(service->sequencer(), "property/1", {});
  REQUIRE_FALSE(refused);
  CHECK(has_text(refused.error().hint, "backup.dir"));
  f.stop(service);
}

TEST_CASE("a backup builds only on one that the log has") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const BackupStatus whole = kit.take();
  for (const auto& other :
       {backup::Since{whole.made.size, {}}, backup::Since{whole.made.size - 1, whole.made.digest}}) {
    const BackupStatus failed = kit.take_any(other);
    CHECK(failed.state == "failed");
    CHECK(has_text(failed.why, "does not have the backup to build on"));
  }
  CHECK(kit.take(since(whole)).made.since == whole.made.size);
}

TEST_CASE("a damaged key of somebody who is there fails a backup, by log entry") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const auto [slot, entry] = kit.state([](const ledger::State& st) {
    const auto& s = st.subjects().begin()->second;
    return std::pair{s.slot, s.entry};
  });
  for (const char* name : {"/keys/slots.a", "/keys/slots.b"}) {
    Bytes file = file_of(kit.f.dir() + name);
    file.at(128 * (slot + 1) + 20) ^= 1;
    write_file(kit.f.dir() + name, file);
  }
  const BackupStatus failed = kit.take_any({});
  CHECK(failed.state == "failed");
  CHECK(has_text(failed.why, "log entry " + std::to_string(entry)));
}
