// The service against a hostile hour: clocks that jump, answers that would come too early, questions that only ask for
// the time they take.
#include <future>

#include "tests/support/catch.h"
#include "tests/support/store_around.h"
#include "tests/support/vault_fixture.h"
#include "vault/service.h"
#include "vault/store/keys.h"

using namespace facekeep;
using facekeep::test::SoftHsm;
using facekeep::test::VaultFixture;

#define NEEDS_TOKEN()                                            \
  if (!SoftHsm::available()) {                                   \
    WARN("SKIP softhsm2 is not installed: no token to test on"); \
    return;                                                      \
  }

namespace {

constexpr std::int64_t kHour = 3'600'000;

Result<EnrolAnswer> enrol(VaultFixture& f, Service& s, const std::string& id, std::uint64_t seed) {
  EnrolInput in;
  in.subject = id;
  in.consent = VaultFixture::consent();
  in.templates.push_back({"face", VaultFixture::random_face(64, seed)});
  return s.put_subject(f.key("operator/1"), "main", std::move(in));
}

// Counts what is read, record by record.
class CountingStore final : public test::StoreAround {
 public:
  using StoreAround::StoreAround;
  Result<std::optional<Bytes>> get(ByteView key) const override {
    if (as_chars(key).starts_with(as_chars(store::keys::prefix(store::keys::Kind::kRecord)))) ++records;
    return StoreAround::get(key);
  }
  mutable std::atomic<int> records{0};
};

// A disk without room, for narrowing either, while `full`.
class FullStore final : public test::StoreAround {
 public:
  using StoreAround::StoreAround;
  Status commit(const store::Batch& batch, store::Urgency urgency) override {
    return full ? no_room() : StoreAround::commit(batch, urgency);
  }
  Status check() const override { return full ? no_room() : StoreAround::check(); }
  std::atomic<bool> full{false};

 private:
  static Status no_room() { return make_error(Errc::kOutOfSpace, "no space (injected)"); }
};

}  // namespace

TEST_CASE("verify opens one record, whoever is asked about") {
  NEEDS_TOKEN();
  test::FixtureOptions o;
  o.erase_daily = 1;
  VaultFixture f(o);
  std::unique_ptr<CountingStore> counting;
  f.around_store = [&](store::RocksStore& inner) -> store::Store& {
    counting = std::make_unique<CountingStore>(inner);
    return *counting;
  };
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  for (const auto& [id, seed] :
       {std::pair<std::string, std::uint64_t>{"anna", 1}, {"bela", 2}, {"gone", 3}, {"suspended", 4}}) {
    REQUIRE(enrol(f, *service, id, seed));
  }
  REQUIRE(service->erase(f.key("operator/1"), "main", "gone")->destroyed);
  REQUIRE_FALSE(service->erase(f.key("operator/1"), "main", "suspended")->destroyed);
  const auto ask = [&](const std::string& id, std::uint64_t seed) {
    MatchCall call;
    call.door = "north";
    call.model = "face";
    call.subject = id;
    call.probe = VaultFixture::random_face(64, seed);
    const int before = counting->records;
    const auto answer = service->match(f.key("door/1"), "main", std::move(call));
    REQUIRE(answer);
    INFO(id);
    CHECK(counting->records - before == 1);
    return answer->decision;
  };
  CHECK(ask("anna", 1) == "match");
  CHECK(ask("anna", 2) == "no_match");
  // A stranger is nobody, even with the face of somebody whose record was opened in the stranger's place.
  for (int i = 0; i < 8; ++i) {
    CHECK(ask("nobody", 1) == "no_match");
    CHECK(ask("nobody", 2) == "no_match");
  }
  CHECK(ask("gone", 3) == "no_match");
  CHECK(ask("suspended", 4) == "no_match");
  f.stop(service);
}

TEST_CASE("after a jump of the wall clock nothing is destroyed by time until the next start") {
  NEEDS_TOKEN();
  test::FixtureOptions o;
  o.erase_daily = 0;
  VaultFixture f(o);
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  REQUIRE(enrol(f, *service, "anna", 1));
  REQUIRE_FALSE(service->erase(f.key("operator/1"), "main", "anna")->destroyed);
  const auto persons = [&] {
    return service->sequencer().read([](const ledger::State& st) { return st.persons("main"); });
  };
  f.clock.wall += 5 * kHour;
  service->housekeeping();
  CHECK_FALSE(service->clock_jumped());
  f.clock.wall += 2 * kHour;
  service->housekeeping();
  CHECK(service->clock_jumped());
  CHECK(service->seal_status()->clock_jumped);
  CHECK(service->metrics().clock_jumped);
  f.clock.wall -= 7 * kHour;  // set back: still nobody knows which was right
  f.clock.advance(80 * kHour);
  service->housekeeping();
  CHECK(service->clock_jumped());
  CHECK(persons() == 1);

  f.stop(service);
  service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  service->housekeeping();
  CHECK_FALSE(service->clock_jumped());
  CHECK(persons() == 0);
  f.stop(service);
}

TEST_CASE("that a subject is gone is said once its erasure is on disk, not before") {
  NEEDS_TOKEN();
  VaultFixture f;
  std::atomic<bool> hold{false};
  std::promise<void> reached;
  std::promise<void> released;
  auto go = released.get_future().share();
  ServiceOptions options;
  options.sequencer.at_commit_point = [&](const char* point) {
    if (std::string(point) != "applied" || !hold.exchange(false)) return;
    reached.set_value();
    go.wait();
  };
  auto service = std::move(*f.start(options));
  REQUIRE(f.unseal(*service));
  REQUIRE(enrol(f, *service, "anna", 1));
  REQUIRE(enrol(f, *service, "bela", 2));
  REQUIRE(service->erase(f.key("operator/1"), "main", "bela"));  // makes the day's key of the changes feed
  const auto erase = [&] { return service->erase(f.key("operator/1"), "main", "anna"); };
  hold = true;
  auto first = std::async(std::launch::async, erase);
  reached.get_future().wait();
  auto second = std::async(std::launch::async, erase);
  CHECK(second.wait_for(std::chrono::milliseconds(300)) == std::future_status::timeout);
  released.set_value();
  CHECK(first.get()->destroyed);
  const auto answer = second.get();
  REQUIRE_FALSE(answer);
  CHECK(std::string(answer.error().problem) == "not-found");
  f.stop(service);
}

TEST_CASE("an unseal that ended while the disk was full is in the log before the next card is taken") {
  NEEDS_TOKEN();
  VaultFixture f;
  std::unique_ptr<FullStore> disk;
  f.around_store = [&](store::RocksStore& inner) -> store::Store& {
    disk = std::make_unique<FullStore>(inner);
    return *disk;
  };
  auto service = std::move(*f.start());
  REQUIRE(f.hand_in(*service, "property/1"));
  f.clock.advance(16 * 60'000);
  disk->full = true;
  service->housekeeping();
  CHECK(service->seal_status()->state == "unsealing");
  CHECK_FALSE(f.hand_in(*service, "property/2"));
  disk->full = false;
  // The same card again, at once: nobody waits for the housekeeping.
  const auto again = f.hand_in(*service, "property/1");
  INFO((again ? "" : again.error().message));
  REQUIRE(again);
  CHECK(again->groups[0].in == 1);
  service->housekeeping();
  CHECK(service->seal_status()->groups[0].in == 1);
  for (const char* card : {"property/2", "residents/1"}) REQUIRE(f.hand_in(*service, card));
  CHECK(f.hand_in(*service, "residents/3")->open);
  f.stop(service);
}

TEST_CASE("a seal that the disk could not take forgets the cards that came before it") {
  NEEDS_TOKEN();
  VaultFixture f;
  std::unique_ptr<FullStore> disk;
  f.around_store = [&](store::RocksStore& inner) -> store::Store& {
    disk = std::make_unique<FullStore>(inner);
    return *disk;
  };
  auto service = std::move(*f.start());
  REQUIRE(f.hand_in(*service, "property/1"));
  disk->full = true;
  CHECK_FALSE(service->seal(f.key("residents/1")));
  CHECK_FALSE(f.hand_in(*service, "property/2"));
  disk->full = false;
  service->housekeeping();
  CHECK(service->seal_status()->state == "sealed");
  REQUIRE(f.unseal(*service));
  f.stop(service);
}
