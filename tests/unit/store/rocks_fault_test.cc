// The store against a full disk, damaged files, meddling while it runs, and sudden death.
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "tests/support/catch.h"
#include "tests/unit/store/store_fixture.h"
#include "tests/unit/store/temp_dir.h"
#include "vault/store/ballast.h"
#include "vault/store/rocks_store.h"

using namespace facekeep;
using namespace facekeep::store;
using namespace facekeep::store_test;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kValue = 3000;

// The only file in the folder with that ending, or the newest of several.
fs::path file_like(const fs::path& dir, const std::string& part) {
  fs::path found;
  for (const auto& f : fs::directory_iterator(dir)) {
    const std::string name = f.path().filename().string();
    if (name.find(part) != std::string::npos && name > found.filename().string()) found = f.path();
  }
  return found;
}

void flip_byte(const fs::path& file, std::uintmax_t at) {
  std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
  f.seekg(static_cast<std::streamoff>(at));
  const char c = static_cast<char>(f.get() ^ 0x5a);
  f.seekp(static_cast<std::streamoff>(at));
  f.put(c);
}

std::unique_ptr<RocksStore> opened(const RocksOptions& options) {
  auto s = RocksStore::open(options);
  INFO((s ? std::string() : s.error().message));
  REQUIRE(s);
  return std::move(*s);
}

// Fills the disk so that at most `leave` bytes are free, once the engine's background work is over:
// taking the room from under a running flush is an I/O error like any other, and not what is tested
// here. A compaction that the disk is too full for stays pending for good.
void fill(const fs::path& disk, const RocksStore& store, std::uint64_t leave) {
  static int number = 0;
  std::uint64_t before = 0;
  for (int quiet = 0, i = 0; quiet < 6 && i < 40; ++quiet, ++i) {
    const std::uint64_t free = *free_bytes(disk);
    if (free != before || store.writes_in_background()) quiet = 0;
    before = free;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  if (before <= leave) return;
  Ballast filler(disk / ("filler" + std::to_string(++number)), before - leave);
  REQUIRE(filler.hold());
}

// Errc of a failure, kNone (no such value) if there was none.
constexpr Errc kNone = static_cast<Errc>(255);
template <class T>
Errc code(const Result<T>& result) {
  if (result) return kNone;
  UNSCOPED_INFO(result.error().message);
  return result.error().code;
}

void unfill(const fs::path& disk) {
  for (const auto& f : fs::directory_iterator(disk)) {
    if (f.path().filename().string().starts_with("filler")) fs::remove(f.path());
  }
}

}  // namespace

TEST_CASE("on a full disk ordinary work is refused, narrowing goes on, and room heals it") {
  const SmallDisk disk(32);
  if (!disk.mounted()) {
    WARN("skipped: this process may not mount a tmpfs");
    return;
  }
  RocksOptions o = small_options(disk.path());
  std::uint64_t n = 0;
  {
    auto s = opened(o);
    Status status;
    while (status = s->commit(numbered_batch(n, 40000), Urgency::kOrdinary), status) REQUIRE(++n < 2000);
    CHECK(status.error().code == Errc::kOutOfSpace);
    const auto head = s->head();
    INFO((head ? std::string() : head.error().message));
    REQUIRE(head);
    CHECK(*head == n);
    CHECK(holds_exactly(*s, n, 40000));
    CHECK(fs::exists(o.dir / "ballast"));

    fill(disk.path(), *s, (2 << 20) + (1 << 19));
    CHECK(code(s->commit(numbered_batch(n, 40000), Urgency::kOrdinary)) == Errc::kOutOfSpace);
    CHECK(code(s->check()) == Errc::kOutOfSpace);
    for (int i = 0; i < 10; ++i, ++n) REQUIRE(s->commit(numbered_batch(n, 100), Urgency::kNarrowing));
    CHECK_FALSE(fs::exists(o.dir / "ballast"));
    // What the ballast gave up is not for ordinary work.
    CHECK(code(s->commit(numbered_batch(n, 100), Urgency::kOrdinary)) == Errc::kOutOfSpace);

    fill(disk.path(), *s, 1 << 16);
    CHECK(code(s->commit(numbered_batch(n, 100), Urgency::kNarrowing)) == Errc::kOutOfSpace);
    CHECK(*s->head() == n);
  }
  // Down and up again with nothing free: it opens, reads, and refuses.
  {
    auto s = RocksStore::open(o);
    REQUIRE(s);
    CHECK(*(*s)->head() == n);
    fill(disk.path(), **s, 1 << 16);      // closing gave some room back
    if (fs::exists(o.dir / "ballast")) {  // it was enough for the ballast
      REQUIRE((*s)->commit(numbered_batch(n++, 100), Urgency::kNarrowing));
      fill(disk.path(), **s, 1 << 16);
    }
    CHECK(code((*s)->commit(numbered_batch(n, 100), Urgency::kNarrowing)) == Errc::kOutOfSpace);
    unfill(disk.path());
    for (int i = 0; i < 40; ++i, ++n) REQUIRE((*s)->commit(numbered_batch(n, 100), Urgency::kNarrowing));
  }
  CHECK(*opened(o)->head() == n);
}

TEST_CASE("when there is room again the ballast is made again") {
  const SmallDisk disk(32);
  if (!disk.mounted()) {
    WARN("skipped: this process may not mount a tmpfs");
    return;
  }
  const RocksOptions o = small_options(disk.path());
  auto s = opened(o);
  REQUIRE(s->commit(numbered_batch(0, 100), Urgency::kOrdinary));
  fill(disk.path(), *s, 3 << 19);
  CHECK(code(s->commit(numbered_batch(1, 100), Urgency::kOrdinary)) == Errc::kOutOfSpace);
  CHECK(fs::exists(o.dir / "ballast"));
  REQUIRE(s->commit(numbered_batch(1, 100), Urgency::kNarrowing));
  CHECK_FALSE(fs::exists(o.dir / "ballast"));
  unfill(disk.path());
  REQUIRE(s->commit(numbered_batch(2, 100), Urgency::kOrdinary));
  CHECK(fs::file_size(o.dir / "ballast") == o.ballast);
  CHECK(s->check());
}

TEST_CASE("a file that is deleted, replaced or cut while the store runs is noticed") {
  const TempDir dir;
  const RocksOptions o = small_options(dir.path());
  auto s = opened(o);
  std::uint64_t n = 0;
  const auto commit_some = [&] {
    for (int i = 0; i < 40; ++i, ++n) REQUIRE(s->commit(numbered_batch(n, 40000), Urgency::kOrdinary));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // let a table be written out
    REQUIRE(s->commit(numbered_batch(n++, 100), Urgency::kOrdinary));
  };
  const auto noticed = [&] { return code(s->check()) == Errc::kIntegrity; };
  commit_some();
  REQUIRE(s->check());
  for (const std::string part : {".log", "MANIFEST", "CURRENT", ".sst", "a newer log", ".log"}) {
    if (part == "a newer log") {  // whose descriptor was not looked at yet
      const fs::path before = file_like(o.dir, ".log");
      commit_some();
      REQUIRE(file_like(o.dir, ".log") != before);
      continue;
    }
    const fs::path file = file_like(o.dir, part);
    INFO(part << " " << file);
    REQUIRE_FALSE(file.empty());
    const fs::path away = dir.path() / "away";
    fs::rename(file, away);
    CHECK(noticed());
    if (part != "CURRENT") {  // its content is what counts
      fs::copy_file(away, file);
      CHECK(noticed());
    }
    fs::rename(away, file);
    CHECK(s->check());
    if (part == ".sst") continue;
    const auto size = fs::file_size(file);
    fs::copy_file(file, away);
    fs::resize_file(file, size / 2);
    CHECK(noticed());
    std::ofstream(file, std::ios::binary | std::ios::trunc) << std::ifstream(away, std::ios::binary).rdbuf();
    fs::remove(away);
    CHECK(s->check());
  }
}

TEST_CASE("a torn end of the write-ahead log is dropped, whole batches only") {
  const TempDir dir;
  const RocksOptions o = small_options(dir.path());
  const fs::path copy = dir.path() / "copy";
  {
    auto s = opened(o);
    for (std::uint64_t n = 0; n < 20; ++n) REQUIRE(s->commit(numbered_batch(n, kValue), Urgency::kOrdinary));
    fs::copy(o.dir, copy, fs::copy_options::recursive);  // the disk as a power cut would leave it
  }
  const auto whole = fs::file_size(file_like(copy, ".log"));
  for (const std::uintmax_t cut : {1u, 100u, 4000u, 9000u}) {
    INFO(cut);
    const TempDir other;
    fs::copy(copy, other.path() / "db", fs::copy_options::recursive);
    fs::resize_file(file_like(other.path() / "db", ".log"), whole - cut);
    auto s = RocksStore::open(small_options(other.path()));
    REQUIRE(s);
    CHECK(*(*s)->head() == 19);
    CHECK(holds_exactly(**s, 19, kValue));
  }
}

TEST_CASE("damage inside the write-ahead log is reported, and skipped only when told") {
  const TempDir dir;
  RocksOptions o = small_options(dir.path());
  const fs::path copy = dir.path() / "copy";
  {
    auto s = opened(o);
    for (std::uint64_t n = 0; n < 20; ++n) REQUIRE(s->commit(numbered_batch(n, kValue), Urgency::kOrdinary));
    fs::copy(o.dir, copy, fs::copy_options::recursive);
  }
  const fs::path wal = file_like(copy, ".log");
  flip_byte(wal, fs::file_size(wal) / 2);
  fs::remove_all(o.dir);
  fs::rename(copy, o.dir);
  CHECK(code(RocksStore::open(o)) == Errc::kIntegrity);
  o.drop_damaged_log_tail = true;
  auto s = RocksStore::open(o);
  REQUIRE(s);
  const std::uint64_t head = *(*s)->head();
  CHECK(head >= 5);
  CHECK(head < 15);
  CHECK(holds_exactly(**s, head, kValue));
}

TEST_CASE("after damaged bytes were read every call says that a restart is needed") {
  const TempDir dir;
  const RocksOptions o = small_options(dir.path());
  {
    auto s = opened(o);
    for (std::uint64_t n = 0; n < 20; ++n) REQUIRE(s->commit(numbered_batch(n, kValue), Urgency::kOrdinary));
  }
  { auto s = opened(o); }  // writes the log out as a table
  auto s = opened(o);
  const fs::path table = file_like(o.dir, ".sst");
  REQUIRE_FALSE(table.empty());
  for (std::uintmax_t at = 0; at + 5000 < fs::file_size(table); at += 500) flip_byte(table, at);
  Status status;
  for (std::uint64_t n = 0; n < 20 && status; ++n) {
    if (auto r = s->get(keys::entry(n)); !r) status = r.error();
  }
  REQUIRE_FALSE(status);
  CHECK(status.error().code == Errc::kIntegrity);
  CHECK(code(s->get(keys::entry(0))) == Errc::kIo);
  CHECK(s->scan({}, {}, [](ByteView, ByteView) { return true; }).error().code == Errc::kIo);
  CHECK(code(s->commit(numbered_batch(20, 10), Urgency::kNarrowing)) == Errc::kIo);
  CHECK(code(s->head()) == Errc::kIo);
  CHECK(code(s->check()) == Errc::kIo);
  CHECK(s->check().error().hint.find("restart") != std::string::npos);
}

TEST_CASE("commits until a write fails", "[.][child-write-error]") {
  const auto dir = child_dir();
  REQUIRE_FALSE(dir.empty());
  RocksOptions o = small_options(dir);
  o.write_buffer = 64 << 20;  // one write-ahead log for all of it
  auto s = opened(o);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{3 << 20, 3 << 20};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  Status status;
  std::uint64_t n = 0;
  while (status = s->commit(numbered_batch(n, 40000), Urgency::kOrdinary), status) report(++n);
  REQUIRE(status.error().code == Errc::kIo);
  REQUIRE(code(s->commit(numbered_batch(n, 10), Urgency::kNarrowing)) == Errc::kIo);
  REQUIRE(code(s->get(keys::entry(0))) == Errc::kIo);
  REQUIRE(code(s->head()) == Errc::kIo);
}

TEST_CASE("a failed write stops the store without ending the process") {
  const TempDir dir;
  const Child child("[child-write-error]", dir.path());
  const std::uint64_t acknowledged = child.last_number(0);
  const int status = child.wait();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(acknowledged > 5);
  auto s = RocksStore::open(small_options(dir.path()));
  REQUIRE(s);
  const std::uint64_t head = *(*s)->head();
  CHECK(head >= acknowledged);
  CHECK(head <= acknowledged + 1);
  CHECK(holds_exactly(**s, head, 40000));
}

TEST_CASE("commits until it is killed", "[.][child-commit]") {
  const auto dir = child_dir();
  REQUIRE_FALSE(dir.empty());
  auto s = *RocksStore::open(small_options(dir));
  for (std::uint64_t n = *s->head();; ++n) {
    REQUIRE(s->commit(numbered_batch(n, kValue), Urgency::kOrdinary));
    report(n + 1);
  }
}

TEST_CASE("after kill -9 every acknowledged batch is there and no half one") {
  const TempDir dir;
  std::uint64_t head = 0;
  for (const int milliseconds : {60, 90, 140, 200, 310, 450}) {
    const Child child("[child-commit]", dir.path());
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    REQUIRE(::kill(child.pid, SIGKILL) == 0);
    const std::uint64_t acknowledged = child.last_number(head);
    child.wait();
    auto s = RocksStore::open(small_options(dir.path()));
    REQUIRE(s);
    INFO(acknowledged);
    CHECK(*(*s)->head() >= acknowledged);
    CHECK(*(*s)->head() <= acknowledged + 1);
    head = *(*s)->head();
    CHECK(holds_exactly(**s, head, kValue));
  }
  CHECK(head > 20);
}
