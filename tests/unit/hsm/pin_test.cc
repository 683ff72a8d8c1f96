#include "hsm/pin.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::hsm;

namespace {

Result<SecretBytes> through_pipe(std::string_view text) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  REQUIRE(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(ends[1]);
  auto pin = read_pin_from_descriptor(ends[0]);
  close(ends[0]);
  return pin;
}

// Runs read_pin_from_terminal in a child whose terminal is ours, types `keys`, and returns what came
// on the screen; the child reports "pin:<PIN>" or "error" behind the reading, and whether echo is on again.
std::string screen_after(const std::string& keys) {
  int master = -1;
  const pid_t pid = forkpty(&master, nullptr, nullptr, nullptr);
  REQUIRE(pid >= 0);
  if (pid == 0) {
    auto pin = read_pin_from_terminal("PIN: ");
    termios now{};
    tcgetattr(0, &now);
    std::string report = (now.c_lflag & ECHO) != 0 ? "[echo]" : "[mute]";
    report += pin ? "pin:" + std::string(as_chars(pin->view())) : "error";
    report += ".\n";
    if (write(1, report.data(), report.size()) < 0) _exit(1);
    _exit(0);
  }
  std::string screen;
  bool typed = false;
  for (char buffer[256];;) {
    pollfd p{master, POLLIN, 0};
    if (poll(&p, 1, 10000) <= 0) break;
    const ssize_t n = read(master, buffer, sizeof buffer);
    if (n <= 0) break;
    screen.append(buffer, static_cast<std::size_t>(n));
    if (!typed && screen.find("PIN: ") != std::string::npos) {
      REQUIRE(write(master, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
      typed = true;
    }
  }
  close(master);
  waitpid(pid, nullptr, 0);
  return screen;
}

}  // namespace

TEST_CASE("a PIN comes from a descriptor without its line end") {
  for (const char* text : {"1234", "1234\n", "1234\r\n"}) {
    auto pin = through_pipe(text);
    REQUIRE(pin);
    CHECK(as_chars(pin->view()) == "1234");
  }
  const std::string longest(kMaxPin, '7');
  auto pin = through_pipe(longest + "\r\n");
  REQUIRE(pin);
  CHECK(pin->size() == kMaxPin);
}

TEST_CASE("a descriptor without exactly one line of PIN is refused") {
  for (const std::string& text : {std::string(), std::string("\n"), std::string("12\n34\n"), std::string("12\n\n"),
                                  std::string("1\0002", 3), std::string(kMaxPin + 1, '1'), std::string(5000, '1')}) {
    INFO(text.size());
    auto pin = through_pipe(text);
    REQUIRE_FALSE(pin);
    CHECK(pin.error().code == Errc::kInvalidArgument);
    CHECK(pin.error().message.find("12") == std::string::npos);
  }
  CHECK(read_pin_from_descriptor(-1).error().code == Errc::kIo);
}

TEST_CASE("a PIN comes from a systemd credential") {
  std::string dir = (std::filesystem::temp_directory_path() / "facekeep-cred-XXXXXX").string();
  REQUIRE(mkdtemp(dir.data()) != nullptr);
  std::ofstream(dir + "/pin") << "4711\n";
  setenv("CREDENTIALS_DIRECTORY", dir.c_str(), 1);
  auto pin = read_pin_from_credential("pin");
  REQUIRE(pin);
  CHECK(as_chars(pin->view()) == "4711");
  CHECK(read_pin_from_credential("absent").error().code == Errc::kNotFound);
  for (const char* bad : {"", ".", "..", "a/b", "../pin"}) {
    INFO(bad);
    CHECK(read_pin_from_credential(bad).error().code == Errc::kInvalidArgument);
  }
  unsetenv("CREDENTIALS_DIRECTORY");
  CHECK(read_pin_from_credential("pin").error().code == Errc::kNotFound);
  std::filesystem::remove_all(dir);
}

TEST_CASE("a PIN typed at the terminal is not echoed, and echo comes back") {
  const std::string screen = screen_after("58213x\x7f\r");
  CHECK(screen.find("[echo]pin:58213.") != std::string::npos);
  CHECK(screen.find("58213") == screen.rfind("58213"));  // the child's report alone
  CHECK(screen.find("PIN: 5") == std::string::npos);
}

TEST_CASE("Ctrl-C at the terminal cancels, and echo comes back") {
  CHECK(screen_after("58\x03").find("[echo]error.") != std::string::npos);
  CHECK(screen_after("\r").find("[echo]error.") != std::string::npos);
}
