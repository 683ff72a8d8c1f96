#include "vault/match/team.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "tests/support/catch.h"

using facekeep::match::Team;

TEST_CASE("every unit of every job runs once") {
  Team team(3);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int c = 0; c < 8; ++c) {
    callers.emplace_back([&] {
      for (std::size_t units = 0; units < 40; ++units) {
        std::vector<std::atomic<int>> runs(units);
        team.run(units, [&](std::size_t u) { runs[u].fetch_add(1); });
        for (const auto& r : runs) wrong += r.load() == 1 ? 0 : 1;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("a short job does not wait for a long one that came before") {
  Team team(1);
  std::atomic<bool> started{false};
  std::atomic<std::size_t> long_done{0};
  std::size_t seen = 0;
  std::thread long_job([&] {
    team.run(1000, [&](std::size_t) {
      started = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++long_done;
    });
  });
  while (!started) std::this_thread::yield();
  team.run(1, [](std::size_t) {});
  seen = long_done;
  long_job.join();
  CHECK(long_done == 1000);
  CHECK(seen < 1000);
}
