// How the commands that need the token itself reach it: its URI, its module and its PIN.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "hsm/session_pool.h"
#include "tools/facekeep/context.h"

namespace facekeep::tools {

struct TokenAccess {
  std::string uri;
  std::string module;    // where the URI names none
  std::string pin_file;  // used if pin_fd is negative; empty: the terminal is asked
  int pin_fd = -1;
};

// Declares --module, --pin-fd, --pin-file and the URI under the name that the command gives it. `access` must outlive
// the parsing.
void add_token_options(CLI::App& command, const Context& context, const std::string& uri_option, TokenAccess& access);

// Reads the PIN, then opens the token with one try of it.
Result<std::shared_ptr<hsm::SessionPool>> open_token(const TokenAccess& access);

}  // namespace facekeep::tools
