// Rotations in the log of a mirror: what an auditor names, and what the report shows of them.
#include "tests/unit/audit/decisions.h"
#include "tests/unit/ledger/keys_maker.h"
#include "vault/audit/statistics.h"

using namespace facekeep;
using namespace facekeep::audit_test;

namespace {

constexpr std::int64_t kDay = 86400LL * 1000;

// Carried out, with subjects still under the old keys.
MemoryMirror rotating_vault() {
  MemoryMirror m = open_vault(5);
  const auto made = lt::made_by("property/1", 1, ledger::RotateKeys{});
  m.add(made);
  approve(m, "property/2", made.id);
  approve(m, "residents/1", made.id);
  m.wait(kDay);
  m.add(lt::done_with_keys(m.state, made.id));
  return m;
}
ledger::Rewrapped batch(Id128 upto) {
  return {2, upto, lt::digest_of("batch")};
}
Outcome replayed(MemoryMirror& m) {
  m.publish();
  return replay(m);
}

}  // namespace

TEST_CASE("a rotation from its proposal to its end has no finding, and the report has an act for each of its steps") {
  MemoryMirror m = rotating_vault();
  m.wait(60000);
  for (const std::uint8_t first : {0x20, 0x60, 0xa0}) m.add(batch({first}));
  m.add(batch(ledger::kAllRefs));
  m.wait(60000);
  m.add(ledger::KeysRetired{1});
  m.wait(8 * kDay);
  m.add(ledger::Sums{m.wall, {}});
  const Outcome out = replayed(m);
  INFO(out.text());
  CHECK(out.findings.sorted().empty());
  CHECK(out.digest == m.state.digest());

  StatisticsObserver observer;
  Findings findings;
  Replay again(Level::kAuditor, findings, [&](const Seen& seen) { observer(seen); });
  for (std::size_t i = 0; i < m.entries.size(); ++i) {
    const auto& opening = m.openings[i];
    again.entry(m.entries[i], opening ? Opening{OpeningState::kThere, *opening} : Opening{});
  }
  std::map<std::string, std::map<std::string, std::string>> facts;
  for (const Act& act : observer.result().acts) {
    if (act.type == "rewrapped" || act.type == "keys-retired") CHECK(facts.emplace(act.type, act.facts).second);
    if (act.type == "proposal-done") CHECK(act.facts.at("epoch") == "2");
  }
  CHECK(facts["rewrapped"] == std::map<std::string, std::string>{{"epoch", "2"}, {"batches", "4"}});
  CHECK(facts["keys-retired"].at("epoch") == "1");
}

TEST_CASE("batches out of order, and old keys that end too early, are named by the entry that says so") {
  for (const ledger::Body& wrong : {ledger::Body(batch({0x10})), ledger::Body(ledger::KeysRetired{1}),
                                    ledger::Body(ledger::Rewrapped{3, {0x90}, {}})}) {
    MemoryMirror m = rotating_vault();
    m.add(batch({0x20}));
    const std::uint64_t entry = m.entries.size();
    m.append({m.wall, m.uptime, wrong});
    const Outcome out = replayed(m);
    INFO(out.text());
    CHECK(out.first_error() == "rewrapped-wrongly@" + std::to_string(entry));
    CHECK(out.findings.count(Severity::kError) == 1);
  }
}

TEST_CASE("old keys that are still there after a week of both clocks are a warning, once") {
  MemoryMirror m = rotating_vault();
  const std::uint64_t done = m.entries.size() - 1;
  m.wait(7 * kDay);
  m.add(ledger::Sums{m.wall, {}});
  CHECK(replayed(m).findings.count(Severity::kWarning) == 0);
  // A clock that is set forward is not enough.
  MemoryMirror early = m;
  early.wall += 2 * kDay;
  early.add(ledger::Sums{early.wall, {}});
  CHECK(replayed(early).findings.count(Code::kRotationOpen) == 0);
  m.wait(1000);
  m.add(batch(ledger::kAllRefs));
  const Outcome out = replayed(m);
  INFO(out.text());
  CHECK(out.first_error().empty());
  CHECK(out.findings.count(Code::kRotationOpen) == 1);
  CHECK(out.has(Code::kRotationOpen, done));
}
