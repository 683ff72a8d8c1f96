// A backup beside a vault that goes on: who is erased between its look at the rows and its look at the keys.
#include "tests/support/store_around.h"
#include "tests/unit/backup/backup_kit.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

// A snapshot during which something happens: once, when the rows behind the log's entries are read.
class Eventful final : public store::Snapshot {
 public:
  Eventful(std::unique_ptr<store::Snapshot> inner, std::function<void()> meanwhile)
      : inner_(std::move(inner)), meanwhile_(std::move(meanwhile)) {}
  Result<std::optional<Bytes>> get(ByteView key) const override { return inner_->get(key); }
  Status scan(ByteView prefix, ByteView from, const Visit& visit) const override {
    const bool now = to_bytes(prefix) == store::keys::prefix(store::keys::Kind::kSiteKey);
    if (now && meanwhile_) std::exchange(meanwhile_, nullptr)();
    return inner_->scan(prefix, from, visit);
  }
  Result<std::uint64_t> head() const override { return inner_->head(); }

 private:
  std::unique_ptr<store::Snapshot> inner_;
  mutable std::function<void()> meanwhile_;
};

class EventfulStore final : public StoreAround {
 public:
  EventfulStore(store::Store& inner, const std::function<void()>& meanwhile)
      : StoreAround(inner), meanwhile_(meanwhile) {}
  Result<std::unique_ptr<store::Snapshot>> snapshot() const override {
    FK_TRY(auto inner, StoreAround::snapshot());
    return std::unique_ptr<store::Snapshot>(std::make_unique<Eventful>(std::move(inner), meanwhile_));
  }

 private:
  const std::function<void()>& meanwhile_;
};

}  // namespace

TEST_CASE("doors are answered and people erased while a backup is taken, and the erased are not in what is restored") {
  NEEDS_TOKEN();
  std::function<void()> meanwhile;
  std::unique_ptr<EventfulStore> store;
  BackupKit kit;
  kit.f.stop(kit.service);
  kit.f.around_store = [&](store::RocksStore& inner) -> store::Store& {
    store = std::make_unique<EventfulStore>(inner, meanwhile);
    return *store;
  };
  kit.open();
  for (std::uint64_t n = 1; n <= 30; ++n) kit.enrol("p" + std::to_string(n), n);
  const BackupStatus whole = kit.take();
  kit.enrol("p31", 31);
  kit.enrol("p32", 32);
  int erased = 0;
  int answered = 0;
  const auto erase = [&](int n) {
    erased += problem(kit.service->erase(kit.f.key("operator/1"), "main", "p" + std::to_string(n))) == "ok";
    answered += kit.matched(30) == "p30";
  };
  const auto reported = [](const std::string& file, const std::vector<std::string>& before) {
    backup::Chain chain;
    for (const std::string& path : before) REQUIRE(chain.add(std::move(*backup::open_backup(path))));
    REQUIRE(chain.add(std::move(*backup::open_backup(file))));
    CHECK(chain.fault_count() == 0);
    return chain.files().back();
  };
  meanwhile = [&] {
    for (int n = 1; n <= 20; ++n) erase(n);
  };
  const BackupStatus taken = kit.take();
  REQUIRE(erased == 20);
  CHECK(answered == 20);
  const auto file = reported(taken.file, {});
  CHECK(file.records == 32);  // of the beginning
  CHECK(file.slots_missing == 20);
  // In one that builds on another, their rows are missing too.
  meanwhile = [&] { erase(31); };
  const BackupStatus second = kit.take(since(whole));
  REQUIRE(erased == 21);
  const auto other = reported(second.file, {whole.file});
  CHECK(other.records == 1);
  CHECK(other.slots_missing == 1);
  meanwhile = nullptr;
  kit.f.stop(kit.service);
  kit.f.around_store = nullptr;
  kit.mirror_now();
  for (const auto& files : {std::vector{taken.file}, {whole.file, second.file}}) {
    fs::remove_all(kit.f.dir());
    const auto report = kit.restore(files);
    INFO((report ? "" : report.error().message));
    REQUIRE(report);
    CHECK(report->subjects == 11);
    // In the first file are all who were erased; in the pair's second the last of them is missing already.
    CHECK(report->dropped == (files.size() == 1 ? 21 : 20));
    CHECK(report->lost.empty());
    CHECK(report->without_key.empty());
    CHECK(report->faults.empty());
  }
  kit.open_restored();
  for (const std::uint64_t gone : {1, 20, 31}) CHECK(kit.matched(gone) == "no_match");
  for (const std::uint64_t left : {21, 30, 32}) CHECK(kit.matched(left) == "p" + std::to_string(left));
}
