// What the store's tests share: small options, batches that are a function of their position (so
// that a whole and a half one can be told apart), and this program run again as another process.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "vault/base/bytes.h"
#include "vault/store/keys.h"
#include "vault/store/rocks_store.h"

namespace facekeep::store_test {

inline constexpr const char* kChildDir = "FACEKEEP_TEST_STORE_DIR";
inline constexpr const char* kChildFd = "FACEKEEP_TEST_STORE_FD";

inline store::RocksOptions small_options(const std::filesystem::path& dir) {
  store::RocksOptions o;
  o.dir = dir / "db";
  o.create_if_missing = true;
  o.write_buffer = 1 << 20;
  o.reserve = 5 << 20;
  o.narrowing_reserve = 3 << 20;
  o.ballast = 3 << 20;
  o.block_cache = 1 << 20;
  return o;
}

// The batch at position n: an entry, an opening and a record that is overwritten each time.
inline store::Batch numbered_batch(std::uint64_t n, std::size_t value_size) {
  Bytes value(value_size, static_cast<std::uint8_t>('a' + n % 26));
  append_be64(value, n);
  store::Batch b;
  b.head_before = n;
  b.head_after = n + 1;
  b.puts.push_back({store::keys::entry(n), value});
  b.puts.push_back({store::keys::opening(n), value});
  b.puts.push_back({store::keys::record(Id128{}), value});
  return b;
}

// True if batches 0 to head-1 are there and nothing of another is.
inline bool holds_exactly(const store::Store& s, std::uint64_t head, std::size_t value_size) {
  for (std::uint64_t n = 0; n < head; ++n) {
    const store::Batch b = numbered_batch(n, value_size);
    for (std::size_t i = 0; i < 2; ++i) {
      auto value = s.get(b.puts[i].key);
      if (!value || !*value || **value != b.puts[i].value) return false;
    }
  }
  for (const store::keys::Kind kind : {store::keys::Kind::kEntry, store::keys::Kind::kOpening}) {
    std::uint64_t count = 0;
    const auto visit = [&](ByteView, ByteView) { return ++count, true; };
    if (!s.scan(store::keys::prefix(kind), {}, visit) || count != head) return false;
  }
  auto record = s.get(store::keys::record(Id128{}));
  if (!record) return false;
  if (head == 0) return !record->has_value();
  return *record && **record == numbered_batch(head - 1, value_size).puts[2].value;
}

// Runs the hidden test case `name` of this program in a new process, with a folder and the writing
// end of a pipe. fork alone would give it RocksDB's threads in a broken state.
struct Child {
  pid_t pid = -1;
  int pipe = -1;  // reading end

  Child(const std::string& name, const std::filesystem::path& dir) {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return;
    pid = ::fork();
    if (pid == 0) {
      const int out = ::dup(fds[1]);  // without O_CLOEXEC
      ::setenv(kChildDir, dir.c_str(), 1);
      ::setenv(kChildFd, std::to_string(out).c_str(), 1);
      const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
      ::dup2(null, 1);
      ::execl("/proc/self/exe", "test_store", name.c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(fds[1]);
    pipe = fds[0];
  }
  ~Child() {
    if (pipe >= 0) ::close(pipe);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The last whole number that the child wrote; `none` if it wrote none. Reads until it is gone.
  std::uint64_t last_number(std::uint64_t none) const {
    std::uint64_t number = none;
    for (std::uint64_t next = 0; ::read(pipe, &next, sizeof next) == sizeof next;) number = next;
    return number;
  }
  int wait() const {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
  }
};

// In the child.
inline std::filesystem::path child_dir() {
  const char* dir = std::getenv(kChildDir);
  return dir == nullptr ? "" : dir;
}
inline void report(std::uint64_t number) {
  const char* fd = std::getenv(kChildFd);
  if (fd == nullptr || ::write(std::atoi(fd), &number, sizeof number) != sizeof number) ::_exit(9);
}

}  // namespace facekeep::store_test
