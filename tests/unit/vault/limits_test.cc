// What auditors may have written in a while, what a custodian does about a far start, and how a vault is shut.
#include "tests/support/catch.h"
#include "tests/unit/vault/calls.h"

using namespace facekeep;
using namespace facekeep::test;

TEST_CASE("what shuts a vault ends what is open and leaves the log to its readers") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  service->shut();
  CHECK(problem(service->match(f.key("door/1"), "main", ask(VaultFixture::random_face(64, 1)))) == "sealed");
  const std::uint64_t last = service->sequencer().durable_size() - 1;
  const auto leaf = ledger::decode_leaf(as_chars(*service->sequencer().entry(last)));
  REQUIRE(leaf);
  CHECK(std::get<ledger::Sealed>(std::get<ledger::Event>(*leaf).body).reason == "shutdown");
  // A witness that answers late still finds the log.
  CHECK(service->sequencer().keep_cosigned(service->sequencer().checkpoint(), service->sequencer().published_size()));
  service->shut();
  CHECK(service->sequencer().durable_size() == last + 1);
  f.stop(service);
}

TEST_CASE("sealing what is sealed writes a new start once the last one is far behind") {
  NEEDS_TOKEN();
  VaultFixture f;
  ServiceOptions options;
  options.old_start_entries = 8;
  auto service = std::move(*f.start(options));
  const auto start = [&] {
    return service->sequencer().read([](const ledger::State& st) { return st.start_entry(); });
  };
  const std::uint64_t before = start();
  CHECK(*service->seal(f.key("property/1")) == before);
  for (int i = 0; i < 7; ++i) REQUIRE(service->openings(f.key("auditor/1"), 0));
  const auto entry = service->seal(f.key("property/1"));
  REQUIRE(problem(entry) == "ok");
  CHECK(*entry > before);
  CHECK(start() == *entry);
  CHECK(*service->seal(f.key("property/1")) == *entry);
  REQUIRE(f.unseal(*service));
  f.stop(service);
}

TEST_CASE("an auditor who reads without a pause is told to come again, and writes nothing") {
  NEEDS_TOKEN();
  VaultFixture f;
  ServiceOptions options;
  options.reads_at_once = 3;
  options.reads_per_second = 1;
  auto service = std::move(*f.start(options));
  REQUIRE(f.unseal(*service));
  const Digest& auditor = f.key("auditor/1");
  for (int i = 0; i < 3; ++i) CHECK(problem(service->openings(auditor, 0)) == "ok");
  const std::uint64_t before = service->sequencer().durable_size();
  CHECK(problem(service->openings(auditor, 0)) == "too-many-reads");
  CHECK(problem(service->people(auditor)) == "too-many-reads");
  CHECK(service->sequencer().durable_size() == before);
  f.clock.advance(1000);
  CHECK(problem(service->people(auditor)) == "ok");
  CHECK(problem(service->openings(auditor, 0)) == "too-many-reads");
  f.stop(service);
}

TEST_CASE("an auditor's readings have a number, filled up with time, and one auditor's takes nothing from others") {
  ReadBudget budget(3, 2);
  for (int i = 0; i < 3; ++i) CHECK(budget.take("auditor/1", 1000));
  CHECK_FALSE(budget.take("auditor/1", 1000));
  CHECK_FALSE(budget.take("auditor/1", 1400));
  CHECK(budget.take("auditor/2", 1400));
  CHECK(budget.take("auditor/1", 1500));
  CHECK_FALSE(budget.take("auditor/1", 1500));
  CHECK_FALSE(budget.take("auditor/1", 10));  // a clock that went back gives nothing
  for (int i = 0; i < 3; ++i) CHECK(budget.take("auditor/1", 1ULL << 60));
  CHECK_FALSE(budget.take("auditor/1", 1ULL << 60));
}
