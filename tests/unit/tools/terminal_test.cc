#include "tools/common/terminal.h"

#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <thread>

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

// A pseudo terminal: the test plays the person at the other end.
struct Pty {
  int person = -1;
  int child = -1;
  std::string path;
  Pty() {
    char name[128] = {};
    REQUIRE(openpty(&person, &child, name, nullptr, nullptr) == 0);
    path = name;
  }
  ~Pty() {
    ::close(person);
    ::close(child);
  }
  // Waits until the screen shows `text`, then types. Returns what was on the screen.
  std::string wait_and_type(const std::string& text, const std::string& keys) const {
    std::string screen;
    char c = 0;
    while (screen.find(text) == std::string::npos && ::read(person, &c, 1) == 1) screen += c;
    const auto n = ::write(person, keys.data(), keys.size());
    return n == static_cast<ssize_t>(keys.size()) ? screen : std::string("short write");
  }
  [[nodiscard]] bool echoes() const {
    termios t{};
    return tcgetattr(child, &t) == 0 && (t.c_lflag & ECHO) != 0 && (t.c_lflag & ICANON) != 0;
  }
};

Result<SecretBytes> typed(const std::string& keys, std::string* screen = nullptr) {
  const Pty pty;
  auto terminal = open_terminal(pty.path);
  REQUIRE(terminal);
  std::thread person([&] { pty.wait_and_type("PIN: ", keys); });
  auto secret = (*terminal)->read_secret("PIN:");
  person.join();
  CHECK(pty.echoes());
  if (screen != nullptr) {
    REQUIRE((*terminal)->show("END"));
    *screen = pty.wait_and_type("END", "");
  }
  return secret;
}

std::string text_of(const Result<SecretBytes>& secret) {
  return secret ? std::string(as_chars(secret->view())) : "error: " + secret.error().message;
}

}  // namespace

TEST_CASE("a secret is read without echo and the echo comes back") {
  std::string screen;
  CHECK(text_of(typed("correct horse\n", &screen)) == "correct horse");
  CHECK(screen.find("horse") == std::string::npos);
}

TEST_CASE("a secret can be corrected while it is typed") {
  CHECK(text_of(typed("abx\x7f"
                      "c\r")) == "abc");
  CHECK(text_of(typed("你好\x7f\n")) == "你");
  CHECK(text_of(typed("\x7f\x7fz\n")) == "z");
  CHECK(text_of(typed("wrong\x15right\n")) == "right");
  CHECK(text_of(typed("\n")).empty());
}

TEST_CASE("^C and ^D cancel and the echo comes back") {
  CHECK(typed("ab\x03").error().code == Errc::kInvalidArgument);
  CHECK(typed("\x04").error().code == Errc::kInvalidArgument);
  CHECK(text_of(typed("a\x04"
                      "b\n")) == "ab");
}

TEST_CASE("an endless secret is refused") {
  CHECK(typed(std::string(kMaxTyped + 1, 'x') + "\n").error().code == Errc::kTooLarge);
}

TEST_CASE("what is not a terminal is refused") {
  CHECK(open_terminal("/dev/null").error().code == Errc::kIo);
  CHECK(open_terminal("/nonexistent").error().code == Errc::kIo);
}

TEST_CASE("lines are read with echo, and clear wipes the scrollback too") {
  const Pty pty;
  auto terminal = open_terminal(pty.path);
  REQUIRE(terminal);
  std::thread person([&] { pty.wait_and_type("name: ", "tower\n"); });
  const auto line = (*terminal)->read_line("name:");
  person.join();
  REQUIRE(line);
  CHECK(*line == "tower");
  REQUIRE((*terminal)->clear());
  CHECK(pty.wait_and_type("\x1b[3J", "").find("\x1b[2J") != std::string::npos);
}

TEST_CASE("^C and ^\\ cancel a question at once, as an error and not as a signal") {
  for (const std::string keys : {"\x03", "tow\x03", "\x1c", "\x04"}) {
    const Pty pty;
    auto terminal = open_terminal(pty.path);
    REQUIRE(terminal);
    std::thread person([&] { pty.wait_and_type("name: ", keys); });
    const auto line = (*terminal)->read_line("name:");
    person.join();
    CHECK(line.error().code == Errc::kInvalidArgument);
    CHECK(pty.echoes());
    // The next question starts afresh.
    std::thread again([&] { pty.wait_and_type("name: ", "tower\n"); });
    CHECK(*(*terminal)->read_line("name:") == "tower");
    again.join();
  }
}

TEST_CASE("a scripted person answers prompts in turn") {
  std::vector<ScriptedTerminal::Line> lines;
  lines.push_back({"Name", SecretBytes::copy_of(as_bytes("tower"))});
  lines.push_back({"PIN", SecretBytes::copy_of(as_bytes("1234"))});
  std::string seen;
  ScriptedTerminal terminal(ScriptedTerminal::answers(std::move(lines)),
                            [&](ByteView text, bool secret) { seen += secret ? "***" : std::string(as_chars(text)); });
  CHECK(*terminal.read_line("Name:") == "tower");
  CHECK(terminal.read_secret("Other:").error().code == Errc::kFailedPrecondition);
  CHECK(text_of(terminal.read_secret("PIN:")) == "1234");
  CHECK(terminal.read_line("More:").error().code == Errc::kFailedPrecondition);
  REQUIRE(terminal.show_secret(as_bytes("acid acne")));
  REQUIRE(terminal.clear());
  CHECK(terminal.times_cleared() == 1);
  CHECK(seen == "Name:Other:PIN:More:***");
}

TEST_CASE("only a clear yes is a yes") {
  const auto says = [](const char* answer) {
    ScriptedTerminal terminal([answer](std::string_view) -> Result<SecretBytes> {
      return SecretBytes::copy_of(as_bytes(std::string_view(answer)));
    });
    return *terminal.confirm(Lang::kEnglish, "Seal?");
  };
  for (const char* yes : {"y", "Y", "yes", "是"}) CHECK(says(yes));
  for (const char* no : {"", "n", "ye", "yess", "否", " y"}) CHECK_FALSE(says(no));
}

TEST_CASE("a new passphrase is asked for twice") {
  const auto twice = [](const char* a, const char* b) {
    std::vector<ScriptedTerminal::Line> lines;
    lines.push_back({"", SecretBytes::copy_of(as_bytes(std::string_view(a)))});
    lines.push_back({"again", SecretBytes::copy_of(as_bytes(std::string_view(b)))});
    ScriptedTerminal terminal(ScriptedTerminal::answers(std::move(lines)));
    return text_of(terminal.read_new_passphrase(Lang::kEnglish));
  };
  CHECK(twice("abc", "abc") == "abc");
  CHECK(twice("abc", "abd") == "error: the two passphrases differ");
}

TEST_CASE("a descriptor's secret loses one line end") {
  const auto through = [](const std::string& bytes) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    REQUIRE(::write(ends[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    ::close(ends[1]);
    auto secret = read_secret_fd(ends[0]);
    ::close(ends[0]);
    return text_of(secret);
  };
  CHECK(through("1234") == "1234");
  CHECK(through("1234\n") == "1234");
  CHECK(through("1234\r\n") == "1234");
  CHECK(through("1234\n\n") == "1234\n");
  CHECK(through("").empty());
  CHECK(through(std::string(kMaxTyped, 'x') + "\n") == std::string(kMaxTyped, 'x'));
  CHECK(through(std::string(kMaxTyped + 1, 'x')).starts_with("error: "));
  CHECK(read_secret_fd(-1).error().code == Errc::kIo);
}
