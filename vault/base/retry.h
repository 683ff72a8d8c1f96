// When what failed is tried again: waits that double, from the first to the longest. Pure; times are milliseconds of
// uptime (Instant).
#pragma once

#include <algorithm>
#include <cstdint>

namespace facekeep {

class Retry {
 public:
  [[nodiscard]] bool is_due(std::uint64_t now_ms) const { return now_ms >= not_before_ms_; }
  [[nodiscard]] bool has_failed() const { return wait_ms_ != 0; }  // the last time
  void failed(std::uint64_t now_ms, std::uint64_t first_ms, std::uint64_t longest_ms) {
    wait_ms_ = std::min(has_failed() ? 2 * wait_ms_ : first_ms, longest_ms);
    not_before_ms_ = now_ms + wait_ms_;
  }
  void succeeded() { *this = Retry(); }

 private:
  std::uint64_t wait_ms_ = 0;
  std::uint64_t not_before_ms_ = 0;
};

}  // namespace facekeep
