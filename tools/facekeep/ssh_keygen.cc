#include "tools/facekeep/ssh_keygen.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "tools/common/say.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {
namespace {

// Both ends of a pipe, closed at the end at the latest.
struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) == 0) {
      read_end = ends[0];
      write_end = ends[1];
    }
  }
  ~Pipe() {
    shut(read_end);
    shut(write_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  static void shut(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

std::string read_all(int fd, std::size_t max) {
  std::string out;
  std::array<char, 4096> piece{};
  while (out.size() <= max) {
    const ssize_t n = ::read(fd, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    out.append(piece.data(), static_cast<std::size_t>(n));
  }
  return out;
}

bool ended_well(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Result<std::string> sign_with_ssh_keygen(const std::string& key, std::string_view ns, std::string_view message) {
  const auto failed = [&] {
    return say_error(Errc::kIo, "ssh-keygen", Msg::kPropSshFailed, Msg::kPropSshFailedHint, {key});
  };
  Pipe in;
  Pipe out;
  if (in.read_end < 0 || out.read_end < 0) return failed();
  // Far below what a pipe takes at once, so it can be written before anybody reads.
  if (message.size() > 4096 ||
      ::write(in.write_end, message.data(), message.size()) != static_cast<ssize_t>(message.size())) {
    return failed();
  }
  Pipe::shut(in.write_end);
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) return failed();
  posix_spawn_file_actions_adddup2(&actions, in.read_end, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write_end, STDOUT_FILENO);
  std::array<std::string, 8> words = {"ssh-keygen", "-q", "-Y", "sign", "-n", std::string(ns), "-f", key};
  std::array<char*, 9> argv{};
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
  pid_t child = -1;
  const int spawned = ::posix_spawnp(&child, "ssh-keygen", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  Pipe::shut(out.write_end);
  if (spawned != 0) return failed();
  std::string armored = read_all(out.read_end, ledger::kMaxSshSigArmor);
  if (!ended_well(child) || !ledger::parse_armored_sshsig(armored)) return failed();
  return armored;
}

}  // namespace facekeep::tools
