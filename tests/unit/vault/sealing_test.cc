// What is in flight when the vault is sealed: its keys, and a signed probe that is about to be used.
#include <future>
#include <thread>

#include "tests/support/camera.h"
#include "tests/support/catch.h"
#include "tests/support/soon.h"
#include "tests/support/store_around.h"
#include "tests/unit/vault/calls.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

// Holds one thread, from the first time that it comes here while armed, until it is let go.
class Hold {
 public:
  void here() {
    if (!armed.exchange(false)) return;
    reached = true;
    gone_.wait();
  }
  void let_go() { go_.set_value(); }
  std::atomic<bool> armed{false};
  std::atomic<bool> reached{false};

 private:
  std::promise<void> go_;
  std::shared_future<void> gone_{go_.get_future()};
};

// Who reads a record is held.
class HeldStore final : public StoreAround {
 public:
  HeldStore(store::Store& inner, Hold& hold) : StoreAround(inner), hold_(hold) {}
  Result<std::optional<Bytes>> get(ByteView key) const override {
    if (as_chars(key).starts_with(as_chars(store::keys::prefix(store::keys::Kind::kRecord)))) hold_.here();
    return StoreAround::get(key);
  }

 private:
  Hold& hold_;
};

}  // namespace

TEST_CASE("no seal answers while a request holds keys, whichever seal closed the vault") {
  NEEDS_TOKEN();
  Hold hold;
  std::unique_ptr<HeldStore> held;
  VaultFixture f;
  f.around_store = [&](store::RocksStore& inner) -> store::Store& {
    held = std::make_unique<HeldStore>(inner, hold);
    return *held;
  };
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  REQUIRE(service->put_subject(f.key("operator/1"), "main", person("x", VaultFixture::random_face(64, 1))));
  hold.armed = true;
  auto reading = std::async(std::launch::async, [&] { return service->get_subject(f.key("operator/1"), "main", "x"); });
  CHECK(soon([&] { return hold.reached.load(); }));
  // One of them closes the vault; the others find it closed, and are quicker.
  std::vector<std::future<std::string>> seals;
  for (int i = 0; i < 8; ++i) {
    seals.push_back(std::async(std::launch::async, [&] { return problem(service->seal(f.key("property/1"))); }));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  for (auto& each : seals) CHECK(each.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  const auto status = service->seal_status();
  CHECK((status && status->state == "sealed"));
  hold.let_go();
  CHECK(problem(reading.get()) == "sealed");
  for (auto& each : seals) CHECK(each.get() == "ok");
  REQUIRE(f.unseal(*service));
  CHECK(service->get_subject(f.key("operator/1"), "main", "x")->subjects.size() == 1);
  f.stop(service);
}

TEST_CASE("a signed probe that meets a seal is refused, since what was used before is forgotten then") {
  NEEDS_TOKEN();
  Hold hold;
  FixtureOptions cameras;
  cameras.cameras = true;
  VaultFixture f(cameras);
  ServiceOptions options;
  options.sequencer.at_commit_point = [&](const char* point) {
    if (std::string_view(point) == "committed") hold.here();
  };
  auto service = std::move(*f.start(options));
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 6);
  REQUIRE(service->put_subject(f.key("operator/1"), "main", person("x", face)));
  const auto match = [&](const probe::Claims& claims) {
    const std::string jws = sign(f, claims);
    MatchCall call = ask({});
    call.signed_probe = jws;
    return decision(service->match(f.key("door/1"), "main", std::move(call)));
  };
  REQUIRE(match(claims_of(f, face)) == "match");  // the month's key is there

  hold.armed = true;
  auto writing = std::async(std::launch::async, [&] { return problem(service->openings(f.key("auditor/1"), 0)); });
  CHECK(soon([&] { return hold.reached.load(); }));
  auto asking = std::async(std::launch::async, [&, claims = claims_of(f, face)] { return match(claims); });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // until it waits for the log
  auto sealing = std::async(std::launch::async, [&] { return problem(service->seal(f.key("property/1"))); });
  CHECK(soon([&] {
    const auto status = service->seal_status();
    return status && status->state == "sealed";
  }));
  hold.let_go();
  CHECK(asking.get() == "sealed");
  CHECK(sealing.get() == "ok");
  writing.get();
  f.stop(service);
}
