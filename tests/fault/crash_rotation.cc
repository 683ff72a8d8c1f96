// P6 by force, for new keys: a vault is killed with SIGKILL at every passing of every commit point between the last
// signature of a rotation or a re-share and its end, the first unseal with the new cards included; each next process
// opens it, with the old cards where these still must, checks everybody, and brings it to its end.
//
// What it does not show: SIGKILL leaves what the process wrote in the kernel's cache, so a missing fsync is not seen.
#include "tests/fault/crash_rotation.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>

namespace {

using facekeep::test::RotationMemory;
using facekeep::test::RotationPlan;
using facekeep::test::TestClock;
using facekeep::test::VaultKit;
using Clock = std::chrono::steady_clock;

constexpr int kPatienceMs = 120'000;  // for one process, on a busy machine
constexpr unsigned kMost = 60;        // passings of one point on the way to an end
enum class End : std::uint8_t { kKilled, kEnded, kBroken };

class Driver {
 public:
  explicit Driver(const VaultKit& kit) : kit_(kit) {}
  End run(const RotationPlan& plan);
  // At each passing, until there is none.
  bool kill_at_every(bool reshare, const char* point);
  [[nodiscard]] const RotationMemory& memory() const { return memory_; }
  [[nodiscard]] unsigned kills() const { return kills_; }

 private:
  bool listen(int in, pid_t child);
  const VaultKit& kit_;
  TestClock clock_;
  RotationMemory memory_;
  unsigned kills_ = 0;
};

// A line that the kill cut off was never said.
bool Driver::listen(int in, pid_t child) {
  const auto begin = Clock::now();
  std::string text;
  bool good = true;
  for (;;) {
    if (Clock::now() - begin > std::chrono::milliseconds(kPatienceMs)) {
      std::printf("a process takes more than %d s\n", kPatienceMs / 1000);
      ::kill(child, SIGKILL);
      return false;
    }
    pollfd p{in, POLLIN, 0};
    if (poll(&p, 1, 200) <= 0) continue;
    char buffer[65536];
    const ssize_t n = read(in, buffer, sizeof buffer);
    if (n <= 0) return good;
    text.append(buffer, static_cast<std::size_t>(n));
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      good = memory_.take(text.substr(0, end)) && good;
      text.erase(0, end + 1);
    }
  }
}

End Driver::run(const RotationPlan& plan) {
  clock_.advance(5LL * 24 * 3600 * 1000);  // longer than the delays that the process before let pass
  int ends[2];
  if (pipe(ends) != 0) return End::kBroken;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    facekeep::test::run_rotation_vault(kit_, clock_, memory_, plan, ends[1]);
  }
  close(ends[1]);
  const bool good = listen(ends[0], child);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (good && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && plan.passing > 0) {
    ++kills_;
    return End::kKilled;
  }
  if (good && WIFEXITED(status) && WEXITSTATUS(status) == 0) return End::kEnded;
  std::printf("%s, point \"%s\", passing %u: the vault ended by itself (%s %d)\n",
              plan.reshare ? "re-share" : "rotation", plan.point.c_str(), plan.passing,
              WIFEXITED(status) ? "exit" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  return End::kBroken;
}

bool Driver::kill_at_every(bool reshare, const char* point) {
  for (unsigned n = 1; n <= kMost; ++n) {
    RotationPlan plan;
    plan.reshare = reshare;
    plan.point = point;
    plan.passing = n;
    plan.old_cards = n % 2 == 1;
    plan.replaces = reshare && n % 3 == 2;
    const End end = run(plan);
    if (end == End::kBroken) return false;
    if (end == End::kKilled) continue;
    std::printf("%s: killed at \"%s\" %u times\n", reshare ? "re-share" : "rotation", point, n - 1);
    return n > 1 || std::string(point) == "keys-erased";  // what a rotation erases goes as a whole
  }
  std::printf("point \"%s\" has no end\n", point);
  return false;
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (!facekeep::test::SoftHsm::available()) {
    std::printf("softhsm2 is not installed: no token to test on\n");
    return 77;
  }
  unsigned passed = 0;
  const auto failed = [&](const char* what) {
    std::printf("FAILED: %s\n%u passed, 1 failed, 0 skipped\n", what, passed);
    return 1;
  };
  const VaultKit kit({});
  Driver driver(kit);
  for (const bool reshare : {false, true}) {
    for (const char* point : {"applied", "keys-written", "committed", "keys-erased", "checkpointed"}) {
      if (!driver.kill_at_every(reshare, point)) return failed(point);
      ++passed;
    }
  }
  if (driver.run({}) != End::kEnded) return failed("the last check");
  if (driver.memory().by_old_cards == 0) return failed("no process found new cards untried");
  ++passed;
  std::printf("killed %u times; %u came to their end without; old cards opened it %u times\n", driver.kills(),
              driver.memory().ended, driver.memory().by_old_cards);
  std::printf("%u passed, 0 failed, 0 skipped\n", passed);
  return 0;
}
