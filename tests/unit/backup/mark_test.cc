// The mark of a restore: what a start takes from one, and what it refuses.
#include "vault/backup/mark.h"

#include "tests/support/store_around.h"
#include "tests/unit/backup/backup_kit.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

class BreakingStore : public StoreAround {
 public:
  BreakingStore(store::Store& inner, const bool& broken) : StoreAround(inner), broken_(broken) {}
  Status commit(const store::Batch& batch, store::Urgency urgency) override {
    if (broken_) return make_error(Errc::kIo, "the disk is gone");
    return StoreAround::commit(batch, urgency);
  }

 private:
  const bool& broken_;
};

std::uint64_t head_of(const std::string& data_dir) {
  store::RocksOptions options;
  options.dir = data_dir + "/db";
  const auto store = store::RocksStore::open(options);
  REQUIRE(store);
  return *(*store)->head();
}

}  // namespace

TEST_CASE("a mark that somebody made up takes nothing away") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const BackupStatus older = kit.take();
  kit.enrol("p2", 2);
  const auto refused_start = [&](std::uint64_t from) {
    kit.f.stop(kit.service);
    REQUIRE(backup::write_mark(kit.f.dir(), {from, head_of(kit.f.dir())}));
    const Status opened = kit.try_open();
    REQUIRE_FALSE(opened);
    kit.f.stop(kit.service);
    REQUIRE(backup::remove_mark(kit.f.dir()));
    kit.open();
    CHECK(kit.matched(2) == "p2");
    CHECK(kit.state([](const ledger::State& st) { return st.restores().empty(); }));
    return opened.error().message;
  };
  // Of a backup, with p2's key in its slot; and of another place in the log.
  CHECK(has_text(refused_start(older.made.size), "keys that are there"));
  CHECK(has_text(refused_start(1), "not of this log"));
  const BackupStatus newer = kit.take();
  kit.enrol("p3", 3);
  for (const BackupStatus& of : {older, newer}) CHECK(has_text(refused_start(of.made.size), "keys that are there"));
  CHECK(has_text(refused_start(newer.made.size - 1), "not of this log"));
}

TEST_CASE("a start that refuses a mark leaves a log that a crash left open as it is") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const BackupStatus taken = kit.take();
  kit.f.stop(kit.service);
  bool broken = false;
  std::unique_ptr<BreakingStore> breaking;
  kit.f.around_store = [&](store::RocksStore& store) -> store::Store& {
    breaking = std::make_unique<BreakingStore>(store, broken);
    return *breaking;
  };
  kit.open();
  kit.enrol("p2", 2);
  broken = true;
  CHECK_FALSE(kit.service->erase(kit.f.key("operator/1"), "main", "p1"));
  kit.f.stop(kit.service);  // halted: it can't say that it was sealed
  broken = false;
  const std::uint64_t end = head_of(kit.f.dir());
  REQUIRE(backup::write_mark(kit.f.dir(), {taken.made.size, end}));
  const Status opened = kit.try_open();
  REQUIRE_FALSE(opened);
  CHECK(has_text(opened.error().message, "keys that are there"));
  kit.f.stop(kit.service);
  CHECK(head_of(kit.f.dir()) == end);
}
