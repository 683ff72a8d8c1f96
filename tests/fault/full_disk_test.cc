// P3 and P6 on a full disk: a whole vault, its token's files too, on a small tmpfs that is filled up.
#include <chrono>
#include <thread>

#include "hsm/anchor.h"
#include "tests/fault/calls.h"
#include "tests/fault/small_disk.h"
#include "tests/fault/vault_audit.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

std::vector<std::string> audit(VaultFixture& f, Service& s) {
  return audit_vault(*f.store, *f.slots, s.sequencer().read([](const ledger::State& st) { return st; }));
}

void refuse_and_recover(const SmallDisk& disk, std::uint64_t leave) {
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  const Vector anna = VaultFixture::random_face(64, 11);
  const Vector bela = VaultFixture::random_face(64, 12);
  REQUIRE(said(enrol(f, *service, "anna", anna)) == "ok");
  REQUIRE(said(enrol(f, *service, "bela", bela)) == "ok");
  const auto size = [&] { return service->sequencer().read([](const ledger::State& st) { return st.size(); }); };

  disk.fill(leave);
  const auto before = size();
  for (int i = 0; i < 3; ++i) {
    const auto refused = enrol(f, *service, "carl", VaultFixture::random_face(64, 13));
    CHECK(code_of(refused) == Errc::kOutOfSpace);
    CHECK(refused.error().message.find("MiB") != std::string::npos);
    CHECK(refused.error().hint.find("make room") != std::string::npos);
    CHECK(code_of(ask(f, *service, anna)) == Errc::kOutOfSpace);
  }
  CHECK(size() == before);
  CHECK_FALSE(service->halted());
  CHECK(service->seal_status()->state == "open");

  const auto erased = erase(f, *service, "anna");
  CHECK(said(erased) == "ok");
  CHECK((erased && erased->destroyed));
  CHECK(said(service->seal(f.key("property/1"))) == "ok");
  CHECK(service->seal_status()->state == "sealed");
  CHECK(audit(f, *service).empty());

  disk.make_room();
  REQUIRE(said(open_vault(f, *service)) == "ok");
  CHECK(decided(ask(f, *service, anna)) == "no_match");
  CHECK(decided(ask(f, *service, bela)) == "match bela");
  CHECK(said(enrol(f, *service, "carl", VaultFixture::random_face(64, 13))) == "ok");
  CHECK(audit(f, *service).empty());
  f.stop(service);
}

// While it runs the store has a write-ahead log and gives its room back as it stops.
enum class Filled : std::uint8_t { kRunning, kDown };

void restart_on(const SmallDisk& disk, std::uint64_t leave, Filled filled) {
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  const Vector anna = VaultFixture::random_face(64, 14);
  REQUIRE(said(enrol(f, *service, "anna", anna)) == "ok");
  if (filled == Filled::kRunning) disk.fill(leave);
  f.stop(service);
  if (filled == Filled::kDown) disk.fill(leave);
  auto again = f.start();
  REQUIRE(said(again) == "ok");
  service = std::move(*again);
  CHECK(service->seal_status()->state == "sealed");
  CHECK(code_of(f.hand_in(*service, "property/1")) == Errc::kOutOfSpace);
  CHECK(said(service->seal(f.key("residents/1"))) == "ok");
  disk.make_room();
  REQUIRE(said(open_vault(f, *service)) == "ok");
  CHECK(decided(ask(f, *service, anna)) == "match anna");
  CHECK(audit(f, *service).empty());
  f.stop(service);
}

}  // namespace

TEST_CASE("a disk under its reserve refuses with the cause; seal and erase work; with room everything does") {
  NEEDS_DISK(disk);
  refuse_and_recover(disk, 100 * kMiB);
}

TEST_CASE("a disk without a byte left refuses with the cause; seal and erase work; with room everything does") {
  NEEDS_DISK(disk);
  refuse_and_recover(disk, 0);
}

TEST_CASE("a vault that went down on a full disk comes up, can be sealed, and opens when there is room") {
  NEEDS_DISK(disk);
  restart_on(disk, GENERATE(100 * kMiB, std::uint64_t{0}), Filled::kRunning);
}

TEST_CASE("a vault whose disk is filled up while it is down comes up, can be sealed, and opens when there is room") {
  NEEDS_DISK(disk);
  restart_on(disk, GENERATE(100 * kMiB, std::uint64_t{0}), Filled::kDown);
}

TEST_CASE("a disk that fills up slowly is refused in time, never in the middle of a commit") {
  NEEDS_DISK(disk);
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  // The last bytes before ordinary work is refused (the reserve and the room of a write buffer, twice).
  const store::RocksOptions defaults;
  const std::uint64_t limit = defaults.reserve + 2 * defaults.write_buffer;
  int refused = 0;
  int done = 0;
  for (std::uint64_t leave = limit + 64 * 1024; refused < 20; leave -= 4096) {
    disk.fill(leave);
    EnrolInput large;  // some 20 KB by the store's reckoning
    large.subject = "p" + std::to_string(leave);
    large.consent = VaultFixture::consent();
    for (unsigned i = 0; i < 8; ++i) large.templates.push_back({"face", VaultFixture::random_face(64, leave + i)});
    const auto r = service->put_subject(f.key("operator/1"), "main", std::move(large));
    done += r ? 1 : 0;
    if (r) continue;
    REQUIRE(code_of(r) == Errc::kOutOfSpace);
    ++refused;
  }
  CHECK(done > 5);
  CHECK_FALSE(service->halted());
  disk.make_room();
  CHECK(said(enrol(f, *service, "late", VaultFixture::random_face(64, 5))) == "ok");
  CHECK(audit(f, *service).empty());
  f.stop(service);
}

TEST_CASE("an anchor that finds no room does not take the one before it away") {
  NEEDS_DISK(disk);
  VaultFixture f;
  ServiceOptions options;
  options.sums_interval_ms = 1LL << 40;  // else the sums make the store give up its ballast first
  auto service = std::move(*f.start(options));
  REQUIRE(said(open_vault(f, *service)) == "ok");
  const Vector anna = VaultFixture::random_face(64, 15);
  REQUIRE(said(enrol(f, *service, "anna", anna)) == "ok");
  CHECK(decided(ask(f, *service, anna)) == "match anna");  // for which an anchor is due, a minute later
  disk.fill(0);
  f.clock.advance(61'000);
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  f.stop(service);
  disk.make_room();
  auto again = f.start();
  REQUIRE(said(again) == "ok");
  service = std::move(*again);
  REQUIRE(said(open_vault(f, *service)) == "ok");
  CHECK(decided(ask(f, *service, anna)) == "match anna");
  CHECK(audit(f, *service).empty());
  f.stop(service);
}

TEST_CASE("a token whose own disk is full keeps the anchor that it has") {
  NEEDS_DISK(disk);
  VaultFixture f;
  const auto pool = f.open_token().value();
  const Id128 vault{9};
  const auto size = [&] { return hsm::read_anchor(*pool, vault).value()->size; };
  REQUIRE(hsm::write_anchor(*pool, vault, {1, {1}, 1}));
  disk.fill(0);
  CHECK_FALSE(hsm::write_anchor(*pool, vault, {2, {2}, 2}));
  CHECK_FALSE(hsm::restart_anchor(*pool, vault, {0, {}, 2}));
  CHECK(size() == 1);
  disk.make_room();
  CHECK(size() == 1);
  REQUIRE(hsm::write_anchor(*pool, vault, {3, {3}, 3}));
  CHECK(size() == 3);
}
