// P3 and P6 on a full disk: a whole vault, its token's files too, on a small tmpfs that is filled up.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cstdlib>
#include <filesystem>

#include "tests/fault/calls.h"
#include "tests/fault/vault_audit.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// A tmpfs of its own for everything that the test makes. Not there without the right to mount.
class SmallDisk {
 public:
  SmallDisk() {
    std::string pattern = (std::filesystem::temp_directory_path() / "facekeep-disk-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) return;
    dir_ = pattern;
    mounted_ = mount("facekeep", dir_.c_str(), "tmpfs", 0, "size=640m") == 0;
    if (const char* was = std::getenv("TMPDIR"); was != nullptr) before_ = was;
    if (mounted_) setenv("TMPDIR", dir_.c_str(), 1);
  }
  ~SmallDisk() {
    if (mounted_) {
      before_.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", before_.c_str(), 1);
      umount2(dir_.c_str(), MNT_DETACH);
    }
    std::error_code ec;
    std::filesystem::remove(dir_, ec);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] std::uint64_t free() const {
    struct statvfs s {};
    statvfs(dir_.c_str(), &s);
    return std::uint64_t{s.f_bavail} * s.f_frsize;
  }
  // Somebody else's file takes everything but `leave` bytes.
  void fill(std::uint64_t leave) const {
    const std::uint64_t now = free();
    if (now <= leave) return;
    const int fd = open(file().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const off_t at = lseek(fd, 0, SEEK_END);
    REQUIRE(posix_fallocate(fd, at, static_cast<off_t>(now - leave)) == 0);
    close(fd);
  }
  void make_room() const { unlink(file().c_str()); }

 private:
  [[nodiscard]] std::string file() const { return dir_ + "/somebody-elses"; }
  std::string dir_;
  std::string before_;
  bool mounted_ = false;
};

std::vector<std::string> audit(VaultFixture& f, Service& s) {
  return audit_vault(*f.store, *f.slots, s.sequencer().read([](const ledger::State& st) { return st; }));
}

void refuse_and_recover(const SmallDisk& disk, std::uint64_t leave) {
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  const Vector anna = VaultFixture::random_face(64, 11);
  const Vector bela = VaultFixture::random_face(64, 12);
  REQUIRE(said(enrol(f, *service, "anna", anna)) == "ok");
  REQUIRE(said(enrol(f, *service, "bela", bela)) == "ok");
  const auto size = [&] { return service->sequencer().read([](const ledger::State& st) { return st.size(); }); };

  disk.fill(leave);
  const auto before = size();
  for (int i = 0; i < 3; ++i) {
    const auto refused = enrol(f, *service, "carl", VaultFixture::random_face(64, 13));
    CHECK(code_of(refused) == Errc::kOutOfSpace);
    CHECK(refused.error().message.find("MiB") != std::string::npos);
    CHECK(refused.error().hint.find("make room") != std::string::npos);
    CHECK(code_of(ask(f, *service, anna)) == Errc::kOutOfSpace);
  }
  CHECK(size() == before);
  CHECK_FALSE(service->halted());
  CHECK(service->seal_status()->state == "open");

  const auto erased = erase(f, *service, "anna");
  CHECK(said(erased) == "ok");
  CHECK((erased && erased->destroyed));
  CHECK(said(service->seal(f.key("property/1"))) == "ok");
  CHECK(service->seal_status()->state == "sealed");
  CHECK(audit(f, *service).empty());

  disk.make_room();
  REQUIRE(said(open_vault(f, *service)) == "ok");
  CHECK(decided(ask(f, *service, anna)) == "no_match");
  CHECK(decided(ask(f, *service, bela)) == "match bela");
  CHECK(said(enrol(f, *service, "carl", VaultFixture::random_face(64, 13))) == "ok");
  CHECK(audit(f, *service).empty());
  f.stop(service);
}

void restart_on(const SmallDisk& disk, std::uint64_t leave) {
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  const Vector anna = VaultFixture::random_face(64, 14);
  REQUIRE(said(enrol(f, *service, "anna", anna)) == "ok");
  disk.fill(leave);
  f.stop(service);
  auto again = f.start();
  REQUIRE(said(again) == "ok");
  service = std::move(*again);
  CHECK(service->seal_status()->state == "sealed");
  CHECK(code_of(f.hand_in(*service, "property/1")) == Errc::kOutOfSpace);
  CHECK(said(service->seal(f.key("residents/1"))) == "ok");
  disk.make_room();
  REQUIRE(said(open_vault(f, *service)) == "ok");
  CHECK(decided(ask(f, *service, anna)) == "match anna");
  CHECK(audit(f, *service).empty());
  f.stop(service);
}

}  // namespace

#define NEEDS_DISK(disk)                                        \
  NEEDS_TOKEN();                                                \
  const SmallDisk disk;                                         \
  if (!disk.mounted()) {                                        \
    WARN("SKIP a tmpfs can't be mounted here: root is needed"); \
    return;                                                     \
  }

TEST_CASE("a disk under its reserve refuses with the cause; seal and erase work; with room everything does") {
  NEEDS_DISK(disk);
  refuse_and_recover(disk, 100 * kMiB);
}

TEST_CASE("a disk without a byte left refuses with the cause; seal and erase work; with room everything does") {
  NEEDS_DISK(disk);
  refuse_and_recover(disk, 0);
}

TEST_CASE("a vault that went down under the reserve comes up, can be sealed, and opens when there is room") {
  NEEDS_DISK(disk);
  restart_on(disk, 100 * kMiB);
}

TEST_CASE("a vault that went down without a byte left comes up, can be sealed, and opens when there is room") {
  NEEDS_DISK(disk);
  restart_on(disk, 0);
}

TEST_CASE("a disk that fills up slowly is refused in time, never in the middle of a commit") {
  NEEDS_DISK(disk);
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  // The last bytes before ordinary work is refused (the reserve and the room of a write buffer, twice).
  const store::RocksOptions defaults;
  const std::uint64_t limit = defaults.reserve + 2 * defaults.write_buffer;
  int refused = 0;
  int done = 0;
  for (std::uint64_t leave = limit + 64 * 1024; refused < 20; leave -= 4096) {
    disk.fill(leave);
    EnrolInput large;  // some 20 KB by the store's reckoning
    large.subject = "p" + std::to_string(leave);
    large.consent = VaultFixture::consent();
    for (unsigned i = 0; i < 8; ++i) large.templates.push_back({"face", VaultFixture::random_face(64, leave + i)});
    const auto r = service->put_subject(f.key("operator/1"), "main", std::move(large));
    done += r ? 1 : 0;
    if (r) continue;
    REQUIRE(code_of(r) == Errc::kOutOfSpace);
    ++refused;
  }
  CHECK(done > 5);
  CHECK_FALSE(service->halted());
  disk.make_room();
  CHECK(said(enrol(f, *service, "late", VaultFixture::random_face(64, 5))) == "ok");
  CHECK(audit(f, *service).empty());
  f.stop(service);
}
