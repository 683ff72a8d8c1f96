// What a clean stop of an open vault leaves for a restore: a mirror of all that could be fetched is enough.
#include "tests/support/soon.h"
#include "tests/unit/backup/backup_kit.h"

using namespace facekeep;
using namespace facekeep::test;

TEST_CASE("a vault that was open and stopped cleanly is restored from what could be fetched before") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const BackupStatus taken = kit.take();
  CHECK(kit.matched(1) == "p1");
  kit.f.clock.advance(61'000);  // a checkpoint and the anchor are due
  const std::uint64_t published = [&] {
    const log::Sequencer& log = kit.service->sequencer();
    REQUIRE(soon([&] { return log.published_size() == log.durable_size(); }));
    return log.published_size();
  }();
  export_mirror(*kit.f.store, kit.mirror);
  kit.f.clock.advance(61'000);  // they are due again, for what the stop writes
  kit.f.stop(kit.service);
  SECTION("its disk is lost") {
    fs::remove_all(kit.f.dir());
    const auto report = kit.restore({taken.file});
    INFO((report ? "" : report.error().message));
    REQUIRE(report);
    CHECK(taken.made.size + report->entries == published);
    kit.open_restored();
    CHECK(kit.matched(1) == "p1");
  }
  SECTION("its disk is there, and no second history begins behind the mirror") {
    const std::string before = daemon::open_mirror_log(kit.mirror)->log.checkpoint;
    kit.mirror_now();
    CHECK(daemon::open_mirror_log(kit.mirror)->log.checkpoint == before);
    kit.open();
    CHECK(kit.service->sequencer().durable_size() > published + 1);
    CHECK_FALSE(kit.state([](const ledger::State& st) { return st.start().after_crash; }));
  }
}

TEST_CASE("an erasure that ends beside a stop moves the anchor all the same") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const BackupStatus taken = kit.take();
  kit.f.clock.advance(2'000);
  const std::uint64_t before = kit.service->sequencer().durable_size();
  REQUIRE(soon([&] { return kit.service->sequencer().published_size() >= before; }));
  export_mirror(*kit.f.store, kit.mirror);
  REQUIRE(problem(kit.service->erase(kit.f.key("operator/1"), "main", "p1")) == "ok");
  kit.f.stop(kit.service);
  fs::remove_all(kit.f.dir());
  const auto report = kit.restore({taken.file});
  REQUIRE_FALSE(report);
  CHECK(has_text(report.error().message, "but the token has seen"));
}
