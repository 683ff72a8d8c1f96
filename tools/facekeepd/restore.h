// `facekeepd restore`: puts a vault back from backups and an auditor's mirror, beside its own token.
#pragma once

#include <string>
#include <vector>

#include "tools/facekeepd/daemon.h"

namespace facekeep::daemon {

struct RestoreOptions {
  std::vector<std::string> backups;  // the whole one first
  std::string mirror;
  std::vector<std::string> checkpoints;      // files
  std::vector<std::string> without_witness;  // names
  bool accept_loss = false;  // the mirror is then asked for the log's handovers alone, and may be missing
  bool token_lost = false;   // no token is asked; `recover` has to follow
  bool json = false;
};

// Asks the token for its anchor (its PIN is read as for a start), restores into the configuration's data_dir, and
// prints what came of it. Returns the exit code.
int run_restore(const Config& config, const RunOptions& options, const RestoreOptions& restore);

}  // namespace facekeep::daemon
