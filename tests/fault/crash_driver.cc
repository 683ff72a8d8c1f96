// P6 by force: a vault is killed with SIGKILL at each commit point, and at random moments, while several
// threads enrol, erase and match; a parent keeps what was acknowledged, and each next process checks it.
//
//   crash_driver [--random N]     default 200
//
// What it does not show: SIGKILL leaves what the process wrote in the kernel's cache, so a missing fsync
// is not seen here. The store's own tests and the failing-disk suites look at that.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "tests/fault/crash_vault.h"

namespace {

using facekeep::test::CrashPlan;
using facekeep::test::Promises;
using facekeep::test::SoftHsm;
using facekeep::test::TestClock;
using facekeep::test::VaultKit;
using Clock = std::chrono::steady_clock;

constexpr int kPatienceMs = 120'000;  // for one round, on a busy machine

struct Kill {
  bool from_start = false;
  int after_ms = -1;  // negative: it kills itself
};

class Driver {
 public:
  explicit Driver(const VaultKit& kit) : kit_(kit) {}
  bool round(CrashPlan plan, Kill kill);
  const Promises& promises() const { return promises_; }
  unsigned rounds() const { return rounds_; }

 private:
  bool listen(int in, pid_t child, Kill kill);
  bool take(std::string& text);
  const VaultKit& kit_;
  TestClock clock_;
  Promises promises_;
  unsigned rounds_ = 0;
  bool ready_ = false;
};

// The complete lines of what arrived. A line that the kill cut off was never said.
bool Driver::take(std::string& text) {
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
    const std::string line = text.substr(0, end);
    text.erase(0, end + 1);
    if (line == "ready") {
      ready_ = true;
    } else if (!promises_.take(line)) {
      return false;
    }
  }
  return true;
}

bool Driver::listen(int in, pid_t child, Kill kill) {
  const auto begin = Clock::now();
  std::optional<Clock::time_point> at;
  if (kill.from_start && kill.after_ms >= 0) at = begin + std::chrono::milliseconds(kill.after_ms);
  std::string text;
  bool good = true;
  for (;;) {
    const auto now = Clock::now();
    if (ready_ && !at && kill.after_ms >= 0) at = now + std::chrono::milliseconds(kill.after_ms);
    if ((at && now >= *at) || now - begin > std::chrono::milliseconds(kPatienceMs)) ::kill(child, SIGKILL);
    const auto left = at ? std::chrono::ceil<std::chrono::milliseconds>(*at - now).count() : 50;
    pollfd p{in, POLLIN, 0};
    if (poll(&p, 1, static_cast<int>(std::max<std::int64_t>(left, 1))) <= 0) continue;
    char buffer[65536];
    const ssize_t n = read(in, buffer, sizeof buffer);
    if (n <= 0) return good;
    text.append(buffer, static_cast<std::size_t>(n));
    good = take(text) && good;
  }
}

bool Driver::round(CrashPlan plan, Kill kill) {
  plan.round = ++rounds_;
  clock_.advance(2000);
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) return false;
  ready_ = false;
  const pid_t child = fork();
  if (child == 0) {
    close(pipe_ends[0]);
    facekeep::test::run_crash_vault(kit_, clock_, promises_, plan, pipe_ends[1]);
  }
  close(pipe_ends[1]);
  const bool good = listen(pipe_ends[0], child, kill);
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  const bool ended =
      plan.finish ? WIFEXITED(status) && WEXITSTATUS(status) == 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (!ended) {
    std::printf("round %u: the vault ended by itself (%s %d)\n", plan.round, WIFEXITED(status) ? "exit" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  }
  return good && ended;
}

constexpr int kKillsOfOneVault = 50;  // so that its log stays short, and each start quick

facekeep::test::FixtureOptions many_erasures() {
  facekeep::test::FixtureOptions o;
  o.erase_daily = 100000;
  return o;
}

struct Tally {
  unsigned processes = 0;
  std::uint64_t enrolled = 0;
  std::uint64_t erased = 0;
  std::uint64_t matched = 0;
};

// Checks everything, ends well, and checks everything again.
bool finish(Driver& driver, Tally& tally) {
  CrashPlan plan;
  plan.finish = true;
  const bool good = driver.round(plan, {}) && driver.round(plan, {});
  tally.processes += driver.rounds();
  tally.enrolled += driver.promises().enrolled;
  tally.erased += driver.promises().erased;
  tally.matched += driver.promises().matched;
  return good;
}

bool kill_at_point(Driver& driver, const char* point) {
  CrashPlan plan;
  plan.point = point;
  for (const unsigned n : {1U, 2U, 3U, 7U, 20U}) {
    plan.passing = n;
    if (!driver.round(plan, {})) return false;
  }
  plan.from_the_start = true;
  for (const unsigned n : {1U, 2U}) {
    plan.passing = n;
    if (!driver.round(plan, {})) return false;
  }
  return true;
}

bool kill_at_random(std::mt19937& rng, int kills, Tally& tally) {
  const VaultKit kit(many_erasures());
  Driver driver(kit);
  for (int i = 0; i < kills; ++i) {
    // Every eighth dies while it starts, recovers or opens.
    const bool early = i % 8 == 7;
    const int ms = static_cast<int>(early ? rng() % 400 : 2 + rng() % 150);
    if (!driver.round({}, {early, ms})) return false;
  }
  return finish(driver, tally);
}

int failed(unsigned passed, const char* what) {
  std::printf("FAILED: %s\n%u passed, 1 failed, 0 skipped\n", what, passed);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (!SoftHsm::available()) {
    std::printf("softhsm2 is not installed: no token to test on\n");
    return 77;
  }
  int random_kills = 200;
  if (argc == 3 && std::strcmp(argv[1], "--random") == 0) random_kills = std::atoi(argv[2]);
  unsigned passed = 0;
  Tally tally;
  {
    const VaultKit kit(many_erasures());
    Driver driver(kit);
    for (const char* point : {"applied", "keys-written", "committed", "keys-erased", "checkpointed"}) {
      if (!kill_at_point(driver, point)) return failed(passed, point);
      ++passed;
      std::printf("killed at the commit point \"%s\", 7 times\n", point);
    }
    if (!finish(driver, tally)) return failed(passed, "the last check after the commit points");
  }
  const auto seed = static_cast<unsigned>(time(nullptr));
  std::mt19937 rng(seed);
  for (int done = 0; done < random_kills; done += kKillsOfOneVault) {
    const int kills = std::min(kKillsOfOneVault, random_kills - done);
    std::printf("random moments %d to %d (seed %u)\n", done + 1, done + kills, seed);
    if (!kill_at_random(rng, kills, tally)) return failed(passed, "a random moment");
  }
  ++passed;
  std::printf(
      "killed %d times at random; %u processes; acknowledged and kept: %llu enrolments, %llu erasures, %llu matches\n",
      random_kills, tally.processes, static_cast<unsigned long long>(tally.enrolled),
      static_cast<unsigned long long>(tally.erased), static_cast<unsigned long long>(tally.matched));
  std::printf("%u passed, 0 failed, 0 skipped\n", passed);
  return 0;
}
