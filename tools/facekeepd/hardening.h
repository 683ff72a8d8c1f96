// What the daemon takes away from itself before it touches a secret.
//
// None of this stops root on the running, open host (deploy/THREAT_MODEL.md says so): it narrows who can read process
// memory, what a hole in a parser could do, and what swap, cores and backups of the machine could hold.
//
// Order in main(): harden_process(), then init_secret_heap(), then configuration, token module, store and listeners,
// then install_seccomp_filter() (seccomp_filter.h), then requests. Sources: prctl(2), core(5), capabilities(7),
// mlockall(2), ptrace(2) ("Ptrace access mode checking"), Documentation/admin-guide/LSM/Yama.rst of the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vault/base/result.h"

namespace facekeep::daemon {

struct HardeningOptions {
  // What the arena and the secret heap will lock, in bytes. If RLIMIT_MEMLOCK can't be brought to it, the daemon
  // refuses to start, unless allow_unlocked.
  std::uint64_t locked_bytes = 0;
  // Go on though templates and keys may reach swap. For trials; the start event says that it was used.
  bool allow_unlocked = false;
  // Run as this user. Needs a start as root, or as that user already. None: stay what we are.
  std::optional<std::string> user;
  // Descriptors above 2 to keep, such as one that a PIN is read from.
  std::vector<int> keep_descriptors;
};

enum class MemoryLock : std::uint8_t {
  kEverything,  // mlockall: OpenSSL's own copies and thread stacks never reach swap either
  kArenaOnly,   // the limit covers locked_bytes: arena and secret heap lock themselves, other heap does not
  kNone,        // allow_unlocked
};

struct HardeningReport {
  MemoryLock memory = MemoryLock::kNone;
  bool root = false;                  // still uid 0
  std::vector<std::string> warnings;  // for the daemon's log: one sentence each, what is weaker than it could be
};

// Takes every step below, in this order. Call once, first in main(), before any thread. kFailedPrecondition,
// kPermissionDenied or kIo name the step that failed; some steps are done then, so the process should end.
Result<HardeningReport> harden_process(const HardeningOptions& options);

// The steps. Each may be called alone (the tests do).

// Removes what makes libraries load code, write secrets or listen to strangers: LD_*, OPENSSL_CONF and its like,
// SSLKEYLOGFILE, GCONV_PATH, MALLOC_* and others (the list is in the .cc). A deny-list, because tokens' modules bring
// variables of their own that nobody can list. (LD_PRELOAD has had its effect by then; the unit sets none.)
Status clear_environment();

// Opens /dev/null on 0, 1 and 2 where they are closed (so that no database file becomes standard error), and closes
// every other descriptor that is not in `keep`.
Status close_inherited_descriptors(const std::vector<int>& keep);

// No core dumps: RLIMIT_CORE 0, hard and soft, and not dumpable, which also gives /proc/PID to root, and denies ptrace
// and process_vm_readv to every process without CAP_SYS_PTRACE. Where the kernel has Yama, an earlier
// PR_SET_PTRACER exception is withdrawn too. A change of user sets the dumpable flag anew, so call it again after one.
Status deny_dumps_and_tracing();

// Raises RLIMIT_MEMLOCK as far as this process may: to no limit with CAP_SYS_RESOURCE, else to the hard limit. As far
// as it goes; lock_memory says whether that is enough.
void raise_memlock_limit();

// Decides as HardeningOptions and MemoryLock say. mlockall only where RLIMIT_MEMLOCK does not bind (no limit, or
// CAP_IPC_LOCK): MCL_FUTURE under a limit makes later mappings fail, and a vault that can't start a thread or grow a
// write buffer is worse than one with swappable heap. MCL_ONFAULT, so that only pages in use are locked.
// kFailedPrecondition if locked_bytes can't be locked and allow_unlocked is false.
Result<MemoryLock> lock_memory(std::uint64_t locked_bytes, bool allow_unlocked);

// Becomes `user` with the user's own groups (a token's files are often readable by a group), for ever: real,
// effective and saved ids, and checks that there is no way back.
Status drop_privileges(const std::string& user);

// PR_SET_NO_NEW_PRIVS: no execve of anybody's gains a privilege any more.
Status forbid_new_privileges();

}  // namespace facekeep::daemon
