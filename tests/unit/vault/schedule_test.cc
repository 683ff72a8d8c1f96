// The schedule of rotations in a whole vault: receipts of erasures, status and figures.
#include "vault/ledger/schedule.h"

#include "tests/unit/vault/disturbed_rotation.h"
#include "vault/ledger/opening.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

constexpr std::int64_t kDay = 86400LL * 1000;

// What the receipt of this person's erasure holds.
ledger::Horizon erase(RotationKit& kit, const std::string& id) {
  const auto answer = kit.service->erase(kit.f.key("operator/1"), "main", id);
  REQUIRE(answer);
  REQUIRE(answer->destroyed);
  const auto opening = kit.f.store->get(store::keys::opening(answer->entry));
  REQUIRE(opening);
  REQUIRE(*opening);
  const auto opened = ledger::open_clear(**opening);
  REQUIRE(opened);
  const auto& horizon = std::get<ledger::Erased>(opened->event.body).horizon;
  REQUIRE(horizon);
  return *horizon;
}

}  // namespace

TEST_CASE("receipts of erasures name the root, and the day that the schedule promises; status and figures count down") {
  NEEDS_TOKEN();
  RotationKit kit;
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(3);
  const bool spare = kit.f.genesis().spare_key.has_value();
  CHECK(erase(kit, "p0") == ledger::Horizon{1, spare, {}});
  CHECK_FALSE(kit.service->seal_status()->schedule);
  CHECK_FALSE(kit.service->metrics().rotation_due_ms);

  kit.agree(ledger::SetRotation{90});
  kit.service->housekeeping();
  const auto status = kit.service->seal_status();
  REQUIRE(status->schedule);
  CHECK(status->schedule->days == 90);
  CHECK(status->schedule->due == kit.f.clock.wall + 90 * kDay);
  CHECK_FALSE(status->schedule->soon);
  CHECK(kit.service->metrics().rotation_due_ms == 90 * kDay);
  const auto delay = kit.service->sequencer().read([](const ledger::State& st) { return st.rule("rotate")->delay_s; });
  CHECK(erase(kit, "p1") == ledger::Horizon{1, spare, format_day(status->schedule->due + kDay + delay * 1000)});

  kit.f.clock.advance(61 * kDay);
  CHECK(kit.service->seal_status()->schedule->soon);
  kit.f.clock.advance(30 * kDay);
  CHECK(kit.service->seal_status()->schedule->overdue);
  CHECK(kit.service->metrics().rotation_due_ms == -kDay);
  // The log of before replays with the new events, in a process that has the files alone.
  REQUIRE(kit.restart());
  CHECK(kit.service->seal_status()->schedule->overdue);
}

TEST_CASE("a year behind the ceremony the status asks for the cards, for a month") {
  NEEDS_TOKEN();
  RotationKit kit;
  REQUIRE(kit.start());
  const auto cards = kit.service->seal_status()->cards;
  REQUIRE(cards);
  CHECK_FALSE(cards->asks);
  kit.f.clock.wall = cards->next;
  CHECK(kit.service->seal_status()->cards->asks);
  kit.f.clock.wall = cards->next + 30 * kDay;
  CHECK_FALSE(kit.service->seal_status()->cards->asks);
}
