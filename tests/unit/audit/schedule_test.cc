// Dates that a log promises and does not keep, as an auditor names them.
#include "vault/ledger/schedule.h"

#include "tests/unit/audit/decisions.h"
#include "tests/unit/ledger/keys_maker.h"

using namespace facekeep;
using namespace facekeep::audit_test;

namespace {

constexpr std::int64_t kDay = 86400LL * 1000;

std::size_t count(MemoryMirror m, Code code) {
  m.publish();
  const Outcome out = replay(m);
  INFO(out.text());
  CHECK(out.first_error().empty());
  CHECK(out.digest == m.state.digest());
  return out.findings.count(code);
}

void carry_out(MemoryMirror& m, std::uint8_t id, ledger::Action action, bool keys = false) {
  const auto made = lt::made_by("property/1", id, std::move(action));
  m.add(made);
  approve(m, "property/2", made.id);
  approve(m, "residents/1", made.id);
  m.wait(kDay);
  if (keys) return m.add(lt::done_with_keys(m.state, made.id));
  m.add(ledger::ProposalDone{made.id});
}

// Somebody of the vault, erased with what the state promises.
std::uint64_t erase(MemoryMirror& m, std::uint8_t n) {
  ledger::Erased e = lt::erased(n);
  e.horizon = ledger::erasure_horizon(m.state, lt::ref_of(n));
  const std::uint64_t entry = m.entries.size();
  m.add(e);
  return entry;
}

void say_something(MemoryMirror& m) {
  m.add(ledger::Sums{m.wall, {}});
}

void finish_rotation(MemoryMirror& m) {
  const std::uint32_t from = m.state.rotation()->from;
  m.add(ledger::Rewrapped{m.state.root_epoch(), ledger::kAllRefs, lt::digest_of("batch")});
  m.add(ledger::KeysRetired{from});
}

}  // namespace

TEST_CASE("a rotation that the schedule had due is missed a week behind the date, once for each date") {
  MemoryMirror m = open_vault(3);
  carry_out(m, 1, ledger::SetRotation{30});
  m.wait(37 * kDay);
  say_something(m);
  CHECK(count(m, Code::kRotationMissed) == 0);
  m.wait(1000);
  const std::uint64_t entry = m.entries.size();
  say_something(m);
  m.wait(90 * kDay);
  say_something(m);
  CHECK(count(m, Code::kRotationMissed) == 1);
  MemoryMirror shown = m;
  shown.publish();
  const Outcome out = replay(shown);
  bool named = false;
  for (const auto& f : out.findings.sorted()) {
    named = named || (f.code == Code::kRotationMissed && f.entry == entry && f.args.at(1) == "30");
  }
  CHECK(named);
  // A rotation begins the days anew.
  carry_out(m, 2, ledger::RotateKeys{}, true);
  finish_rotation(m);
  m.wait(30 * kDay);
  say_something(m);
  CHECK(count(m, Code::kRotationMissed) == 1);
  m.wait(8 * kDay);
  say_something(m);
  CHECK(count(m, Code::kRotationMissed) == 2);
}

TEST_CASE(
    "erasures whose day passed with their root still there are named together, and those that were kept are not") {
  MemoryMirror m = open_vault(5);
  erase(m, 1);  // no date: there is no schedule
  carry_out(m, 1, ledger::SetRotation{30});
  const std::uint64_t first = erase(m, 2);
  erase(m, 3);
  MemoryMirror kept = m;
  m.wait(60 * kDay);
  say_something(m);
  CHECK(count(m, Code::kHorizonMissed) == 1);
  m.publish();
  const Outcome out = replay(m);
  for (const auto& f : out.findings.sorted()) {
    if (f.code != Code::kHorizonMissed) continue;
    CHECK(f.entry == first);
    CHECK(f.args.at(0) == "2");
    CHECK(f.args.at(2) == "1");
  }
  kept.wait(20 * kDay);
  carry_out(kept, 2, ledger::RotateKeys{}, true);
  finish_rotation(kept);
  kept.wait(60 * kDay);
  say_something(kept);
  CHECK(count(kept, Code::kHorizonMissed) == 0);
  // Unless the spare's key is the one of then: it opens what that root had sealed.
  CHECK(count(kept, Code::kHorizonOnSpare) == (kept.state.current().spare_key ? 1 : 0));
}
