// The daemon: opens the vault's files, its token and its service, and serves until it is told to stop.
#pragma once

#include <optional>
#include <string>

#include "tools/facekeepd/config.h"
#include "tools/facekeepd/loaded.h"

namespace facekeep::daemon {

struct RunOptions {
  std::optional<int> pin_fd;    // before what the configuration says
  std::optional<int> ready_fd;  // told once the daemon serves
  std::string ready_file;       // likewise; may be empty
};

// Exit codes of the process.
inline constexpr int kExitStopped = 0;  // asked to stop; the vault is sealed
inline constexpr int kExitMistake = 1;  // configuration, PIN, another vault's token: a restart won't help
inline constexpr int kExitFailed = 2;   // the machine, the store or the token failed at the start
inline constexpr int kExitHalted = 3;   // the vault halted: start again, recovery runs first

// The files that are the program of a start event (loaded.h), with the configuration's PKCS#11 module.
// kFailedPrecondition if the loader was told to add libraries.
Result<std::vector<LoadedFile>> what_runs(const Config& config);

// Order: digest of the program, hardening, secret heap, store, token (refused unless it is the one of genesis), server
// key (likewise), service (recovery; the vault is sealed), listeners, system call filter, then requests. SIGTERM and
// SIGINT end it: no new connections, answers in hand go out, the vault is sealed. Call from main(), before any thread.
// Returns the exit code; a fatal halt ends the process from within.
int run_daemon(const Config& config, const RunOptions& options);

// The exit code that an error at the start deserves.
int exit_code(const Error& error);

}  // namespace facekeep::daemon
