#include "tools/facekeepd/seccomp_filter.h"

#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

namespace facekeep::daemon {
namespace {

// No honest path leads here: end the process, so that the attempt is seen.
constexpr std::array kHostile = {"execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev"};

// RocksDB, key slots, the token's files, certificates.
constexpr std::array kFiles = {"open",      "openat",    "openat2",    "creat",      "close",     "close_range",
                               "read",      "write",     "readv",      "writev",     "pread64",   "pwrite64",
                               "preadv",    "pwritev",   "preadv2",    "pwritev2",   "lseek",     "stat",
                               "fstat",     "lstat",     "newfstatat", "statx",      "statfs",    "fstatfs",
                               "access",    "faccessat", "faccessat2", "rename",     "renameat",  "renameat2",
                               "link",      "linkat",    "unlink",     "unlinkat",   "symlink",   "mkdir",
                               "mkdirat",   "rmdir",     "getdents",   "getdents64", "readlink",  "readlinkat",
                               "truncate",  "ftruncate", "fallocate",  "fadvise64",  "readahead", "sync_file_range",
                               "fsync",     "fdatasync", "syncfs",     "flock",      "fcntl",     "dup",
                               "dup2",      "dup3",      "chmod",      "fchmod",     "fchmodat",  "umask",
                               "utimensat", "utime",     "utimes",     "getcwd",     "sendfile",  "copy_file_range",
                               "sync"};

// mmap, mprotect, clone, prctl and ioctl have rules of their own below.
constexpr std::array kMemoryAndThreads = {"brk",
                                          "munmap",
                                          "mremap",
                                          "madvise",
                                          "mincore",
                                          "mlock",
                                          "mlock2",
                                          "munlock",
                                          "mlockall",
                                          "msync",
                                          "futex",
                                          "futex_waitv",
                                          "set_robust_list",
                                          "get_robust_list",
                                          "rseq",
                                          "membarrier",
                                          "set_tid_address",
                                          "exit",
                                          "exit_group",
                                          "sched_yield",
                                          "getcpu",
                                          "sched_getaffinity",
                                          "sched_setaffinity",
                                          "sched_getparam",
                                          "sched_getscheduler",
                                          "getpriority",
                                          "setpriority",
                                          "ioprio_get",
                                          "ioprio_set",
                                          "restart_syscall"};

constexpr std::array kTimeAndSignals = {
    "clock_gettime", "clock_getres",   "clock_nanosleep", "nanosleep",       "gettimeofday",
    "time",          "times",          "timerfd_create",  "timerfd_settime", "timerfd_gettime",
    "rt_sigaction",  "rt_sigprocmask", "rt_sigreturn",    "rt_sigpending",   "rt_sigtimedwait",
    "rt_sigsuspend", "sigaltstack",    "signalfd4",       "getitimer",       "setitimer",
    "alarm",         "pause"};

// socket and socketpair have rules of their own below.
constexpr std::array kNetwork = {
    "bind",        "listen",       "accept",  "accept4",  "connect",      "shutdown",      "getsockname", "getpeername",
    "getsockopt",  "setsockopt",   "sendto",  "sendmsg",  "sendmmsg",     "recvfrom",      "recvmsg",     "recvmmsg",
    "poll",        "ppoll",        "select",  "pselect6", "epoll_create", "epoll_create1", "epoll_ctl",   "epoll_wait",
    "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "pipe",         "pipe2"};

constexpr std::array kQuestions = {"getpid",  "gettid",    "getppid",   "getuid",    "geteuid",   "getgid",
                                   "getegid", "getresuid", "getresgid", "getgroups", "getrandom", "uname",
                                   "sysinfo", "getrusage", "getrlimit", "getpgrp",   "getsid",    "capget"};

struct Filter {
  explicit Filter(scmp_filter_ctx c) : context(c) {}
  ~Filter() { seccomp_release(context); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;
  scmp_filter_ctx context;
};

Error refused(const std::string& what, int error) {
  return make_error(
      Errc::kIo, "the system call filter could not be made (" + what + "): " + std::generic_category().message(-error));
}

// A call that this architecture has not got is no rule, and no error.
Status add(const Filter& filter, std::uint32_t action, const char* name,
           std::span<const scmp_arg_cmp> conditions = {}) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return {};
  const int error = seccomp_rule_add_array(filter.context, action, number, static_cast<unsigned>(conditions.size()),
                                           conditions.data());
  if (error != 0 && error != -EDOM) return refused(name, error);
  return {};
}

Status add_all(const Filter& filter, std::uint32_t action, std::span<const char* const> names) {
  for (const char* name : names) FK_CHECK(add(filter, action, name));
  return {};
}

Status allow_if(const Filter& filter, const char* name, scmp_arg_cmp condition) {
  return add(filter, SCMP_ACT_ALLOW, name, {&condition, 1});
}

scmp_arg_cmp argument_is(unsigned index, std::uint64_t value) {
  return scmp_arg_cmp{index, SCMP_CMP_EQ, value, 0};
}

scmp_arg_cmp masked_is(unsigned index, std::uint64_t mask, std::uint64_t value) {
  return scmp_arg_cmp{index, SCMP_CMP_MASKED_EQ, mask, value};
}

Status add_conditional_rules(const Filter& filter) {
  // Memory is never made executable: what runs was loaded before.
  for (const char* name : {"mmap", "mprotect", "pkey_mprotect"}) {
    FK_CHECK(allow_if(filter, name, masked_is(2, PROT_EXEC, 0)));
  }
  // Threads, not processes.
  FK_CHECK(allow_if(filter, "clone", masked_is(0, CLONE_THREAD, CLONE_THREAD)));
  FK_CHECK(add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3"));
  for (const auto family : {AF_UNIX, AF_INET, AF_INET6}) {
    FK_CHECK(allow_if(filter, "socket", argument_is(0, static_cast<std::uint64_t>(family))));
  }
  FK_CHECK(allow_if(filter, "socketpair", argument_is(0, AF_UNIX)));
  for (const std::uint64_t option : {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_VMA}) {
    FK_CHECK(allow_if(filter, "prctl", argument_is(0, option)));
  }
  // Reading one's own limits (glibc's getrlimit), not setting any.
  FK_CHECK(allow_if(filter, "prlimit64", argument_is(2, 0)));
  // Terminal and socket questions; RocksDB's file ids; usbfs (type 'U'), for modules that drive a USB token themselves.
  for (const std::uint64_t request :
       {std::uint64_t{TCGETS}, std::uint64_t{TIOCGWINSZ}, std::uint64_t{FIONREAD}, std::uint64_t{FIONBIO},
        std::uint64_t{FIOCLEX}, std::uint64_t{FS_IOC_GETVERSION}}) {
    FK_CHECK(allow_if(filter, "ioctl", argument_is(1, request)));
  }
  FK_CHECK(allow_if(filter, "ioctl", masked_is(1, 0xff00, std::uint64_t{'U'} << 8U)));
  // abort() and pthread_kill within this process.
  const auto self = static_cast<std::uint64_t>(getpid());
  for (const char* name : {"kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"}) {
    FK_CHECK(allow_if(filter, name, argument_is(0, self)));
  }
  return {};
}

}  // namespace

Status install_seccomp_filter() {
  if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == -1 && errno == EINVAL) {
    return make_error(Errc::kUnavailable, "this kernel has no seccomp",
                      "run facekeepd on a kernel with CONFIG_SECCOMP_FILTER, as Debian's is");
  }
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (filter.context == nullptr) return refused("init", -ENOMEM);
  if (const int error = seccomp_attr_set(filter.context, SCMP_FLTATR_CTL_TSYNC, 1); error != 0) {
    return refused("tsync", error);
  }
  // A binary search over the calls instead of a walk: the filter runs on every one of them.
  if (const int error = seccomp_attr_set(filter.context, SCMP_FLTATR_CTL_OPTIMIZE, 2); error != 0) {
    return refused("optimise", error);
  }
  FK_CHECK(add_all(filter, SCMP_ACT_KILL_PROCESS, kHostile));
  FK_CHECK(add_all(filter, SCMP_ACT_ALLOW, kFiles));
  FK_CHECK(add_all(filter, SCMP_ACT_ALLOW, kMemoryAndThreads));
  FK_CHECK(add_all(filter, SCMP_ACT_ALLOW, kTimeAndSignals));
  FK_CHECK(add_all(filter, SCMP_ACT_ALLOW, kNetwork));
  FK_CHECK(add_all(filter, SCMP_ACT_ALLOW, kQuestions));
  FK_CHECK(add_conditional_rules(filter));
  if (const int error = seccomp_load(filter.context); error != 0) return refused("load", error);
  return {};
}

}  // namespace facekeep::daemon
