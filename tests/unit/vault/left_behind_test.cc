// Keys that a rotation can't move: how long it waits for them, what counts as moved, and what is told.
#include <filesystem>
#include <fstream>

#include "tests/unit/vault/disturbed_rotation.h"
#include "vault/seal/slot_format.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

constexpr std::int64_t kHour = 3'600'000;

std::vector<ledger::SubjectState> subjects(RotationKit& kit) {
  return kit.service->sequencer().read([](const ledger::State& st) {
    std::vector<ledger::SubjectState> out;
    for (const auto& [ref, s] : st.subjects()) out.push_back(s);
    return out;
  });
}

// Both copies of a slot, with bytes that are no key.
void damage(RotationKit& kit, const std::string& stem, std::uint32_t slot) {
  for (const char* copy : {".a", ".b"}) {
    std::fstream file(kit.f.dir() + "/keys/" + stem + copy, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>((slot + 1) * seal::kSlotSize));
    file.write("damaged", 7);
    REQUIRE(file.good());
  }
}

bool one_is_left_behind(RotationKit& kit) {
  return soon([&] {
    kit.service->housekeeping();
    return kit.service->metrics().rotation_left_behind == 1;
  });
}

// Hour by hour; the rotation is there after each.
void stays(RotationKit& kit, int hours) {
  for (int i = 0; i < hours; ++i) {
    kit.f.clock.advance(kHour);
    for (int tick = 0; tick < 3; ++tick) {
      kit.service->housekeeping();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    INFO("hour " << i);
    REQUIRE(kit.rotation());
  }
}

}  // namespace

TEST_CASE("who is left behind has a day of the open vault from when it was found, not from the rotation's beginning") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(5);
  REQUIRE(kit.f.slots->erase({subjects(kit).front().slot}));
  kit.agree(ledger::RotateKeys{});
  REQUIRE(d.rewrapped());
  // Nobody has looked yet: it is a day later when somebody does.
  kit.f.clock.advance(25 * kHour);
  REQUIRE(one_is_left_behind(kit));
  stays(kit, 10);
  // While the vault is sealed nobody is left behind for longer.
  REQUIRE(kit.service->seal(kit.f.key("property/1")));
  kit.f.clock.advance(100 * kHour);
  kit.service->housekeeping();
  REQUIRE(kit.unseal());
  stays(kit, 10);
  CHECK(has_root(kit, 1));
  CHECK(d.failures().find("were lost with the old keys") == std::string::npos);
  kit.f.clock.advance(6 * kHour);
  REQUIRE(kit.finish());
  CHECK_FALSE(has_root(kit, 1));
  CHECK(soon([&] { return d.failures().find("1 stored keys or records that did not open") != std::string::npos; }));
}

TEST_CASE("that everybody was moved is looked at again while the token keeps the old root") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(4);
  kit.agree(ledger::RotateKeys{});
  REQUIRE(d.rewrapped());
  std::atomic<int> asked{0};
  d.token->before_root([&] {
    ++asked;
    return Status(make_error(Errc::kHsmGone, "the token is away"));
  });
  kit.f.clock.advance(61'000);
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return asked > 1;
  }));
  CHECK(kit.service->metrics().rotation_left_behind == 0);
  // What is lost from then on, in the new files and the old.
  const std::uint32_t slot = subjects(kit).back().slot;
  damage(kit, "slots", slot);
  damage(kit, "slots-2", slot);
  kit.f.clock.advance(kHour);
  REQUIRE(one_is_left_behind(kit));
  d.token->before_root({});
  stays(kit, 20);
  kit.f.clock.advance(6 * kHour);
  REQUIRE(kit.finish());
}

TEST_CASE("a key that is damaged in the new slot files opens from the old ones, and is moved again") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(5);
  kit.agree(ledger::RotateKeys{});
  REQUIRE(d.rewrapped());
  damage(kit, "slots-2", subjects(kit).at(2).slot);
  REQUIRE(kit.restart());
  REQUIRE(kit.unseal());
  CHECK(kit.service->seal_status()->templates_refused == 0);
  kit.check_everybody();
  REQUIRE(kit.finish());
  CHECK(kit.service->metrics().rotation_left_behind == 0);
  check_only(kit, 2);
  REQUIRE(kit.restart());
  REQUIRE(kit.unseal());
  CHECK(kit.service->seal_status()->templates_refused == 0);
  kit.check_everybody();
}

TEST_CASE("a record that does not open is counted by a process that found everything rewrapped, too") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(4);
  kit.agree(ledger::RotateKeys{});
  const Id128 ref = kit.service->sequencer().read([](const ledger::State& st) { return st.subjects().begin()->first; });
  const Bytes row = store::keys::record(ref);
  store::Batch b;
  b.puts.push_back({row, Bytes(kit.f.store->get(row).value().value().size(), 7)});
  REQUIRE(soon([&] {
    b.head_before = b.head_after = kit.f.store->head().value();
    return bool(kit.f.store->commit(b, store::Urgency::kOrdinary));
  }));
  REQUIRE(d.rewrapped());
  REQUIRE(kit.restart());
  REQUIRE(kit.unseal());
  kit.service->housekeeping();
  kit.f.clock.advance(61'000);
  REQUIRE(one_is_left_behind(kit));
}

TEST_CASE("the old keys stay where no unseal would open the vault without them, until these people are erased") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(3);
  const auto all = subjects(kit);
  REQUIRE(kit.f.slots->erase({all.at(0).slot, all.at(1).slot}));
  kit.agree(ledger::RotateKeys{});
  REQUIRE(d.rewrapped());
  kit.f.clock.advance(kHour);
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return kit.service->metrics().rotation_left_behind == 2;
  }));
  stays(kit, 30);
  CHECK(has_root(kit, 1));
  CHECK(kit.site_keys(1) == 3);
  CHECK(d.failures().find("the new keys open 1 of the 3 people") != std::string::npos);
  // It still opens.
  REQUIRE(kit.restart());
  REQUIRE(kit.unseal());
  for (int i = 0; i < 3; ++i) {
    if (kit.verify(i) == "match") continue;
    REQUIRE(kit.service->erase(kit.f.key("operator/1"), "main", RotationKit::id(i)));
    kit.gone.insert(i);
  }
  CHECK(kit.gone.size() == 2);
  REQUIRE(kit.finish());
  CHECK_FALSE(has_root(kit, 1));
  kit.check_after_restart();
}
