// The frame around the commands of a program: global options, one command, its outcome as text and exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>

#include "tools/common/catalogue.h"
#include "tools/common/output.h"

namespace facekeep::tools {

// What every command of every program gets. One per run; one thread.
struct Frame {
  Frame(std::ostream& out_stream, std::ostream& err_stream) : out(out_stream), err(err_stream) {}

  std::ostream& out;
  std::ostream& err;
  Lang lang = Lang::kEnglish;
  bool json = false;
  bool err_is_tty = false;  // draws progress bars

  using Command = std::function<Status(Reporter&)>;
  // Called by the subcommand that was parsed: what to do once parsing is over.
  void run(Command todo) { command_ = std::move(todo); }
  [[nodiscard]] const Command& command() const { return command_; }

  [[nodiscard]] std::string text(Msg id, std::initializer_list<std::string_view> args = {}) const {
    return format_message(lang, id, args);
  }

 private:
  Command command_;
};

struct ProgramName {
  const char* name;     // "facekeep"
  const char* version;  // "0.1.0"
  Msg about;
};

// Adds a program's own global options and its commands.
using Declare = std::function<void(CLI::App& app)>;

// Parses, runs the command, reports to frame.out and frame.err. Returns the exit code: 0 done (or help shown), 1 the
// caller's mistake, 2 refused or failed.
int run_framed(const ProgramName& program, const Declare& declare, int argc, const char* const* argv, Frame& frame);

}  // namespace facekeep::tools
