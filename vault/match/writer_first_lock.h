// A reader-writer lock that a stream of readers can't keep a writer out of.
//
// std::shared_mutex prefers readers on glibc: with matching always in flight, an erasure might wait
// for ever. Here a waiting writer holds back new readers. Meets SharedLockable, for std::shared_lock
// and std::unique_lock. Not recursive. Only one thread may write (lock) at a time: callers hold
// another mutex for that. Readers must never wait for that mutex while they hold this.
#pragma once

#include <atomic>
#include <cstdint>

namespace facekeep::match {

class WriterFirstLock {
 public:
  void lock_shared() {
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    for (;;) {
      if ((seen & kWriter) != 0) {
        state_.wait(seen, std::memory_order_relaxed);
        seen = state_.load(std::memory_order_relaxed);
      } else if (state_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire)) {
        return;
      }
    }
  }
  void unlock_shared() {
    if (state_.fetch_sub(1, std::memory_order_release) == (kWriter | 1)) state_.notify_all();
  }
  void lock() {
    std::uint32_t seen = state_.fetch_or(kWriter, std::memory_order_acquire) | kWriter;
    while (seen != kWriter) {
      state_.wait(seen, std::memory_order_relaxed);
      seen = state_.load(std::memory_order_acquire);
    }
  }
  void unlock() {
    state_.store(0, std::memory_order_release);
    state_.notify_all();
  }

 private:
  static constexpr std::uint32_t kWriter = std::uint32_t{1} << 31;
  std::atomic<std::uint32_t> state_{0};  // readers inside, and the bit of a writer inside or waiting
};

}  // namespace facekeep::match
