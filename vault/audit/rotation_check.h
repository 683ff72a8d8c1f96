// Rotations, as an auditor looks at them besides the fold: what the fold refuses of their events by its own name, and
// one that does not end, so that old keys go on to exist. Pure; one object a log, one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "vault/audit/finding.h"
#include "vault/ledger/state.h"

namespace facekeep::audit {

// Rewrapping takes minutes while the vault is open. From here on an auditor says that the old keys are still there.
inline constexpr std::int64_t kRotationTime = 7LL * 24 * 3600 * 1000;

class RotationCheck {
 public:
  explicit RotationCheck(Findings& findings) : findings_(findings) {}

  // Of a state that an earlier audit confirmed: its rotation has lasted since then at least.
  void from(const ledger::State& state);
  // `before` is the state without the event.
  void event(const ledger::Event& event, const ledger::State& before);
  // The finding for an event that the fold refuses, or nothing if it is none of a rotation.
  static std::optional<Code> refused(const ledger::Event& event);
  // After the last entry. May be called again.
  void finish(const ledger::State& state);

 private:
  Findings& findings_;
  ledger::Moment since_;  // when the latest rotation began
  std::optional<std::uint64_t> told_;
};

}  // namespace facekeep::audit
