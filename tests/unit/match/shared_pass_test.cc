#include "vault/match/shared_pass.h"

#include <atomic>
#include <thread>

#include "tests/support/catch.h"

using namespace facekeep::match;

TEST_CASE("who comes while work is under way is served together, at most as many as allowed") {
  constexpr std::size_t kMost = 4;
  SharedPass<int> pass(kMost);
  std::atomic<int> working{0};
  std::atomic<int> passes{0};
  std::atomic<std::size_t> widest{0};
  std::atomic<bool> wrong{false};
  std::vector<int> served(40);
  const auto work = [&](std::span<int* const> items) {
    if (++working != 1 || items.empty() || items.size() > kMost) wrong = true;
    ++passes;
    if (items.size() > widest) widest = items.size();
    for (int* item : items) ++*item;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    --working;
  };
  std::vector<std::thread> callers;
  for (int& item : served) {
    callers.emplace_back([&pass, &work, &item] {
      pass.join(item, work);
      pass.join(item, work);
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK_FALSE(wrong);
  CHECK(served == std::vector<int>(40, 2));
  CHECK(widest > 1);
  CHECK(passes >= 20);
  CHECK(passes < 80);
}

TEST_CASE("who comes alone is served at once") {
  SharedPass<int> pass(4);
  int item = 0;
  pass.join(item, [](std::span<int* const> items) { *items[0] = static_cast<int>(items.size()); });
  CHECK(item == 1);
}
