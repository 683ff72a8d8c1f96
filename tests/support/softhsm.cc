#include "tests/support/softhsm.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

extern char** environ;

namespace facekeep::test {
namespace {

constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";
constexpr const char* kUtil = "softhsm2-util";
constexpr const char* kPin = "648219";
constexpr const char* kSoPin = "90217345";

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "tests/support/softhsm: %s\n", what.c_str());
  std::abort();
}

int run_quietly(std::vector<std::string> args) {
  std::vector<char*> argv;
  for (auto& a : args) argv.push_back(a.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int rc = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (rc != 0) return -1;
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

}  // namespace

SoftHsm::SoftHsm(const std::string& label) : label_(label) {
  std::string pattern = (std::filesystem::temp_directory_path() / "facekeep-softhsm-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) give_up("mkdtemp failed");
  dir_ = pattern;
  std::filesystem::create_directory(tokens());
  std::ofstream(conf()) << "directories.tokendir = " << tokens().string() << "\n"
                        << "objectstore.backend = file\n"
                        << "log.level = ERROR\n"
                        << "slots.removable = false\n";
  if (setenv("SOFTHSM2_CONF", conf().c_str(), 1) != 0) give_up("setenv failed");
  add_token(label);
}

SoftHsm::~SoftHsm() {
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void SoftHsm::add_token(const std::string& label) const {
  if (run_quietly({kUtil, "--init-token", "--free", "--label", label, "--pin", kPin, "--so-pin", kSoPin}) != 0) {
    give_up("softhsm2-util could not initialise the token " + label);
  }
}

bool SoftHsm::available() {
  return access(kModule, R_OK) == 0 && run_quietly({kUtil, "--version"}) == 0;
}

std::string SoftHsm::module_path() {
  return kModule;
}

std::string SoftHsm::uri_of(const std::string& label, const std::string& module) {
  return "pkcs11:token=" + label + "?module-path=" + module;
}

SecretBytes SoftHsm::pin() {
  return SecretBytes::copy_of(as_bytes(kPin));
}

std::string SoftHsm::pin_text() {
  return kPin;
}

}  // namespace facekeep::test
