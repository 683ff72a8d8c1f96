// The process that gets killed: opens the vault, checks every promise, then works until it dies.
#pragma once

#include <string>

#include "tests/fault/crash_model.h"
#include "tests/fault/vault_kit.h"

namespace facekeep::test {

struct CrashPlan {
  unsigned round = 0;
  std::string point;            // kill -9 by itself at this commit point; empty: it waits to be killed
  unsigned passing = 1;         // at which passing of it
  bool from_the_start = false;  // counted from the process's start, not from the work's
  bool finish = false;          // check everything, seal and end well
};

// Never returns. Writes lines (crash_model.h) to `out`; "ready" once the promises are checked.
[[noreturn]] void run_crash_vault(const VaultKit& kit, TestClock& clock, const Promises& promises,
                                  const CrashPlan& plan, int out);

}  // namespace facekeep::test
