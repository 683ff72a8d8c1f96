// A rotation whose disk and token can be disturbed, and what must be left of it.
#pragma once

#include <atomic>

#include "tests/support/custody_around.h"
#include "tests/support/soon.h"
#include "tests/support/store_around.h"
#include "tests/unit/vault/rotation_kit.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/log/sequencer/slot_owners.h"

namespace facekeep::test {

using Epochs = std::vector<std::uint32_t>;

// Commits late, or fails one: before it wrote anything, or after it wrote all.
class Saboteur final : public StoreAround {
 public:
  using StoreAround::StoreAround;
  Status commit(const store::Batch& batch, store::Urgency urgency) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    const bool fails = fuse > 0 && --fuse == 0;
    if (fails) fired = true;
    if (fails && !after) return make_error(Errc::kIo, "the disk is gone");
    FK_CHECK(StoreAround::commit(batch, urgency));
    return fails ? Status(make_error(Errc::kIo, "the disk is gone")) : Status();
  }
  std::atomic<int> fuse{0};
  std::atomic<int> delay_ms{0};
  std::atomic<bool> after{false};
  std::atomic<bool> fired{false};
};

// A kit whose store and token can be disturbed; both are new at each start.
class Disturbed {
  std::mutex mutex_;
  std::string failures_;  // outlives the service, which adds to it

 public:
  std::unique_ptr<Saboteur> store;
  std::unique_ptr<CustodyAround> token;
  RotationKit kit;

  explicit Disturbed(FixtureOptions o = {}, std::size_t batch = 2) : kit(std::move(o), batch) {
    kit.f.around_store = [this](store::RocksStore& inner) -> store::Store& {
      store = std::make_unique<Saboteur>(inner);
      return *store;
    };
    kit.f.around_custody = [this](hsm::TokenCustody& inner) -> Custody& {
      token = std::make_unique<CustodyAround>(inner);
      return *token;
    };
    kit.options.on_rotation_failed = [this](const Error& why) {
      const std::lock_guard lock(mutex_);
      failures_ += why.message + "\n";
    };
    REQUIRE(kit.start());
    REQUIRE(kit.unseal());
  }
  ~Disturbed() {
    token->before_root({});
    token->before_wrap({});
  }
  void hold_token() {
    token->before_root([] { return Status(make_error(Errc::kHsmGone, "the token is away")); });
  }
  // What was told of the rotation.
  [[nodiscard]] std::string failures() {
    const std::lock_guard lock(mutex_);
    return failures_;
  }
  // Ticks until everybody's key was offered a move. The clock stands.
  [[nodiscard]] bool rewrapped() {
    return soon([this] {
      kit.service->housekeeping();
      const auto r = kit.rotation();
      return r && r->upto == ledger::kAllRefs;
    });
  }
};

inline bool has_root(RotationKit& kit, std::uint32_t epoch) {
  return kit.f.custody->has_root(epoch).value();
}

// The one root, its rows, its slots: nothing else is there, and the log folds to what is in memory.
inline void check_only(RotationKit& kit, std::uint32_t epoch) {
  CHECK(kit.epoch() == epoch);
  CHECK_FALSE(kit.rotation());
  CHECK(has_root(kit, epoch));
  CHECK_FALSE(has_root(kit, epoch - 1));
  CHECK_FALSE(has_root(kit, epoch + 1));
  CHECK(kit.f.slots->epochs() == Epochs{epoch});
  CHECK(kit.site_keys(epoch) == 3);  // main, annex, the register
  CHECK(kit.site_keys(epoch - 1) == 0);
  const ledger::State now = kit.service->sequencer().read([](const ledger::State& st) { return st; });
  const auto used = kit.f.slots->in_use(epoch).value();
  CHECK(std::set<std::uint32_t>(used.begin(), used.end()) == now.slots());
  const auto again = log::recover(*kit.f.store);
  INFO((again ? "" : again.error().message));
  REQUIRE(again);
}

}  // namespace facekeep::test
