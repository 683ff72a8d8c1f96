// A vault on a small disk that is filled up at a moment of a ceremony, and what it answers there.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fault/small_disk.h"
#include "tests/fault/vault_audit.h"
#include "tests/unit/vault/disturbed_rotation.h"

namespace facekeep::test {

inline constexpr std::uint64_t kUnderReserve = 100 * kMiB;  // sealing and erasing alone may use it
inline constexpr std::uint64_t kLastBytes = 64 * 1024;      // for the token's small files alone
inline constexpr std::uint64_t kNoByte = 0;

// It says how much room there is and how much it takes, and what to do.
inline bool names_cause(const Error& e) {
  return e.code == Errc::kOutOfSpace && e.message.find("MiB") != std::string::npos &&
         e.hint.find("make room") != std::string::npos;
}

// A vault of seven people, whose disk somebody fills up at a moment of a ceremony.
class Starved {
  std::mutex mutex_;  // what the vault's threads use outlives it
  std::vector<Error> told_;
  const SmallDisk& disk_;
  std::uint64_t leave_ = 0;
  std::function<bool(std::string_view)> moment_;
  std::atomic<bool> filled_{false};
  std::unique_ptr<CustodyAround> token_;

 public:
  RotationKit kit{{}, 2};

  explicit Starved(const SmallDisk& disk) : disk_(disk) {
    kit.f.around_custody = [this](hsm::TokenCustody& inner) -> Custody& {
      token_ = std::make_unique<CustodyAround>(inner);
      token_->before_root([this] {
        reach("root");
        return Status();
      });
      return *token_;
    };
    kit.options.on_rotation_failed = [this](const Error& why) {
      const std::lock_guard lock(mutex_);
      told_.push_back(why);
    };
    kit.options.sequencer.at_commit_point = [this](const char* point) { reach(point); };
    REQUIRE(kit.start());
    REQUIRE(kit.unseal());
    kit.enrol(7);
  }

  // Once, when `moment` is true of a commit point, or of "root": before one is made or destroyed.
  void fill_when(std::uint64_t leave, std::function<bool(std::string_view point)> moment) {
    const std::lock_guard lock(mutex_);
    leave_ = leave;
    moment_ = std::move(moment);
  }
  [[nodiscard]] bool filled() const { return filled_; }
  // Whoever keeps the vault was told why its keys don't change.
  [[nodiscard]] bool was_told() {
    const std::lock_guard lock(mutex_);
    return std::any_of(told_.begin(), told_.end(), names_cause);
  }
  // The vault's own work goes on, and the clock with it, until it is so.
  [[nodiscard]] bool pass_time(const std::function<bool()>& until, std::int64_t ms = 2'000) {
    return soon([&] {
      if (until()) return true;
      kit.service->housekeeping();
      kit.f.clock.advance(ms);
      return false;
    });
  }

 private:
  void reach(std::string_view point) {
    const std::lock_guard lock(mutex_);
    if (!moment_ || !moment_(point)) return;
    moment_ = {};
    disk_.fill(leave_);
    filled_ = true;
  }
};

inline std::vector<std::string> disagreements(RotationKit& kit) {
  return audit_vault(*kit.f.store, *kit.f.slots,
                     kit.service->sequencer().read([](const ledger::State& st) { return st; }));
}

// A door's question needs an entry in the log. With it the store gives up its ballast.
inline void door_is_told(RotationKit& kit) {
  const auto answer = kit.service->match(kit.f.key("door/1"), "main", ask(RotationKit::face(0)));
  REQUIRE_FALSE(answer);
  INFO(answer.error().message);
  CHECK(names_cause(answer.error()));
  CHECK_FALSE(kit.service->halted());
}

inline void seals(RotationKit& kit) {
  CHECK(problem(kit.service->seal(kit.f.key("property/1"))) == "ok");
  CHECK(kit.service->seal_status()->state == "sealed");
}

// A process that comes up on the full disk takes no card, and says why.
inline void restarts_sealed(RotationKit& kit) {
  REQUIRE(kit.restart());
  CHECK(kit.service->seal_status()->state == "sealed");
  const seal::SecretWords& card = kit.cards ? kit.cards->words.at("property/1") : kit.f.card("property/1");
  const auto taken = kit.hand_in_card("property/1", card);
  REQUIRE_FALSE(taken);
  CHECK(names_cause(taken.error()));
}

}  // namespace facekeep::test
