// A vault in whose ceremonies something happens at a named step, and what must be left of them in the end.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fault/vault_audit.h"
#include "tests/unit/vault/disturbed_rotation.h"

namespace facekeep::test {

// A vault of seven people. Its steps are the commit points of the log, and "root": before the token makes or destroys
// a key.
class Interrupted {
  std::mutex mutex_;  // what the vault's threads use outlives it
  std::vector<Error> told_;
  std::function<bool(std::string_view)> moment_;
  std::function<void()> happens_;
  std::atomic<bool> happened_{false};
  std::unique_ptr<CustodyAround> token_;

 public:
  RotationKit kit;

  explicit Interrupted(FixtureOptions o = {}) : kit(std::move(o), 2) {
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
    kit.options.sequencer.token_retry_ms = 20;
    kit.options.sequencer.at_commit_point = [this](const char* point) { reach(point); };
    REQUIRE(kit.start());
    REQUIRE(kit.unseal());
    kit.enrol(7);
  }

  // Once, when `moment` is true of a step.
  void when(std::function<bool(std::string_view point)> moment, std::function<void()> happens) {
    const std::lock_guard lock(mutex_);
    moment_ = std::move(moment);
    happens_ = std::move(happens);
  }
  [[nodiscard]] bool happened() const { return happened_; }
  // Whoever keeps the vault was told such a thing of its keys.
  [[nodiscard]] bool was_told(const std::function<bool(const Error&)>& such) {
    const std::lock_guard lock(mutex_);
    return std::any_of(told_.begin(), told_.end(), such);
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
    happens_();
    happened_ = true;
  }
};

// Where a change of keys has come to.
enum class At : std::uint8_t { kNewRoot, kInForce, kRewrapping, kRewrapped, kOldRoot };

inline bool is_at(const RotationKit& kit, At at, std::string_view point) {
  const auto r = kit.rotation();
  if (at == At::kNewRoot) return point == "root" && !r;
  if (!r) return false;
  if (at == At::kOldRoot) return point == "root";  // the rows of the old keys are gone, their root is about to go
  if (point != "committed") return false;
  if (at == At::kInForce) return r->upto == Id128{};
  return at == At::kRewrapped ? r->upto == ledger::kAllRefs : r->upto != Id128{} && r->upto != ledger::kAllRefs;
}

// Until it happens. New cards are used as soon as everybody is under the keys that they open.
inline bool goes_on_until(Interrupted& s, const Cards* next) {
  return soon([&] {
    const auto r = s.kit.rotation();
    const bool rewrapped = r && r->upto == ledger::kAllRefs && s.kit.on_disk();
    if (s.happened()) return true;
    s.kit.service->housekeeping();
    if (rewrapped && r->cards_untried && !s.kit.reopen(next)) return false;
    if (rewrapped) s.kit.f.clock.advance(61'000);
    return false;
  });
}

inline std::vector<std::string> disagreements(RotationKit& kit) {
  return audit_vault(*kit.f.store, *kit.f.slots,
                     kit.service->sequencer().read([](const ledger::State& st) { return st; }));
}

inline void seals(RotationKit& kit) {
  CHECK(problem(kit.service->seal(kit.f.key("property/1"))) == "ok");
  CHECK(kit.service->seal_status()->state == "sealed");
}

inline std::vector<ledger::State::Handover> handovers(const RotationKit& kit) {
  return kit.service->sequencer().read([](const ledger::State& st) { return st.handovers(); });
}

inline std::vector<Bytes> log_keys_in(RotationKit& kit) {
  std::vector<Bytes> out;
  const auto keys = kit.f.custody->log_keys();
  for (const auto& key : keys.value()) out.push_back(key.bytes);
  return out;
}

// The key before signed the new one in, and is gone.
inline void check_handed_over(Interrupted& s) {
  RotationKit& kit = s.kit;
  const bool stored =
      s.pass_time([&] { return kit.goes_on() && kit.on_disk() && kit.service->sequencer().handover(1); });
  REQUIRE(stored);
  REQUIRE(handovers(kit).size() == 1);
  const auto h = handovers(kit).front();
  const std::string note = kit.service->sequencer().handover(1).value();
  for (const std::string& vkey : {h.from, h.to}) CHECK(log::open_checkpoint(note, log::parse_vkey(vkey).value()));
  kit.enrol(1);  // a key that could not be destroyed goes with the next checkpoint
  const std::vector<Bytes> in_force = {log::parse_vkey(h.to)->public_key};
  const bool alone = s.pass_time([&] { return log_keys_in(kit) == in_force; });
  CHECK(alone);
  kit.check_everybody();
  kit.check_after_restart();
  CHECK(disagreements(kit).empty());
}

}  // namespace facekeep::test
