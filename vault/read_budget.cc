#include "vault/read_budget.h"

#include <algorithm>

namespace facekeep {

bool ReadBudget::take(const std::string& who, std::uint64_t uptime_ms) {
  constexpr std::uint64_t kOne = 1000;
  const std::uint64_t full = burst_ * kOne;
  const std::lock_guard lock(mutex_);
  Bucket& b = buckets_.try_emplace(who, Bucket{full, uptime_ms}).first->second;
  // Never more than a full bucket's time, so that nothing overflows; none if the clock stood or went back.
  const std::uint64_t passed = uptime_ms > b.at_ms ? std::min(uptime_ms - b.at_ms, full) : 0;
  b.thousandths = std::min(full, b.thousandths + passed * per_second_);
  b.at_ms = uptime_ms;
  if (b.thousandths < kOne) return false;
  b.thousandths -= kOne;
  return true;
}

}  // namespace facekeep
