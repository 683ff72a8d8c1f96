#include "tools/common/terminal.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace facekeep::tools {
namespace {

constexpr std::uint8_t kInterrupt = 0x03, kEndOfInput = 0x04, kBackspace = 0x08, kEraseLine = 0x15, kQuit = 0x1c,
                       kDelete = 0x7f;
// Home, erase the screen, erase the scrollback (xterm's extension of ECMA-48 ED).
constexpr std::string_view kClear = "\x1b[H\x1b[2J\x1b[3J";

Error cancelled() {
  return make_error(Errc::kInvalidArgument, "cancelled at the terminal");
}
Error io_error(const char* what) {
  return make_error(Errc::kIo, std::string(what) + ": " + std::strerror(errno));
}

Status write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return io_error("the terminal does not take output");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

// 1 byte, or nothing at the end of input.
Result<std::optional<std::uint8_t>> read_byte(int fd) {
  std::uint8_t c = 0;
  for (;;) {
    const ssize_t n = ::read(fd, &c, 1);
    if (n == 1) return std::optional<std::uint8_t>(c);
    if (n == 0) return std::optional<std::uint8_t>();
    if (errno != EINTR) return io_error("the terminal can't be read");
  }
}

// Signal keys arrive as bytes while a person is asked, so that none ends the process before it has cleaned up.
enum class Typing : std::uint8_t {
  kSecret,  // without echo and byte by byte, so that the kernel keeps no line of it
  kLine,    // with echo, edited by the kernel; ^C and ^\ end the line at once
};

class Asking {
 public:
  Asking(int fd, Typing typing) : fd_(fd), when_(typing == Typing::kSecret ? TCSAFLUSH : TCSADRAIN) {
    ok_ = tcgetattr(fd, &saved_) == 0;
    termios now = saved_;
    now.c_lflag &= ~static_cast<tcflag_t>(ISIG);
    if (typing == Typing::kSecret) {
      now.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON);
      now.c_cc[VMIN] = 1;
      now.c_cc[VTIME] = 0;
    } else {
      now.c_cc[VEOL] = kInterrupt;
      now.c_cc[VEOL2] = kQuit;
    }
    ok_ = ok_ && tcsetattr(fd, when_, &now) == 0;
  }
  ~Asking() {
    if (ok_) tcsetattr(fd_, when_, &saved_);
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  int fd_;
  int when_;
  bool ok_;
  termios saved_{};
};

// Drops the last character, all bytes of it.
std::size_t without_last(ByteView text) {
  std::size_t n = text.size();
  while (n > 0 && (text[n - 1] & 0xc0) == 0x80) --n;
  return n > 0 ? n - 1 : 0;
}

Result<SecretBytes> read_quietly(int fd) {
  SecretBytes text(kMaxTyped);
  std::size_t size = 0;
  bool overflow = false;
  for (;;) {
    FK_TRY(const auto byte, read_byte(fd));
    if (!byte || *byte == kInterrupt || *byte == kQuit || (*byte == kEndOfInput && size == 0)) return cancelled();
    if (*byte == '\n' || *byte == '\r') break;
    if (*byte == kBackspace || *byte == kDelete) {
      size = without_last(text.view().first(size));
    } else if (*byte == kEraseLine) {
      size = 0;
    } else if (*byte >= 0x20) {
      overflow = overflow || size == kMaxTyped;
      if (!overflow) text.mutable_view()[size++] = *byte;
    }
  }
  if (overflow) return make_error(Errc::kTooLarge, "the answer is over 4096 bytes");
  text.shrink(size);
  return text;
}

bool is_yes(std::string_view answer) {
  static constexpr std::array<std::string_view, 6> kYes = {"y", "Y", "yes", "Yes", "YES", "是"};
  return std::find(kYes.begin(), kYes.end(), answer) != kYes.end();
}

class TtyTerminal final : public Terminal {
 public:
  explicit TtyTerminal(int fd) : fd_(fd) {}
  ~TtyTerminal() override { ::close(fd_); }
  TtyTerminal(const TtyTerminal&) = delete;
  TtyTerminal& operator=(const TtyTerminal&) = delete;

  Result<SecretBytes> read_secret(std::string_view prompt) override {
    Result<SecretBytes> text = make_error(Errc::kIo, "the terminal's echo can't be switched off");
    {
      const Asking quiet(fd_, Typing::kSecret);
      if (!quiet.ok()) return text;
      FK_CHECK(ask(prompt));
      text = read_quietly(fd_);
    }
    FK_CHECK(show("\n"));
    return text;
  }

  Result<std::string> read_line(std::string_view prompt) override {
    const Asking aloud(fd_, Typing::kLine);
    if (!aloud.ok()) return make_error(Errc::kIo, "the terminal can't be set up for a question");
    FK_CHECK(ask(prompt));
    std::string text;
    for (;;) {
      FK_TRY(const auto byte, read_byte(fd_));
      if (!byte || *byte == kInterrupt || *byte == kQuit) return cancelled();
      if (*byte == '\n') return text;
      if (text.size() == kMaxTyped) return make_error(Errc::kTooLarge, "the answer is over 4096 bytes");
      text += static_cast<char>(*byte);
    }
  }

  Status show(std::string_view text) override { return write_all(fd_, as_bytes(text)); }
  Status show_secret(ByteView text) override { return write_all(fd_, text); }
  Status clear() override { return write_all(fd_, as_bytes(kClear)); }

 private:
  Status ask(std::string_view prompt) {
    FK_CHECK(show(prompt));
    return show(" ");
  }
  int fd_;
};

}  // namespace

Result<bool> Terminal::confirm(Lang lang, std::string_view question) {
  std::string prompt(question);
  prompt.append(" ").append(format_message(lang, Msg::kConfirmSuffix));
  FK_TRY(const std::string answer, read_line(prompt));
  return is_yes(answer);
}

Result<bool> Terminal::confirm_typed(Lang lang, std::string_view word) {
  FK_TRY(const std::string answer, read_line(format_message(lang, Msg::kConfirmType, {word})));
  return answer == word;
}

Result<SecretBytes> Terminal::read_new_passphrase(Lang lang) {
  FK_TRY(SecretBytes first, read_secret(format_message(lang, Msg::kEnterPassphrase)));
  FK_TRY(const SecretBytes second, read_secret(format_message(lang, Msg::kEnterPassphraseAgain)));
  if (!constant_time_equal(first.view(), second.view())) {
    return make_error(Errc::kInvalidArgument, format_message(lang, Msg::kPassphrasesDiffer));
  }
  return first;
}

Result<std::unique_ptr<Terminal>> open_terminal(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0 || ::isatty(fd) != 1) {
    if (fd >= 0) ::close(fd);
    return make_error(Errc::kIo, "there is no terminal to ask at",
                      "run it in a terminal, or give secrets by descriptor");
  }
  return std::unique_ptr<Terminal>(new TtyTerminal(fd));
}

ScriptedTerminal::ScriptedTerminal(Answer answer, Watch watch) : answer_(std::move(answer)), watch_(std::move(watch)) {}

ScriptedTerminal::Answer ScriptedTerminal::answers(std::vector<Line> lines) {
  // std::function must be copyable, so the move-only lines are shared.
  auto rest = std::make_shared<std::vector<Line>>(std::move(lines));
  std::reverse(rest->begin(), rest->end());
  return [rest](std::string_view prompt) -> Result<SecretBytes> {
    if (rest->empty()) {
      return make_error(Errc::kFailedPrecondition, "the script has no answer left for: " + std::string(prompt));
    }
    Line& line = rest->back();
    if (prompt.find(line.expect) == std::string_view::npos) {
      return make_error(Errc::kFailedPrecondition,
                        "the script expects a prompt with \"" + line.expect + "\", not: " + std::string(prompt));
    }
    SecretBytes text = std::move(line.text);
    rest->pop_back();
    return text;
  };
}

Result<SecretBytes> ScriptedTerminal::read_secret(std::string_view prompt) {
  FK_CHECK(show(prompt));
  return answer_(prompt);
}

Result<std::string> ScriptedTerminal::read_line(std::string_view prompt) {
  FK_CHECK(show(prompt));
  FK_TRY(const SecretBytes text, answer_(prompt));
  return std::string(as_chars(text.view()));
}

Status ScriptedTerminal::show(std::string_view text) {
  if (watch_) watch_(as_bytes(text), false);
  return {};
}

Status ScriptedTerminal::show_secret(ByteView text) {
  if (watch_) watch_(text, true);
  return {};
}

Status ScriptedTerminal::clear() {
  ++cleared_;
  return {};
}

Result<SecretBytes> read_secret_fd(int fd) {
  SecretBytes text(kMaxTyped + 2);  // a line end, and one byte to notice more
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("the descriptor can't be read");
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > 0 && text.view()[size - 1] == '\n') --size;
  if (size > 0 && text.view()[size - 1] == '\r') --size;
  if (size > kMaxTyped) return make_error(Errc::kTooLarge, "the secret is over 4096 bytes");
  text.shrink(size);
  return text;
}

}  // namespace facekeep::tools
