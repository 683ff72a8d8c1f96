// The person at the terminal: questions, secrets without echo, and a screen that can be wiped.
//
// Secrets come from here or from a descriptor, never from arguments, the environment or a
// configuration file (design section 8).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/common/catalogue.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::tools {

inline constexpr std::size_t kMaxTyped = 4096;  // bytes of one answer

class Terminal {
 public:
  virtual ~Terminal() = default;

  // Not thread safe. Errors of all: kInvalidArgument if the person cancelled (^C, ^D), kTooLarge over
  // kMaxTyped bytes, kIo if the terminal went away. Prompts are shown as they are: escape what
  // strangers wrote.

  // One line without echo, without its line end.
  virtual Result<SecretBytes> read_secret(std::string_view prompt) = 0;
  // One line with echo.
  virtual Result<std::string> read_line(std::string_view prompt) = 0;
  virtual Status show(std::string_view text) = 0;
  // Shows secret bytes (a card's words) without a copy outside secret memory.
  virtual Status show_secret(ByteView text) = 0;
  // Clears the screen and what scrolled off it.
  virtual Status clear() = 0;

  // A yes/no question; an empty or unclear answer is no.
  Result<bool> confirm(Lang lang, std::string_view question);
  // Asks for a word to be typed (a vault's name, before something grave); false if it was another.
  Result<bool> confirm_typed(Lang lang, std::string_view word);
  // A new passphrase, asked for twice. kInvalidArgument if the two differ.
  Result<SecretBytes> read_new_passphrase(Lang lang);
};

// The controlling terminal, whatever stdin and stdout are. While something is asked, the signal keys are off, for a
// secret echo too; the settings are put back on every path. kIo if there is no terminal.
Result<std::unique_ptr<Terminal>> open_terminal(const std::string& path = "/dev/tty");

// A person played by a function: for tests and rehearsals.
class ScriptedTerminal final : public Terminal {
 public:
  // Answers a prompt; an Error plays a person who cancelled.
  using Answer = std::function<Result<SecretBytes>(std::string_view prompt)>;
  // Sees what is shown; `secret` for show_secret. May be empty.
  using Watch = std::function<void(ByteView text, bool secret)>;
  explicit ScriptedTerminal(Answer answer, Watch watch = {});

  // One answer for each prompt in turn; kFailedPrecondition when they run out, or when a prompt does
  // not contain its answer's `expect`.
  struct Line {
    std::string expect;
    SecretBytes text;
  };
  static Answer answers(std::vector<Line> lines);

  Result<SecretBytes> read_secret(std::string_view prompt) override;
  Result<std::string> read_line(std::string_view prompt) override;
  Status show(std::string_view text) override;
  Status show_secret(ByteView text) override;
  Status clear() override;
  [[nodiscard]] int times_cleared() const noexcept { return cleared_; }

 private:
  Answer answer_;
  Watch watch_;
  int cleared_ = 0;
};

// Everything that a descriptor gives, up to its end, without one trailing line end: `--pin-fd 3` and
// the like. kTooLarge over kMaxTyped, kIo.
Result<SecretBytes> read_secret_fd(int fd);

}  // namespace facekeep::tools
