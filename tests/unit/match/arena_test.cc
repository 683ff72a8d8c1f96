#include "vault/match/arena.h"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/sanitizer.h"

using namespace facekeep;
using namespace facekeep::match;

namespace {

// The line of /proc/self/smaps that starts with `field`, of the mapping that holds `address`.
std::string smaps(const void* address, const std::string& field) {
  std::ifstream file("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) inside = from <= wanted && wanted < to;
    if (inside && line.starts_with(field)) return line;
  }
  return {};
}

// Runs `body` in a thread without CAP_IPC_LOCK, under a memlock limit of `limit` bytes.
template <class Body>
void with_memlock_limit(rlim_t limit, const Body& body) {
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_MEMLOCK, &old) == 0);
  const rlimit low{.rlim_cur = limit, .rlim_max = old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_MEMLOCK, &low) == 0);
  std::thread([&] {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[2] = {};
    ::syscall(SYS_capset, &header, data);  // this thread only
    body();
  }).join();
  ::setrlimit(RLIMIT_MEMLOCK, &old);
}

}  // namespace

TEST_CASE("a block is zero, accounted while it lives, and given back") {
  Arena arena({.allow_unlocked = true});
  {
    auto block = arena.allocate(5000);
    REQUIRE(block);
    CHECK(block->size() >= 5000);
    CHECK(arena.bytes() == block->size());
    CHECK(std::all_of(block->data(), block->data() + block->size(), [](std::uint8_t b) { return b == 0; }));
    ArenaBlock moved = std::move(*block);
    CHECK(block->data() == nullptr);
    CHECK(arena.bytes() == moved.size());
  }
  CHECK(arena.bytes() == 0);
  CHECK(arena.unlocked_bytes() == 0);
}

TEST_CASE("the configured most is kept") {
  Arena arena({.allow_unlocked = true, .max_bytes = 10000});
  auto first = arena.allocate(8000);
  REQUIRE(first);
  const auto second = arena.allocate(4000);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Errc::kExhausted);
  CHECK(arena.bytes() == first->size());
  CHECK_FALSE(arena.allocate(~std::size_t{0} - 5000));
}

TEST_CASE("a block is locked, out of core dumps and wiped in a child") {
  Arena arena({.allow_unlocked = true});
  auto block = arena.allocate(std::size_t{3} << 20);
  REQUIRE(block);
  CHECK(reinterpret_cast<std::uintptr_t>(block->data()) % (std::size_t{2} << 20) == 0);
  const std::string flags = smaps(block->data(), "VmFlags:");
  REQUIRE_FALSE(flags.empty());
  CHECK(flags.find(" dd") != std::string::npos);  // do not dump
  CHECK(flags.find(" wf") != std::string::npos);  // wipe on fork
  if (arena.unlocked_bytes() == 0 && !test::kMlockReplaced) CHECK(flags.find(" lo") != std::string::npos);  // locked
  block->data()[7] = 42;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(block->data()[7]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(block->data()[7] == 42);
}

TEST_CASE("memory that can't be locked is refused with the way out") {
  if (test::kMlockReplaced) {
    WARN("SKIP mlock does nothing under this sanitizer");
    return;
  }
  Arena arena({});
  std::optional<Error> error;
  with_memlock_limit(65536, [&] {
    auto block = arena.allocate(1 << 20);
    if (!block) error = block.error();
  });
  REQUIRE(error);
  CHECK(error->code == Errc::kExhausted);
  CHECK(error->hint.find("LimitMEMLOCK") != std::string::npos);
  CHECK(arena.bytes() == 0);
}

TEST_CASE("unlocked memory is used only when it was allowed, and counted") {
  if (test::kMlockReplaced) {
    WARN("SKIP mlock does nothing under this sanitizer");
    return;
  }
  Arena arena({.allow_unlocked = true});
  std::size_t unlocked = 0;
  with_memlock_limit(65536, [&] {
    const auto block = arena.allocate(1 << 20);
    unlocked = arena.unlocked_bytes();
  });
  CHECK(unlocked == 1 << 20);
  CHECK(arena.unlocked_bytes() == 0);
}
