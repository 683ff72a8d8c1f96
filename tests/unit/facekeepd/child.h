// Runs a function in a forked child, because what hardening takes away does not come back.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace facekeep::test {

struct ChildEnd {
  int exit_code = -1;  // of a child that ended itself
  int signal = 0;      // that ended it
};

// The child ends with the function's value (0 to 255) as exit code, past every destructor and atexit handler.
template <class Function>
ChildEnd run_in_child(Function&& function) {
  const pid_t child = fork();
  if (child == 0) {
    // The test program's handlers would report the child's end as the parent's.
    for (const int signal : {SIGABRT, SIGSEGV, SIGILL, SIGFPE, SIGTERM}) std::signal(signal, SIG_DFL);
    _exit(std::forward<Function>(function)());
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return {};
  if (WIFSIGNALED(status)) return {-1, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

}  // namespace facekeep::test
