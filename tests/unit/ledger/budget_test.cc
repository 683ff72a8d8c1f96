// Token buckets: what a call costs, when it is over, what a clock gives back, and what two replayers agree on.
#include "vault/ledger/budget.h"

#include <random>

#include "tests/support/catch.h"
#include "vault/ledger/event.h"

using namespace facekeep;
using namespace facekeep::ledger;

namespace {

const Id128 kSomebody{7};

BudgetCall at_door(const char* door, std::optional<Id128> subject = {}) {
  return {"main", door, std::nullopt, subject, false};
}

// Calls until one is over, and which budget that was.
std::pair<int, std::optional<Over>> use_up(Budgets& budgets, const SiteBudgets& policy, const BudgetCall& call) {
  for (int n = 0; n < 2'000'000; ++n) {
    if (const auto over = budgets.over(policy, call)) return {n, over};
    budgets.charge(policy, call);
  }
  return {-1, std::nullopt};
}

}  // namespace

TEST_CASE("the defaults let through what their arithmetic says") {
  const SiteBudgets policy;
  REQUIRE(check_budgets(policy));
  Budgets b;
  b.start(5);
  CHECK(use_up(b, policy, at_door("north")) == std::pair(240, std::optional(Over::kDoor)));
  b.run_to(5 + 1999);
  CHECK(b.over(policy, at_door("north")) == Over::kDoor);
  b.run_to(5 + 2000);
  CHECK_FALSE(b.over(policy, at_door("north")));
  // A person at one door: 16 at once, 32 more over the day.
  CHECK(use_up(b, policy, at_door("south", kSomebody)) == std::pair(16, std::optional(Over::kSubject)));
  int more = 0;
  for (int minute = 0; minute < 24 * 60; ++minute) {
    b.run_to(2005 + (minute + 1) * 60'000ULL);
    more += use_up(b, policy, at_door("south", kSomebody)).first;
  }
  CHECK(more == 32);
}

TEST_CASE("one door uses up half of a person's burst, and the person passes at the others") {
  const SiteBudgets policy;
  Budgets b;
  CHECK(use_up(b, policy, at_door("north", kSomebody)).first == 16);
  CHECK(b.over(policy, at_door("north", kSomebody)) == Over::kSubject);
  CHECK(use_up(b, policy, at_door("south", kSomebody)).first == 16);
  CHECK(b.over(policy, at_door("west", kSomebody)) == Over::kSubject);
  // Somebody else, and a stranger, are not touched.
  CHECK_FALSE(b.over(policy, at_door("north", Id128{8})));
  CHECK_FALSE(b.over(policy, at_door("north")));
}

TEST_CASE("what is signed costs a quarter, what is repeated four times as much, and over takes nothing") {
  const SiteBudgets policy;
  BudgetCall call = at_door("north");
  call.camera = "camera/1";
  Budgets b;
  CHECK(use_up(b, policy, call) == std::pair(240, std::optional(Over::kCamera)));
  const Digest before = b.digest();
  CHECK(b.over(policy, call) == Over::kCamera);
  CHECK(b.digest() == before);
  BudgetCall again = at_door("south");
  again.repeat = true;
  CHECK(use_up(b, policy, again) == std::pair(60, std::optional(Over::kDoor)));
}

TEST_CASE("the call of an event names its door, whom it is about, and the camera that signed") {
  Match match{false, "main", "north", "face", "door/1", "match", kSomebody, {}};
  CHECK_FALSE(budget_call(match).camera);
  CHECK_FALSE(budget_call(match).repeat);
  match.camera = SignedBy{"camera/1", 3, {}};
  match.repeat = "near";
  const BudgetCall call = budget_call(match);
  CHECK(call.site == "main");
  CHECK(call.door == "north");
  CHECK(call.camera == "camera/1");
  CHECK(call.subject == kSomebody);
  CHECK(call.repeat);
}

TEST_CASE("a bucket smaller than one call's cost still lets one through when it is full") {
  SiteBudgets policy;
  policy.door = {1, 1000};
  Budgets b;
  b.start(0);
  CHECK(use_up(b, policy, at_door("north")).first == 1);
  b.run_to(999);
  CHECK(b.over(policy, at_door("north")));
  b.run_to(1000);
  CHECK_FALSE(b.over(policy, at_door("north")));
}

TEST_CASE("the clock runs with the daemon: not while it is off, not back, not twice over a start without a stop") {
  Budgets b;
  b.run_to(100);
  CHECK(b.clock() == 0);
  b.run_to(150);
  b.run_to(120);
  b.run_to(160);
  CHECK(b.clock() == 60);
  b.start(3);
  b.run_to(13);
  CHECK(b.clock() == 70);
  b.start(13);
  b.run_to(14);
  CHECK(b.clock() == 71);
}

TEST_CASE("budgets out of their limits are refused, each by its name") {
  const auto refused = [](const auto& change, const std::string& name) {
    SiteBudgets b;
    change(b);
    const Status s = check_budgets(b);
    return !s && s.error().message.find(name) != std::string::npos;
  };
  CHECK(refused([](SiteBudgets& b) { b.door.burst = 0; }, "\"door\""));
  CHECK(refused([](SiteBudgets& b) { b.camera.refill_ms = 0; }, "\"camera\""));
  CHECK(refused([](SiteBudgets& b) { b.subject.burst = kMaxBurst + 1; }, "\"subject\""));
  CHECK(refused([](SiteBudgets& b) { b.subject_door = {2, 43'200'001}; }, "\"subject_door\""));
  CHECK(refused([](SiteBudgets& b) { b.unsigned_cost = 0; }, "cost"));
  CHECK(refused([](SiteBudgets& b) { b.repeat_cost = kMaxBudgetCost + 1; }, "cost"));
}

// Pseudonyms are those of a day, as in a vault.
TEST_CASE("a fold from the midst of a log agrees with the whole one once both beginnings do") {
  std::mt19937_64 random(6);
  const SiteBudgets policy;
  Budgets whole;
  Budgets full;
  Budgets empty;
  empty.begin_empty();
  std::uint64_t uptime = 0;
  bool agreed = false;
  for (int i = 0; i < 30'000; ++i) {
    uptime += random() % 20'000;
    const std::string door(1, static_cast<char>('a' + random() % 3));
    const BudgetCall call = at_door(door.c_str(), Id128{static_cast<std::uint8_t>(random() % 5),
                                                        static_cast<std::uint8_t>(uptime / kBudgetMemory)});
    whole.run_to(uptime);
    if (i >= 5000) full.run_to(uptime);
    if (i >= 5000) empty.run_to(uptime);
    if (whole.over(policy, call)) continue;
    whole.charge(policy, call);
    if (i < 5000) continue;
    full.charge(policy, call);
    empty.charge(policy, call);
    if (full.digest() == empty.digest()) agreed = true;
    if (agreed) REQUIRE(full.digest() == whole.digest());
  }
  CHECK(agreed);
}

TEST_CASE("buckets that are full again leave no trace, and do not stay in memory") {
  const SiteBudgets policy;
  Budgets b;
  b.start(0);
  const Digest fresh = b.digest();
  for (std::uint64_t i = 1; i <= 20'000; ++i) {
    b.run_to(i * 60'000);
    Id128 who{};
    who[0] = static_cast<std::uint8_t>(i);
    who[1] = static_cast<std::uint8_t>(i >> 8);
    b.charge(policy, at_door("north", who));
  }
  CHECK(b.size() < 4096);
  CHECK(b.digest() != fresh);
  b.run_to(20'000 * 60'000ULL + kBudgetMemory);
  CHECK(b.digest() == fresh);
}

TEST_CASE("the digest is that of the lines that the specification shows") {
  const SiteBudgets policy;
  Budgets b;
  b.start(0);
  b.charge(policy, {"main", "north", "camera/1", kSomebody, false});
  b.charge(policy, at_door("south"));
  CHECK(to_hex(b.digest()) == "e575414466276ad18396c1c45e8de43eee387774cba8b85bce5fed2ed93344b0");
}
