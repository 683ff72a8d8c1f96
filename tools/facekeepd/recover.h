// `facekeepd recover`: the main token is lost, stolen or broken, and a new, empty one takes its place. In two steps: a
// statement for the custodians, then the entry that they signed for. vault/token_recovery.h says what it does.
#pragma once

#include <string>
#include <vector>

#include "tools/facekeepd/config.h"
#include "tools/facekeepd/daemon.h"

namespace facekeep::daemon {

struct RecoverOptions {
  std::string kind = "lost";  // "lost", "stolen", "broken"; "restored": behind a restore that accepted a loss
  std::string origin;         // of "restored": the log's name from then on; empty: the name before, and a number
  // The newest checkpoints that anybody has (files), or the word that nobody has one. The token's anchor is gone with
  // it: without them an older disk would be believed.
  std::vector<std::string> newest;
  bool no_newest = false;
  bool accept_loss = false;   // behind a restore that ended the log where the backup does; `newest` says what is lost
  std::string statement_out;  // step 1
  std::string statement;      // step 2
  std::vector<std::string> signatures;  // files, armored SSHSIG
  bool json = false;
};

// Opens the token that the configuration names now (its PIN is read as for a start). A token that has this vault's keys
// is not lost, and is refused; so is the spare. Returns the exit code. Any step can be repeated after a crash.
int run_recover(const Config& config, const RunOptions& options, const RecoverOptions& recover);

}  // namespace facekeep::daemon
