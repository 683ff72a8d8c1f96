// The frame around the commands: global options, one command, its outcome as text and exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <span>

#include "tools/facekeep/context.h"

namespace facekeep::tools {

using AddCommand = void (*)(CLI::App& app, Context& context);

// Parses, runs the command, reports to context.out and context.err. Returns the exit code: 0 done (or
// help shown), 1 the caller's mistake, 2 the vault refused or failed.
int run_program(std::span<const AddCommand> commands, int argc, const char* const* argv, Context& context);

}  // namespace facekeep::tools
