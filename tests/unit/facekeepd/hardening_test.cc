#include "tools/facekeepd/hardening.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/sanitizer.h"
#include "tests/unit/facekeepd/child.h"

using namespace facekeep;
using namespace facekeep::daemon;
using test::run_in_child;

namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

bool set_limit(int which, rlim_t value) {
  const rlimit limit{value, value};
  return setrlimit(static_cast<__rlimit_resource>(which), &limit) == 0;
}

// Becomes a user without any capability, so that limits bind. True if we are one now.
bool become_nobody() {
  return geteuid() != 0 || drop_privileges("nobody").has_value();
}

std::uint64_t locked_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmLck:")) return std::stoull(line.substr(6));
  }
  return 0;
}

}  // namespace

TEST_CASE("dangerous variables leave the environment and others stay") {
  const auto end = run_in_child([] {
    for (const char* name : {"LD_PRELOAD", "LD_AUDIT", "SSLKEYLOGFILE", "OPENSSL_CONF", "OPENSSL_MODULES",
                             "GLIBC_TUNABLES", "MALLOC_TRACE", "GCONV_PATH"}) {
      setenv(name, "/tmp/x", 1);
    }
    for (const char* name : {"LANG", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "SOME_MODULE_CONF", "LDX"}) {
      setenv(name, "kept", 1);
    }
    if (!clear_environment()) return 1;
    for (const char* name : {"LD_PRELOAD", "LD_AUDIT", "SSLKEYLOGFILE", "OPENSSL_CONF", "OPENSSL_MODULES",
                             "GLIBC_TUNABLES", "MALLOC_TRACE", "GCONV_PATH"}) {
      if (getenv(name) != nullptr) return 2;
    }
    for (const char* name : {"LANG", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "SOME_MODULE_CONF", "LDX"}) {
      if (getenv(name) == nullptr) return 3;
    }
    return 0;
  });
  CHECK(end.exit_code == 0);
}

TEST_CASE("inherited descriptors are closed but for those that are kept") {
  const auto end = run_in_child([] {
    const int kept = fcntl(open("/dev/null", O_RDONLY), F_DUPFD, 40);
    const int below = fcntl(kept, F_DUPFD, 20);
    const int above = fcntl(kept, F_DUPFD, 60);
    if (!close_inherited_descriptors({kept, 1})) return 1;
    if (fcntl(kept, F_GETFD) == -1) return 2;
    if (fcntl(below, F_GETFD) != -1 || fcntl(above, F_GETFD) != -1 || fcntl(3, F_GETFD) != -1) return 3;
    return fcntl(2, F_GETFD) != -1 ? 0 : 4;
  });
  CHECK(end.exit_code == 0);
}

TEST_CASE("closed standard descriptors are filled, so that no file opened later becomes one") {
  const auto end = run_in_child([] {
    close(0);
    close(2);
    if (!close_inherited_descriptors({})) return 1;
    return open("/dev/null", O_RDONLY) > 2 ? 0 : 2;
  });
  CHECK(end.exit_code == 0);
}

TEST_CASE("a hardened process leaves no core and another process of the same user can't trace it") {
  const auto end = run_in_child([] {
    if (!become_nobody()) return 1;
    if (!deny_dumps_and_tracing()) return 2;
    rlimit core{1, 1};
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0) return 3;
    const pid_t parent = getpid();
    // Without root, /proc/PID/mem of a process that is not dumpable belongs to root.
    const auto reader = run_in_child([parent] {
      const std::string path = "/proc/" + std::to_string(parent) + "/mem";
      if (open(path.c_str(), O_RDONLY) != -1) return 1;
      return ptrace(PTRACE_ATTACH, parent, nullptr, nullptr) == -1 ? 0 : 2;
    });
    return reader.exit_code == 0 ? 0 : 4;
  });
  CHECK(end.exit_code == 0);
}

TEST_CASE("memory is locked whole where no limit binds") {
  if (test::kMlockReplaced) {
    WARN("SKIP mlock does nothing under this sanitizer");
    return;
  }
  constexpr int kCannot = 77;
  const auto end = run_in_child([] {
    raise_memlock_limit();
    const auto lock = lock_memory(1, false);
    if (!lock) return 1;
    if (*lock != MemoryLock::kEverything) return kCannot;
    const auto before = locked_kilobytes();
    void* p = mmap(nullptr, 8 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return 2;
    return before > 0 && locked_kilobytes() >= before + 8 * 1024 ? 0 : 3;
  });
  if (end.exit_code == kCannot) {
    WARN("SKIP neither RLIMIT_MEMLOCK can be raised here nor is there CAP_IPC_LOCK");
    return;
  }
  CHECK(end.exit_code == 0);
}

TEST_CASE("a limit below the arena's size is refused, unless unlocked memory is allowed") {
  const auto end = run_in_child([] {
    if (!set_limit(RLIMIT_MEMLOCK, kMiB) || !become_nobody()) return 1;
    const auto refused = lock_memory(kMiB + 1, false);
    if (refused || refused.error().code != Errc::kFailedPrecondition) return 2;
    if (refused.error().hint.find("LimitMEMLOCK") == std::string::npos) return 3;
    const auto allowed = lock_memory(kMiB + 1, true);
    if (!allowed || *allowed != MemoryLock::kNone) return 4;
    const auto enough = lock_memory(kMiB, false);
    return enough && *enough == MemoryLock::kArenaOnly ? 0 : 5;
  });
  CHECK(end.exit_code == 0);
}

TEST_CASE("root is dropped for ever") {
  if (geteuid() != 0) {
    WARN("SKIP only root can be dropped");
    return;
  }
  const auto end = run_in_child([] {
    if (!drop_privileges("nobody")) return 1;
    if (getuid() == 0 || geteuid() == 0 || getgid() == 0) return 2;
    if (setuid(0) == 0 || seteuid(0) == 0) return 3;
    return access("/etc/shadow", R_OK) == -1 ? 0 : 4;
  });
  CHECK(end.exit_code == 0);
}

TEST_CASE("a user that does not exist, is root, or can't be become is refused by name") {
  const auto unknown = drop_privileges("no-such-user-here");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == Errc::kNotFound);
  CHECK(unknown.error().message.find("no-such-user-here") != std::string::npos);
  CHECK(drop_privileges("root").error().code == Errc::kInvalidArgument);
  const auto end = run_in_child([] {
    if (!become_nobody()) return 1;
    const auto other = drop_privileges("daemon");
    return !other && other.error().code == Errc::kPermissionDenied ? 0 : 2;
  });
  CHECK(end.exit_code == 0);
}

TEST_CASE("hardening takes every step, and says what is weaker than it could be") {
  const auto end = run_in_child([] {
    setenv("LD_PRELOAD", "/tmp/x", 1);
    HardeningOptions options;
    options.locked_bytes = kMiB;
    options.allow_unlocked = true;
    if (geteuid() == 0) options.user = "nobody";
    const auto report = harden_process(options);
    if (!report || report->root || geteuid() == 0) return 1;
    // A change of user sets the dumpable flag anew: it must be clear at the end.
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return 2;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 3;
    if (getenv("LD_PRELOAD") != nullptr) return 4;
    if (umask(0) != 077) return 5;
    return (report->memory == MemoryLock::kEverything) == report->warnings.empty() ? 0 : 6;
  });
  CHECK(end.exit_code == 0);
}
