// A disk that a test fills up.
#pragma once

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/catch.h"

namespace facekeep::test {

inline constexpr std::uint64_t kMiB = 1 << 20;

// A tmpfs of its own, for everything that the test makes or for what it puts there. Not there without the right to
// mount.
class SmallDisk {
 public:
  enum class For : std::uint8_t { kEverything, kWhatIsPutThere };
  explicit SmallDisk(For what = For::kEverything) {
    std::string pattern = (std::filesystem::temp_directory_path() / "facekeep-disk-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) return;
    dir_ = pattern;
    mounted_ = mount("facekeep", dir_.c_str(), "tmpfs", 0, "size=640m") == 0;
    if (const char* was = std::getenv("TMPDIR"); was != nullptr) before_ = was;
    takes_all_ = mounted_ && what == For::kEverything;
    if (takes_all_) setenv("TMPDIR", dir_.c_str(), 1);
  }
  ~SmallDisk() {
    if (takes_all_) before_.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", before_.c_str(), 1);
    if (mounted_) umount2(dir_.c_str(), MNT_DETACH);
    std::error_code ec;
    std::filesystem::remove(dir_, ec);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] const std::string& dir() const { return dir_; }
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
  bool takes_all_ = false;
};

}  // namespace facekeep::test

// `what`: SmallDisk::For.
#define NEEDS_DISK_FOR(disk, what)                              \
  NEEDS_TOKEN();                                                \
  const SmallDisk disk(what);                                   \
  if (!disk.mounted()) {                                        \
    WARN("SKIP a tmpfs can't be mounted here: root is needed"); \
    return;                                                     \
  }
#define NEEDS_DISK(disk) NEEDS_DISK_FOR(disk, SmallDisk::For::kEverything)
