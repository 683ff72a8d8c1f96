// Repetition: probes that follow each other too closely to be faces that come by. The marks of somebody who asks a
// door to learn a template: the same probe again, small steps, and pairs that straddle the threshold.
//
// Of each door and model the last kRemembered unit probes lie in a block of the locked arena, which is cleansed with
// clear() or the object; each new probe is compared with all of them (cosine.h) and takes the place of the oldest. No
// probe, and no score, leaves here. A restart begins empty. vault/log/FORMAT.md section 7a, "Repetition".
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "vault/match/arena.h"

namespace facekeep::match {

inline constexpr std::size_t kRemembered = 32;  // probes of one door and model
// Two images of one person that were taken one after the other reach about .9; nobody holds still to .98 but a file.
inline constexpr float kExactCosine = 0.9999F;
inline constexpr float kNearCosine = 0.98F;
inline constexpr float kChainCosine = 0.7F;
inline constexpr int kChainLength = 8;  // at least so many of the remembered at kChainCosine,
inline constexpr int kChainSides = 3;   // and at least so many of these on each side of the threshold

// Thread safe.
class Repetition {
 public:
  explicit Repetition(const ArenaOptions& options) : arena_(options) {}

  // Where a probe was put, until its answer is known.
  struct Ticket {
    std::uint64_t number = 0;  // 0: it was not remembered
  };
  struct Look {
    std::optional<std::string_view> kind;  // "exact", "near", "chain"
    Ticket ticket;
  };
  // Compares and remembers. `place`: site, door and model. Precondition: `unit` has the model's dimension, which never
  // changes. kExhausted as Arena::allocate.
  Result<Look> look(const std::string& place, std::span<const float> unit);
  // How that probe was answered: a "match", or not.
  void answered(const std::string& place, Ticket ticket, bool matched);
  void clear();

  [[nodiscard]] std::size_t bytes() const { return arena_.bytes(); }

 private:
  struct Ring {
    ArenaBlock probes;  // kRemembered rows of padded_dimension() values
    std::array<std::uint64_t, kRemembered> numbers{};
    std::array<bool, kRemembered> matched{};
  };
  mutable std::mutex mutex_;
  Arena arena_;  // outlives the rings
  std::map<std::string, Ring> rings_;
  std::uint64_t last_ = 0;
};

}  // namespace facekeep::match
