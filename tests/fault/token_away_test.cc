// P3 without the token: it fails or is pulled out under load, comes back, is another one, refuses the PIN.
#include <atomic>
#include <thread>

#include "tests/fault/behind_shim.h"
#include "tests/fault/calls.h"
#include "tests/fault/vault_audit.h"
#include "tests/support/paths.h"
#include "tests/support/soon.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

ServiceOptions quick() {
  ServiceOptions o;
  o.sequencer.checkpoint_interval_ms = 20;
  o.sequencer.token_retry_ms = 20;
  return o;
}

// Enrols and matches from four threads, and lets the clock run, until it is told to stop.
class Load {
 public:
  Load(VaultFixture& f, Service& s) : f_(f), s_(s) {
    for (unsigned t = 0; t < 2; ++t) {
      threads_.emplace_back([this, t] { enrol_all(t); });
      threads_.emplace_back([this] { match_all(); });
    }
    threads_.emplace_back([this] {
      while (!stop_) {
        usleep(5000);
        f_.clock.advance(5);
      }
    });
  }
  ~Load() { end(); }
  void end() {
    stop_ = true;
    for (auto& t : threads_) t.join();
    threads_.clear();
  }
  std::map<std::string, std::uint64_t> enrolled;  // acknowledged: id -> face; read after end()
  std::atomic<unsigned> done{0};
  std::atomic<unsigned> halted{0};
  std::atomic<unsigned> other{0};  // refused with anything but the halt

 private:
  void count(const Status& s) {
    if (s) {
      ++done;
    } else {
      ++(s.error().code == Errc::kHalted ? halted : other);
      usleep(2000);
    }
  }
  void enrol_all(unsigned t) {
    for (std::uint64_t n = t; !stop_; n += 2) {
      const std::string id = "p" + std::to_string(n);
      const auto r = enrol(f_, s_, id, VaultFixture::random_face(64, 1000 + n));
      count(r ? Status() : Status(r.error()));
      const std::lock_guard lock(mutex_);
      if (r) enrolled[id] = 1000 + n;
    }
  }
  void match_all() {
    while (!stop_) {
      const auto r = ask(f_, s_, VaultFixture::random_face(64, 3));
      count(r ? Status() : Status(r.error()));
    }
  }
  VaultFixture& f_;
  Service& s_;
  std::mutex mutex_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("a token that goes away under load halts the vault with its reason, and its return ends the halt") {
  NEEDS_TOKEN();
  const SoftHsmShim shim;
  FixtureOptions ample;
  ample.erase_daily = 100'000;  // a quick machine enrols more in a round than a day's allowance
  VaultFixture f(behind_shim(ample));
  auto service = std::move(*f.start(quick()));
  REQUIRE(said(open_vault(f, *service)) == "ok");
  // Pulled out (CKR_TOKEN_NOT_PRESENT), broken (CKR_DEVICE_ERROR), every signature failing (CKR_FUNCTION_FAILED).
  for (const char* fault : {"* 0xe0", "* 0x30", "C_Sign 0x6"}) {
    CAPTURE(fault);
    Load load(f, *service);
    REQUIRE(soon([&] { return load.done > 20; }));
    CHECK_FALSE(service->halted());
    shim.inject(fault);
    REQUIRE(soon([&] { return service->halted().has_value(); }));
    const auto halt = service->halted();
    CHECK_FALSE(halt->fatal);
    CHECK(halt->reason.message.size() > 30);
    CHECK_FALSE(halt->reason.hint.empty());
    const unsigned seen = load.halted;
    REQUIRE(soon([&] { return load.halted > seen + 10; }));
    const unsigned done = load.done;
    usleep(100'000);
    CHECK(load.done == done);  // nobody is answered while it lasts
    const auto status = service->seal_status();
    REQUIRE(said(status) == "ok");
    CHECK(status->state == "halted");
    CHECK_FALSE(status->halt_reason.empty());
    CHECK(code_of(ask(f, *service, VaultFixture::random_face(64, 3))) == Errc::kHalted);
    CHECK(code_of(erase(f, *service, "p0")) == Errc::kHalted);

    shim.heal();
    REQUIRE(soon([&] { return !service->halted(); }));
    REQUIRE(soon([&] { return load.done > done + 20; }));
    load.end();
    CHECK(load.other == 0);
    unsigned lost = 0;
    for (const auto& [id, seed] : load.enrolled)
      lost += decided(ask(f, *service, VaultFixture::random_face(64, seed), id)) == "match " + id ? 0 : 1;
    CHECK(lost == 0);
    for (const auto& [id, seed] : load.enrolled) REQUIRE(said(erase(f, *service, id)) == "ok");
  }
  CHECK(audit_vault(*f.store, *f.slots, service->sequencer().read([](const ledger::State& st) { return st; })).empty());
  f.stop(service);
}

TEST_CASE("an erasure whose checkpoint could not be signed is in force, and stays so after a restart") {
  NEEDS_TOKEN();
  const SoftHsmShim shim;
  VaultFixture f(behind_shim());
  auto service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  const Vector anna = VaultFixture::random_face(64, 21);
  REQUIRE(said(enrol(f, *service, "anna", anna)) == "ok");
  shim.inject("C_Sign 0x6");
  const auto erased = erase(f, *service, "anna");
  CHECK(code_of(erased) == Errc::kHalted);
  shim.heal();
  f.stop(service);
  auto again = f.start();
  REQUIRE(said(again) == "ok");
  service = std::move(*again);
  REQUIRE(said(open_vault(f, *service)) == "ok");
  CHECK(decided(ask(f, *service, anna)) == "no_match");
  CHECK(audit_vault(*f.store, *f.slots, service->sequencer().read([](const ledger::State& st) { return st; })).empty());
  f.stop(service);
}

TEST_CASE("a token that is away at the start is named as the cause, and nothing is lost") {
  NEEDS_TOKEN();
  const SoftHsmShim shim;
  VaultFixture f(behind_shim());
  shim.inject(kPulledOut);
  const auto refused = f.start();
  REQUIRE_FALSE(refused);
  INFO(said(refused));
  CHECK(names_token(refused.error()));
  f.custody.reset();
  f.store.reset();
  f.slots.reset();
  shim.heal();
  auto service = f.start();
  REQUIRE(said(service) == "ok");
  CHECK(said(open_vault(f, **service)) == "ok");
  f.stop(*service);
}

TEST_CASE("a wrong PIN is tried once") {
  NEEDS_TOKEN();
  const SoftHsmShim shim;
  const VaultFixture f(behind_shim());
  const std::size_t before = shim.calls("C_Login");
  const auto pool = hsm::open_token(SoftHsm::uri_of("facekeep-test", facekeep::test::pkcs11_shim()),
                                    SecretBytes::copy_of(as_bytes("999999")));
  CHECK(code_of(pool) == Errc::kHsmPin);
  CHECK(shim.calls("C_Login") == before + 1);
}

TEST_CASE("a token that is not the vault's is refused by its identity, before any PIN") {
  NEEDS_TOKEN();
  const SoftHsmShim shim;
  const VaultFixture f(behind_shim());
  f.token().add_token("look-alike");
  hsm::OpenOptions options;
  options.expected = hsm::ExpectedToken{f.genesis().token.manufacturer, f.genesis().token.serial};
  const std::size_t before = shim.calls("C_Login");
  const auto other =
      hsm::open_token(SoftHsm::uri_of("look-alike", facekeep::test::pkcs11_shim()), SoftHsm::pin(), options);
  CHECK(code_of(other) == Errc::kFailedPrecondition);
  CHECK(other.error().message.find(f.genesis().token.serial) != std::string::npos);
  CHECK(shim.calls("C_Login") == before);
  // Its own is accepted by the same rule.
  const auto own =
      hsm::open_token(SoftHsm::uri_of("facekeep-test", facekeep::test::pkcs11_shim()), SoftHsm::pin(), options);
  CHECK(said(own) == "ok");
}
