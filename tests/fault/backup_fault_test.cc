// Backups and restores without room, and without the token: refused with the cause, nothing half made is left, and with
// the cause gone they work.
#include "tests/fault/small_disk.h"
#include "tests/support/paths.h"
#include "tests/support/pkcs11_shim.h"
#include "tests/unit/backup/backup_kit.h"
#include "tools/facekeepd/check.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

struct ShimDir {
  ShimDir() {
    std::string pattern = (fs::temp_directory_path() / "facekeep-shim-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~ShimDir() {
    std::error_code ec;
    fs::remove_all(path, ec);
  }
  std::string path;
};

FixtureOptions behind_shim() {
  FixtureOptions o;
  o.module = facekeep::test::pkcs11_shim();
  return o;
}

template <class F>
bool soon(F&& done) {
  for (int i = 0; i < 4000; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

bool has_no_vault(const std::string& dir) {
  return !fs::exists(dir + "/db") && !fs::exists(dir + "/keys") && !fs::exists(dir + "/restored.json");
}

}  // namespace

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

TEST_CASE("a restore onto a disk without room fails and leaves nothing; with room it is made") {
  NEEDS_DISK_FOR(disk, SmallDisk::For::kWhatIsPutThere);
  BackupKit kit;
  for (std::uint64_t n = 1; n <= 20; ++n) kit.enrol("p" + std::to_string(n), n);
  const BackupStatus taken = kit.take();
  kit.f.stop(kit.service);
  kit.mirror_now();
  const auto log = daemon::open_mirror_log(kit.mirror);
  REQUIRE(log);
  backup::RestoreParts parts;
  parts.files = {taken.file};
  parts.mirror = log->log;
  parts.token = token_of(kit.f);
  parts.data_dir = disk.dir() + "/vault";
  for (const std::uint64_t leave : {std::uint64_t{0}, 64 * std::uint64_t{1024}, 100 * kMiB, 250 * kMiB}) {
    CAPTURE(leave);
    disk.make_room();
    disk.fill(leave);
    const auto refused = backup::restore(parts);
    REQUIRE_FALSE(refused);
    INFO(refused.error().message);
    CHECK(refused.error().code == Errc::kOutOfSpace);
    CHECK(has_text(refused.error().message, "MiB free"));
    CHECK(has_no_vault(parts.data_dir));
    CHECK_FALSE(fs::exists(parts.data_dir + "/restoring"));
  }
  disk.make_room();
  const auto report = backup::restore(parts);
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  CHECK(report->subjects == 20);
  store::RocksOptions options;
  options.dir = parts.data_dir + "/db";
  const auto store = store::RocksStore::open(options);
  REQUIRE(store);
  const auto slots = seal::SlotGenerations::open(parts.data_dir + "/keys", kit.f.genesis().vault);
  REQUIRE(slots);
  const auto checked = daemon::check_vault(**store, **slots, {}, *backup::read_mark(parts.data_dir));
  REQUIRE(checked);
  CHECK(checked->faults.empty());
}

TEST_CASE("a token that goes away under a backup's entry: it failed, and yet the log has it and it is restored") {
  NEEDS_TOKEN();
  const ShimDir dir;
  const Shim shim(dir.path, SoftHsm::module_path());
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
  const ShimDir dir;
  const Shim shim(dir.path, SoftHsm::module_path());
  BackupKit kit(behind_shim());
  kit.enrol("p1", 1);
  const BackupStatus taken = kit.take();
  kit.lose();
  shim.inject("* 0xe0");
  const auto refused = kit.restore({taken.file});
  REQUIRE_FALSE(refused);
  INFO(refused.error().message);
  const Errc code = refused.error().code;
  CHECK((code == Errc::kHsmGone || code == Errc::kHsm || code == Errc::kNotFound));
  CHECK(fs::is_empty(kit.f.dir()));
  shim.heal();
  const auto report = kit.restore({taken.file});
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  kit.open_restored();
  CHECK(kit.matched(1) == "p1");
}
