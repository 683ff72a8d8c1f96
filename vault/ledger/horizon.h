// The erasure horizon of one subject, as its `erased` event promises it. Format: vault/log/FORMAT.md, "Schedule of
// rotations"; where it comes from: schedule.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "vault/base/json.h"

namespace facekeep::ledger {

// Until when something somewhere could still open what is erased: an old backup with its token and a quorum's cards.
struct Horizon {
  std::uint32_t epoch = 0;             // of the root key that has to be destroyed, 1 to 1,000,000
  bool spare = false;                  // the spare token's key opens it too, until another took its place
  std::optional<std::string> by = {};  // the day by which the schedule in force promises that root's end
  bool operator==(const Horizon&) const = default;
};
inline constexpr std::uint32_t kMaxHorizonEpoch = 1'000'000;

Json to_json(const Horizon& horizon);
// Strict.
Result<Horizon> horizon_from_json(const Json& value);

}  // namespace facekeep::ledger
