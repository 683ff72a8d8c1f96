#include "tools/facekeepd/seccomp_filter.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/facekeepd/child.h"

using namespace facekeep;
using daemon::install_seccomp_filter;
using test::ChildEnd;
using test::run_in_child;

namespace {

constexpr int kNotInstalled = 200;

// Runs `body` in a child under the filter.
ChildEnd under_filter(const std::function<int()>& body) {
  return run_in_child([&] { return install_seccomp_filter() ? body() : kNotInstalled; });
}

// 0 if the call failed with EPERM: the way in which the filter refuses.
int refused(long result) {
  return result == -1 && errno == EPERM ? 0 : 1;
}

}  // namespace

TEST_CASE("what only an attacker would call ends the process") {
  const auto parent = getpid();
  static char byte = 0;
  iovec here{&byte, 1};
  const std::vector<std::pair<const char*, std::function<int()>>> calls = {
      {"execve",
       [] {
         char* const none[] = {nullptr};
         execve("/bin/true", none, none);
         return 1;
       }},
      {"execveat", [] { return static_cast<int>(syscall(SYS_execveat, AT_FDCWD, "/bin/true", nullptr, nullptr, 0)); }},
      {"ptrace", [&] { return static_cast<int>(ptrace(PTRACE_ATTACH, parent, nullptr, nullptr)); }},
      {"process_vm_readv", [&] { return static_cast<int>(process_vm_readv(parent, &here, 1, &here, 1, 0)); }},
      {"process_vm_writev", [&] { return static_cast<int>(process_vm_writev(parent, &here, 1, &here, 1, 0)); }}};
  for (const auto& [name, call] : calls) {
    INFO(name);
    CHECK(under_filter(call).signal == SIGSYS);
  }
}

TEST_CASE("what a vault never needs is refused") {
  // Each of these gets past the kernel's own checks, or fails them with another error than EPERM, without the filter
  // and as root; those that need root are marked by what the kernel would say to bad arguments.
  const std::vector<std::pair<const char*, std::function<int()>>> calls = {
      {"fork", [] { return refused(fork()); }},
      {"vfork by clone", [] { return refused(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr)); }},
      {"kcmp", [] { return refused(syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0)); }},
      {"bpf", [] { return refused(syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, nullptr, 0)); }},
      {"perf_event_open", [] { return refused(syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0)); }},
      {"init_module", [] { return refused(syscall(SYS_init_module, nullptr, 0, "")); }},
      {"finit_module", [] { return refused(syscall(SYS_finit_module, -1, "", 0)); }},
      {"mount", [] { return refused(mount("none", "/nowhere", "tmpfs", 0, nullptr)); }},
      {"umount", [] { return refused(umount2("/nowhere", 0)); }},
      {"chroot", [] { return refused(chroot("/nowhere")); }},
      {"unshare", [] { return refused(unshare(CLONE_FILES)); }},
      {"setns", [] { return refused(syscall(SYS_setns, -1, 0)); }},
      {"keyctl", [] { return refused(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)); }},
      {"add_key", [] { return refused(syscall(SYS_add_key, "user", "x", "y", 1, KEY_SPEC_PROCESS_KEYRING)); }},
      {"userfaultfd", [] { return refused(syscall(SYS_userfaultfd, 0)); }},
      {"io_uring_setup", [] { return refused(syscall(SYS_io_uring_setup, 1, nullptr)); }},
      {"memfd_create", [] { return refused(syscall(SYS_memfd_create, "x", 0)); }},
      {"pidfd_open", [] { return refused(syscall(SYS_pidfd_open, getpid(), 0)); }},
      {"name_to_handle_at", [] { return refused(syscall(SYS_name_to_handle_at, AT_FDCWD, "/", nullptr, nullptr, 0)); }},
      {"clock_settime", [] { return refused(syscall(SYS_clock_settime, CLOCK_REALTIME, nullptr)); }},
      {"setuid", [] { return refused(syscall(SYS_setuid, geteuid())); }},
      {"personality", [] { return refused(syscall(SYS_personality, 0xffffffff)); }},
      {"chown", [] { return refused(syscall(SYS_chown, "/nowhere", -1, -1)); }},
      {"shmget", [] { return refused(syscall(SYS_shmget, 0, 4096, 0600)); }},
      {"a signal to another process", [] { return refused(kill(getppid(), 0)); }},
      {"a dumpable process again", [] { return refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }},
      {"a tracer", [] { return refused(prctl(PR_SET_PTRACER, 1, 0, 0, 0)); }},
      {"a limit",
       [] {
         rlimit limit{};
         if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
         return refused(setrlimit(RLIMIT_NOFILE, &limit));
       }},
      {"AF_NETLINK", [] { return refused(socket(AF_NETLINK, SOCK_RAW, 0)); }},
      {"AF_PACKET", [] { return refused(socket(AF_PACKET, SOCK_RAW, 0)); }},
      {"AF_ALG", [] { return refused(socket(AF_ALG, SOCK_SEQPACKET, 0)); }},
      {"TIOCSTI", [] { return refused(ioctl(0, TIOCSTI, "x")); }}};
  for (const auto& [name, call] : calls) {
    INFO(name);
    const auto end = under_filter(call);
    CHECK(end.exit_code == 0);
    CHECK(end.signal == 0);
  }
}

TEST_CASE("without the filter such calls work, so their refusal is the filter's") {
  const auto end = run_in_child([] {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0) return 1;
    if (syscall(SYS_memfd_create, "x", 0) < 0) return 2;
    if (syscall(SYS_pidfd_open, getpid(), 0) < 0) return 3;
    if (socket(AF_NETLINK, SOCK_RAW, 0) < 0) return 4;
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return 5;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, flags, -1, 0) != MAP_FAILED ? 0 : 6;
  });
  CHECK(end.exit_code == 0);
}

TEST_CASE("no memory becomes executable") {
  const auto end = under_filter([] {
    constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    if (mmap(nullptr, 4096, PROT_READ | PROT_EXEC, kAnonymous, -1, 0) != MAP_FAILED || errno != EPERM) return 1;
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, kAnonymous, -1, 0);
    if (page == MAP_FAILED) return 2;
    if (mprotect(page, 4096, PROT_READ) != 0) return 3;
    if (mprotect(page, 4096, PROT_READ | PROT_EXEC) != -1 || errno != EPERM) return 4;
    return dlopen("libzbar.so.0", RTLD_NOW) == nullptr ? 0 : 5;
  });
  CHECK(end.exit_code == 0);
}

TEST_CASE("files, threads, sockets and aborts still work under the filter") {
  const auto end = under_filter([] {
    char name[] = "/tmp/facekeep-filter-XXXXXX";
    const int file = mkstemp(name);
    if (file < 0 || write(file, "x", 1) != 1 || fsync(file) != 0 || ftruncate(file, 0) != 0) return 1;
    if (unlink(name) != 0) return 2;
    std::atomic<int> ran = 0;
    std::thread([&] { ran = 1; }).join();
    if (ran != 1) return 3;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener, generic, size) != 0 || listen(listener, 1) != 0) return 4;
    if (getsockname(listener, generic, &size) != 0) return 5;
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client, generic, size) != 0) return 6;
    if (accept4(listener, nullptr, nullptr, SOCK_CLOEXEC) < 0) return 7;
    if (socket(AF_INET6, SOCK_STREAM, 0) < 0 && errno == EPERM) return 8;
    rlimit limit{};
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : 9;
  });
  CHECK(end.exit_code == 0);
  // An assertion must still end the process as itself.
  CHECK(under_filter([]() -> int { std::abort(); }).signal == SIGABRT);
}

TEST_CASE("the filter binds threads that were running before it") {
  const auto end = run_in_child([] {
    std::atomic<int> go = 0;
    int result = 1;
    std::thread early([&] {
      while (go == 0) std::this_thread::yield();
      result = refused(syscall(SYS_memfd_create, "x", 0));
    });
    const bool installed = install_seccomp_filter().has_value();
    go = 1;
    early.join();
    return installed ? result : kNotInstalled;
  });
  CHECK(end.exit_code == 0);
}
