#include "tests/support/test_token.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <vector>

extern char** environ;

namespace facekeep::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPin = "648219";
constexpr const char* kSoPin = "90217345";
constexpr int kNotHere = 77;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "tests/support/test_token: %s\n", what.c_str());
  std::abort();
}

// Exit code and what it printed.
std::pair<int, std::string> run(std::vector<std::string> args) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) give_up("pipe2 failed");
  std::vector<char*> argv;
  for (auto& a : args) argv.push_back(a.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t pid = 0;
  const int rc = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string out;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) out.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  if (rc != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return {-1, out};
  return {WEXITSTATUS(status), out};
}

std::string setup_program() {
  const char* wanted = std::getenv("FACEKEEP_TEST_TOKEN");
  const std::string name = wanted == nullptr || *wanted == '\0' ? "softhsm" : wanted;
  return name.find('/') == std::string::npos ? std::string(FACEKEEP_TOKEN_SETUPS) + "/" + name : name;
}

fs::path temporary_folder() {
  std::string pattern = (fs::temp_directory_path() / "facekeep-token-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) give_up("mkdtemp failed");
  return pattern;
}

struct Made {
  int code = -1;
  std::string module;
  std::map<std::string, std::string> environment;
};

Made make_token(const fs::path& dir, const std::string& label) {
  auto [code, out] = run({setup_program(), dir.string(), label, kPin, kSoPin});
  Made made{code, {}, {}};
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = line.substr(0, equals);
    (name == "module" ? made.module : made.environment[name]) = line.substr(equals + 1);
  }
  return made;
}

// One token, made to be looked at once: whether this machine can make them, and which module serves them.
const Made& probe() {
  static const Made made = [] {
    const fs::path dir = temporary_folder();
    Made m = make_token(dir, "probe");
    fs::remove_all(dir);
    return m;
  }();
  return made;
}

}  // namespace

TestToken::TestToken(const std::string& label) : label_(label), dir_(temporary_folder()) {
  add_token(label);
}

TestToken::~TestToken() {
  std::error_code ignored;
  fs::remove_all(dir_, ignored);
}

void TestToken::add_token(const std::string& label) const {
  const Made made = make_token(dir_, label);
  if (made.code != 0 || made.module.empty()) give_up(setup_program() + " could not make the token " + label);
  for (const auto& [name, value] : made.environment) {
    if (setenv(name.c_str(), value.c_str(), 1) != 0) give_up("setenv failed");
  }
}

bool TestToken::available() {
  if (probe().code != 0 && probe().code != kNotHere) give_up(setup_program() + " failed");
  return probe().code == 0;
}

std::string TestToken::module_path() {
  return probe().module;
}

std::string TestToken::uri_of(const std::string& label, const std::string& module) {
  return "pkcs11:token=" + label + "?module-path=" + module;
}

SecretBytes TestToken::pin() {
  return SecretBytes::copy_of(as_bytes(kPin));
}

std::string TestToken::pin_text() {
  return kPin;
}

}  // namespace facekeep::test
