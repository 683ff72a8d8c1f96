#include "tools/facekeepd/hardening.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>

extern char** environ;

namespace facekeep::daemon {
namespace {

Error system_error(std::string what, int error, std::string hint = {}) {
  return make_error(error == EPERM || error == EACCES ? Errc::kPermissionDenied : Errc::kIo,
                    std::move(what) + ": " + std::generic_category().message(error), std::move(hint));
}

constexpr std::array<std::string_view, 4> kDangerousPrefixes = {"LD_", "MALLOC_", "OPENSSL_", "CTLOG_"};
constexpr std::array<std::string_view, 19> kDangerousNames = {
    "SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR",  "QLOGDIR",        "RANDFILE", "GCONV_PATH", "GLIBC_TUNABLES",
    "GETCONF_DIR",   "HOSTALIASES",   "LOCALDOMAIN",   "RES_OPTIONS",    "LOCPATH",  "NLSPATH",    "NIS_PATH",
    "TZDIR",         "TMPDIR",        "P11_KIT_DEBUG", "P11_KIT_STRICT", "BASH_ENV"};

bool is_dangerous(std::string_view name) {
  return std::any_of(kDangerousPrefixes.begin(), kDangerousPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); }) ||
         std::find(kDangerousNames.begin(), kDangerousNames.end(), name) != kDangerousNames.end();
}

Status close_from(unsigned first, unsigned last) {
  if (first > last) return {};
  if (close_range(first, last, 0) != 0) {
    return system_error("inherited descriptors could not be closed", errno, "facekeepd needs Linux 5.9 or newer");
  }
  return {};
}

Result<rlim_t> memlock_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return system_error("RLIMIT_MEMLOCK could not be read", errno);
  return limit.rlim_cur;
}

// True with CAP_IPC_LOCK, on which the limit does not bind.
bool may_lock_without_limit() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[0].effective & (1U << CAP_IPC_LOCK)) != 0;
}

std::string mebibytes(std::uint64_t bytes) {
  return std::to_string((bytes + (1U << 20U) - 1) >> 20U) + " MiB";
}

}  // namespace

Status clear_environment() {
  std::vector<std::string> doomed;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto name = text.substr(0, text.find('='));
    if (is_dangerous(name)) doomed.emplace_back(name);
  }
  for (const auto& name : doomed) {
    if (unsetenv(name.c_str()) != 0) return system_error("the environment could not be cleared of " + name, errno);
  }
  return {};
}

Status close_inherited_descriptors(const std::vector<int>& keep) {
  for (int standard = 0; standard <= 2; ++standard) {
    if (fcntl(standard, F_GETFD) != -1) continue;
    // open() gives the lowest free descriptor, which is this one: those below are open by now.
    if (open("/dev/null", O_RDWR) != standard) return system_error("/dev/null could not be opened", errno);
  }
  auto kept = keep;
  std::sort(kept.begin(), kept.end());
  unsigned next = 3;
  for (const int descriptor : kept) {
    if (descriptor < static_cast<int>(next)) continue;
    FK_CHECK(close_from(next, static_cast<unsigned>(descriptor) - 1));
    next = static_cast<unsigned>(descriptor) + 1;
  }
  return close_from(next, ~0U);
}

Status deny_dumps_and_tracing() {
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return system_error("core dumps could not be turned off", errno);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_error("the dumpable flag could not be cleared", errno);
  if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return make_error(Errc::kFailedPrecondition, "the process is still dumpable");
  }
  // EINVAL means a kernel without Yama: then there is no exception to withdraw.
  if (prctl(PR_SET_PTRACER, 0, 0, 0, 0) != 0 && errno != EINVAL) {
    return system_error("the exception for a tracer could not be withdrawn", errno);
  }
  return {};
}

void raise_memlock_limit() {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0) return;
  // Only CAP_SYS_RESOURCE raises the hard limit; everyone may raise the soft one to it.
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

Result<MemoryLock> lock_memory(std::uint64_t locked_bytes, bool allow_unlocked) {
  FK_TRY(const rlim_t limit, memlock_limit());
  if ((limit == RLIM_INFINITY || may_lock_without_limit()) && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) {
    return MemoryLock::kEverything;
  }
  if (limit >= locked_bytes) return MemoryLock::kArenaOnly;
  if (allow_unlocked) return MemoryLock::kNone;
  return make_error(Errc::kFailedPrecondition,
                    "memory for templates can't be locked: " + mebibytes(locked_bytes) + " are needed, the limit is " +
                        mebibytes(limit),
                    "set LimitMEMLOCK=infinity in the unit (or raise memlock in limits.conf); to try facekeep out with "
                    "memory that may be swapped, allow unlocked memory in the configuration");
}

Status drop_privileges(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> buffer{};
  const int error = getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0) return system_error("the user '" + user + "' could not be looked up", error);
  if (found == nullptr) {
    return make_error(Errc::kNotFound, "there is no user '" + user + "'", "create it with systemd-sysusers");
  }
  const uid_t uid = found->pw_uid;
  const gid_t gid = found->pw_gid;
  if (uid == 0) return make_error(Errc::kInvalidArgument, "the user to run as is root");
  if (geteuid() == uid && getuid() == uid) return {};
  if (geteuid() != 0) {
    return make_error(Errc::kPermissionDenied, "only root can become the user '" + user + "'",
                      "start as root or as that user");
  }
  // Groups first: without root they can't be changed any more.
  if (initgroups(user.c_str(), gid) != 0) return system_error("the groups of '" + user + "' could not be set", errno);
  if (setresgid(gid, gid, gid) != 0) return system_error("the group of '" + user + "' could not be set", errno);
  if (setresuid(uid, uid, uid) != 0) return system_error("the user '" + user + "' could not be set", errno);
  if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0) {
    return make_error(Errc::kFailedPrecondition, "root could be taken back after dropping it");
  }
  return {};
}

Status forbid_new_privileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error("PR_SET_NO_NEW_PRIVS was refused", errno);
  return {};
}

Result<HardeningReport> harden_process(const HardeningOptions& options) {
  HardeningReport report;
  FK_CHECK(deny_dumps_and_tracing());
  FK_CHECK(clear_environment());
  FK_CHECK(close_inherited_descriptors(options.keep_descriptors));
  umask(S_IRWXG | S_IRWXO);
  raise_memlock_limit();
  if (options.user) {
    FK_CHECK(drop_privileges(*options.user));
    // The kernel set the dumpable flag to fs.suid_dumpable when the user changed.
    FK_CHECK(deny_dumps_and_tracing());
  }
  FK_CHECK(forbid_new_privileges());
  // Behind the change of user: it is that user's limit that later mappings meet.
  FK_TRY(report.memory, lock_memory(options.locked_bytes, options.allow_unlocked));
  report.root = geteuid() == 0;
  if (report.root) report.warnings.emplace_back("running as root: name a user in the configuration");
  if (report.memory == MemoryLock::kArenaOnly) {
    report.warnings.emplace_back("only the arena and the secret heap are locked: set LimitMEMLOCK=infinity");
  } else if (report.memory == MemoryLock::kNone) {
    report.warnings.emplace_back("memory is not locked: templates and keys may reach swap");
  }
  return report;
}

}  // namespace facekeep::daemon
