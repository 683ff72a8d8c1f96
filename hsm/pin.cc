#include "hsm/pin.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace facekeep::hsm {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Error io_error(const std::string& what) {
  return make_error(Errc::kIo, what + ": " + std::generic_category().message(errno));
}

// Reads one byte. 1: read; 0: the end; -1: an error.
ssize_t read_byte(int fd, std::uint8_t* byte) {
  ssize_t n = -1;
  do n = read(fd, byte, 1);
  while (n < 0 && errno == EINTR);
  return n;
}

Result<SecretBytes> checked(SecretBytes pin) {
  const ByteView v = pin.view();
  if (v.empty()) return make_error(Errc::kInvalidArgument, "the PIN is empty");
  if (std::any_of(v.begin(), v.end(), [](std::uint8_t c) { return c == '\n' || c == '\r' || c == 0; })) {
    return make_error(Errc::kInvalidArgument, "the PIN has a line end or a zero byte in it",
                      "give one line, the PIN alone");
  }
  return pin;
}

Error too_long() {
  return make_error(Errc::kInvalidArgument, "the PIN is longer than 255 bytes");
}

// Turns echo, line editing and signals off while it lives. Without signals nothing can kill the
// process and leave the terminal mute.
class MuteTerminal {
 public:
  explicit MuteTerminal(int fd) : fd_(fd) {
    if (tcgetattr(fd, &saved_) != 0) return;
    termios raw = saved_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    ok_ = tcsetattr(fd, TCSAFLUSH, &raw) == 0;
  }
  ~MuteTerminal() {
    if (ok_) tcsetattr(fd_, TCSAFLUSH, &saved_);
  }
  MuteTerminal(const MuteTerminal&) = delete;
  MuteTerminal& operator=(const MuteTerminal&) = delete;
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  int fd_;
  bool ok_ = false;
  termios saved_{};
};

void show(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

Result<SecretBytes> type_in(int fd) {
  constexpr std::uint8_t kCtrlC = 3, kCtrlD = 4, kBackspace = 8, kCtrlU = 21, kDelete = 127;
  SecretBytes pin(kMaxPin);
  std::size_t size = 0;
  for (;;) {
    std::uint8_t c = 0;
    const ssize_t n = read_byte(fd, &c);
    if (n < 0) return io_error("can't read from the terminal");
    if (n == 0 || c == kCtrlC || c == kCtrlD) return make_error(Errc::kUnavailable, "the PIN was not entered");
    if (c == '\n' || c == '\r') break;
    if (c == kBackspace || c == kDelete) {
      if (size > 0) --size;
    } else if (c == kCtrlU) {
      size = 0;
    } else if (size == kMaxPin) {
      return too_long();
    } else {
      pin.mutable_view()[size++] = c;
    }
  }
  pin.shrink(size);
  return checked(std::move(pin));
}

}  // namespace

Result<SecretBytes> read_pin_from_descriptor(int fd) {
  SecretBytes pin(kMaxPin + 3);  // a line end, and one byte to see that there is too much
  std::size_t size = 0;
  while (size < pin.size()) {
    const ssize_t n = read(fd, pin.data() + size, pin.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("can't read the PIN from descriptor " + std::to_string(fd));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size == pin.size()) return too_long();
  pin.shrink(size);
  if (size > 0 && pin.view()[size - 1] == '\n') pin.shrink(--size);
  if (size > 0 && pin.view()[size - 1] == '\r') pin.shrink(--size);
  if (size > kMaxPin) return too_long();
  return checked(std::move(pin));
}

Result<SecretBytes> read_pin_from_credential(std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos) {
    return make_error(Errc::kInvalidArgument, "a systemd credential's name is a file name without a slash");
  }
  const char* dir = std::getenv("CREDENTIALS_DIRECTORY");
  if (dir == nullptr || *dir != '/') {
    return make_error(Errc::kNotFound, "there is no credentials directory",
                      "run under systemd with LoadCredential=" + std::string(name) + ":/path");
  }
  const std::string path = std::string(dir) + "/" + std::string(name);
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0) {
    if (errno != ENOENT) return io_error("can't open the credential " + std::string(name));
    return make_error(Errc::kNotFound, "there is no systemd credential " + std::string(name),
                      "add LoadCredential=" + std::string(name) + ":/path to the unit");
  }
  return read_pin_from_descriptor(file.get());
}

Result<SecretBytes> read_pin_from_terminal(std::string_view prompt) {
  const Descriptor tty(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (tty.get() < 0) {
    return make_error(Errc::kNotFound, "there is no terminal to ask for the PIN",
                      "give a descriptor or a systemd credential instead");
  }
  const MuteTerminal mute(tty.get());
  if (!mute.ok()) return io_error("can't turn the terminal's echo off");
  show(tty.get(), prompt);
  auto pin = type_in(tty.get());
  show(tty.get(), "\n");
  return pin;
}

}  // namespace facekeep::hsm
