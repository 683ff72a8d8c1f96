// What every command of `facekeep` gets: global options, streams, the person's terminal, and the way to
// the vault. One per run; one thread.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "api/http/cert.h"
#include "tools/common/catalogue.h"
#include "tools/common/client_memory.h"
#include "tools/common/output.h"
#include "tools/common/terminal.h"
#include "tools/facekeep/notice.h"

namespace facekeep::tools {

struct Context {
  Context(std::ostream& out_stream, std::ostream& err_stream) : out(out_stream), err(err_stream) {}

  std::ostream& out;
  std::ostream& err;
  Lang lang = Lang::kEnglish;
  bool json = false;
  std::string notice_path;  // --vault
  std::string key_path;     // --key
  std::string cert_path;    // --cert; empty: beside the key
  int passphrase_fd = -1;   // --passphrase-fd; -1: ask at the terminal
  bool err_is_tty = false;  // draws progress bars
  std::string memory_path;  // tests: where checkpoints are remembered; empty: ClientMemory::of_user()
  // Opens the person's terminal; tests put a scripted one here.
  std::function<Result<std::unique_ptr<Terminal>>()> open_person = [] { return open_terminal(); };

  using Command = std::function<Status(Reporter&)>;
  // Called by the subcommand that was parsed: what to do once parsing is over.
  void run(Command todo) { command_ = std::move(todo); }
  [[nodiscard]] const Command& command() const { return command_; }

  [[nodiscard]] std::string text(Msg id, std::initializer_list<std::string_view> args = {}) const {
    return format_message(lang, id, args);
  }
  // The terminal, opened at the first use. kIo if there is none.
  Result<Terminal*> terminal();
  // A passphrase for an existing key file, from --passphrase-fd or the terminal.
  http::PassphraseSource passphrase_for(std::string path);
  // The notice that --vault names. kInvalidArgument without the option.
  [[nodiscard]] Result<Notice> notice() const;
  [[nodiscard]] Result<ClientMemory> memory() const;

 private:
  std::unique_ptr<Terminal> terminal_;
  Command command_;
};

// The language of this run, for errors that are made far from a Context. English until set.
void set_error_lang(Lang lang);
Lang error_lang();

// An Error whose sentences come from the catalogue, in the language of this run. `problem` is its
// stable name (a literal).
Error say_error(Errc code, const char* problem, Msg message, Msg hint,
                std::initializer_list<std::string_view> args = {});

// A whole file as text. kNotFound, kIo, kTooLarge.
Result<std::string> load_text(const std::string& path, std::size_t max_bytes = 1 << 20);
// A new file of this mode. kAlreadyExists if there is one, kIo, kOutOfSpace.
Status save_text(const std::string& path, std::string_view text, unsigned mode = 0644);

}  // namespace facekeep::tools
