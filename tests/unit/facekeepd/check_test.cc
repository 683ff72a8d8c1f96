// What `facekeepd check` says of key slots that lost their key.
#include "tools/facekeepd/check.h"

#include "tests/support/catch.h"
#include "tests/unit/vault/calls.h"

using namespace facekeep;
using namespace facekeep::test;

TEST_CASE("check names a lost key by the log entry of its owner, a person's and a period's") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  for (const std::uint64_t n : {1, 2}) {
    const auto face = VaultFixture::random_face(64, n);
    REQUIRE(service->put_subject(f.key("operator/1"), "main", person("p" + std::to_string(n), face)));
  }
  REQUIRE(service->match(f.key("door/1"), "main", ask(VaultFixture::random_face(64, 1))));
  const auto clean = daemon::check_vault(*f.store, *f.slots);
  REQUIRE(clean);
  CHECK(clean->faults.empty());
  using Owned = std::pair<std::uint32_t, std::uint64_t>;  // slot, entry
  const auto owned = service->sequencer().read([](const ledger::State& st) {
    const auto& subject = st.subjects().begin()->second;
    const auto& period = st.period_keys().begin()->second;
    return std::vector{Owned{subject.slot, subject.entry}, Owned{period.slot, period.entry}};
  });
  for (const auto& [slot, entry] : owned) REQUIRE(f.slots->erase(1, {slot}));
  const auto report = daemon::check_vault(*f.store, *f.slots);
  REQUIRE(report);
  CHECK(report->faults.size() == owned.size());
  for (const auto& [slot, entry] : owned) {
    CAPTURE(slot, entry);
    const auto names_it = [part = "key of log entry " + std::to_string(entry) + ","](const std::string& fault) {
      return fault.find(part) != std::string::npos;
    };
    CHECK(std::ranges::any_of(report->faults, names_it));
  }
  f.stop(service);
}
