// The daemon's system call filter: after start-up, what a vault never needs is gone.
//
// An allow-list (the lists are in the .cc, each with its reason): files, memory, threads, clocks, and sockets of the
// families UNIX, INET and INET6. Everything else answers EPERM, clone3 answers ENOSYS (so that the C library falls
// back to clone, whose flags can be looked at), and what only an attacker in the process would call ends it with
// SIGSYS: execve, ptrace, process_vm_readv and process_vm_writev.
//
// What follows for the daemon, once installed: no new process (only threads), no new code (no executable mapping, so
// no dlopen: token modules are loaded before), no raised limit, no dumpable flag, no signal to another process.
// A crashed token module can be finalised and initialised again, not loaded again.
//
// A build with the leak sanitizer can't use it: that forks and traces itself at the end.
// Sources: seccomp(2), seccomp_rule_add(3), the kernel's seccomp_filter.rst.
#pragma once

#include "vault/base/result.h"

namespace facekeep::daemon {

// Installs the filter for all threads of the process (SECCOMP_FILTER_FLAG_TSYNC), for ever. Sets PR_SET_NO_NEW_PRIVS.
// Call once, after start-up and before the first request. kUnavailable if the kernel has no seccomp, kIo if it
// refuses; nothing is filtered then, and the daemon should not go on.
Status install_seccomp_filter();

}  // namespace facekeep::daemon
