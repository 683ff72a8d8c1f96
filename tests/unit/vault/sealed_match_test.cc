// Matching in a gallery that is large enough for codes: exact values come from the sealed store.
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/store_around.h"
#include "tests/unit/vault/calls.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

constexpr std::uint64_t kPeople = 150;  // codes begin at 128

// Counts the templates that are read, and alters them if told to.
class TemplateStore final : public StoreAround {
 public:
  using StoreAround::StoreAround;
  Result<std::optional<Bytes>> get(ByteView key) const override {
    auto found = StoreAround::get(key);
    if (!as_chars(key).starts_with(as_chars(store::keys::prefix(store::keys::Kind::kTemplate)))) return found;
    ++read;
    if (altered && found && *found) (**found)[40] ^= 1;
    return found;
  }
  mutable std::atomic<int> read{0};
  std::atomic<bool> altered{false};
};

std::string name(std::uint64_t n) {
  return "person-" + std::to_string(n);
}

}  // namespace

TEST_CASE("a large gallery opens sealed templates to decide, and only those that may win") {
  NEEDS_TOKEN();
  VaultFixture f;
  std::unique_ptr<TemplateStore> store;
  f.around_store = [&](store::RocksStore& inner) -> store::Store& {
    store = std::make_unique<TemplateStore>(inner);
    return *store;
  };
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  for (std::uint64_t n = 0; n < kPeople; ++n) {
    REQUIRE(problem(service->put_subject(f.key("operator/1"), "main",
                                         person(name(n), VaultFixture::random_face(64, n)))) == "ok");
  }
  const Digest& door = f.key("door/1");
  const auto near = [](std::uint64_t n) {
    return VaultFixture::face_near(VaultFixture::random_face(64, n), 0.8, n + 1000);
  };
  const auto look_around = [&] {
    for (std::uint64_t n = 0; n < kPeople; n += 10) {
      store->read = 0;
      const auto hit = service->match(door, "main", ask(near(n)));
      REQUIRE(problem(hit) == "ok");
      CHECK(hit->subject == name(n));
      CHECK(store->read >= 1);
      CHECK(store->read < 5);
      CHECK(decision(service->match(door, "main", ask(near(n), name(n)))) == "match");
      CHECK(decision(service->match(door, "main", ask(near(n), name((n + 1) % kPeople)))) == "no_match");
      CHECK(decision(service->match(door, "main", ask(near(n), "nobody"))) == "no_match");
    }
  };
  look_around();
  CHECK(decision(service->match(door, "main", ask(VaultFixture::random_face(64, 99999)))) == "no_match");

  // The work of verify does not tell who is in.
  for (const auto& who : {name(5), std::string("nobody")}) {
    store->read = 0;
    REQUIRE(service->match(door, "main", ask(near(5), who)));
    CHECK(store->read >= 8);
  }

  // What can't be read may be the one: a person looks. Nobody is verified by it.
  store->altered = true;
  CHECK(decision(service->match(door, "main", ask(near(3)))) == "refer");
  CHECK(decision(service->match(door, "main", ask(near(3), name(3)))) == "no_match");
  store->altered = false;

  REQUIRE(problem(service->erase(f.key("operator/1"), "main", name(3))) == "ok");
  CHECK(decision(service->match(door, "main", ask(near(3)))) == "no_match");
  CHECK(decision(service->match(door, "main", ask(near(3), name(3)))) == "no_match");

  f.stop(service);
  service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  while (!service->seal_status()->templates_ready) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  look_around();
  f.stop(service);
}

TEST_CASE("a face that was enrolled two thousand times over is referred to a person, and holds up nobody else") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 7);
  const auto enrol = [&](std::uint64_t first, std::uint64_t n, bool copies) {
    std::vector<EnrolInput> rows;
    for (std::uint64_t i = first; i < first + n; ++i) {
      rows.push_back(person(name(i), copies ? face : VaultFixture::random_face(64, 1000 + i)));
    }
    for (const auto& r : service->enrol(f.key("operator/1"), "main", std::move(rows))) REQUIRE(problem(r) == "ok");
  };
  enrol(0, kPeople, false);
  enrol(10'000, Service::kMaxBulkRows, true);
  enrol(20'000, Service::kMaxBulkRows, true);
  enrol(30'000, 100, true);
  CHECK(decision(service->match(f.key("door/1"), "main", ask(face))) == "refer");
  CHECK(decision(service->match(f.key("door/1"), "main", ask(VaultFixture::random_face(64, 1005)))) == "match");
  f.stop(service);
}
