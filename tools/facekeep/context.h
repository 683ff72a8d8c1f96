// What every command of `facekeep` gets: global options, streams, the person's terminal, and the way to
// the vault. One per run; one thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/http/cert.h"
#include "tools/common/client_memory.h"
#include "tools/common/files.h"
#include "tools/common/frame.h"
#include "tools/common/say.h"
#include "tools/common/terminal.h"
#include "tools/facekeep/notice.h"

namespace facekeep::tools {

struct Context : Frame {
  using Frame::Frame;

  std::string notice_path;  // --vault
  std::string key_path;     // --key
  std::string cert_path;    // --cert; empty: beside the key
  int passphrase_fd = -1;   // --passphrase-fd; -1: ask at the terminal
  std::string memory_path;  // tests: where checkpoints are remembered; empty: ClientMemory::of_user()
  std::chrono::milliseconds witness_wait{15'000};  // how long an unseal waits for a cosignature of a fresh start
  // Opens the person's terminal; tests put a scripted one here.
  std::function<Result<std::unique_ptr<Terminal>>()> open_person = [] { return open_terminal(); };

  // The terminal, opened at the first use. kIo if there is none.
  Result<Terminal*> terminal();
  // A passphrase for an existing key file, from --passphrase-fd or the terminal.
  http::PassphraseSource passphrase_for(std::string path);
  // The notice that --vault names. kInvalidArgument without the option.
  [[nodiscard]] Result<Notice> notice() const;
  [[nodiscard]] Result<ClientMemory> memory() const;

 private:
  std::unique_ptr<Terminal> terminal_;
};

}  // namespace facekeep::tools
