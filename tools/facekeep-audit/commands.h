// The commands of `facekeep-audit`: one file each. `add` declares a command's options and sets Frame::run when it is
// the one that was asked for.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/common/frame.h"

namespace facekeep::tools {

void add_fetch(CLI::App& app, Frame& frame);
void add_replay(CLI::App& app, Frame& frame);
void add_proof(CLI::App& app, Frame& frame);
void add_report(CLI::App& app, Frame& frame);
void add_watch(CLI::App& app, Frame& frame);
void add_witness_key(CLI::App& app, Frame& frame);

// All of them, in the order of the help. Returns the exit code.
int run_audit_program(int argc, const char* const* argv, Frame& frame);

}  // namespace facekeep::tools
