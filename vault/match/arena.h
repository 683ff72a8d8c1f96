// Locked memory for plain templates.
//
// Every block is mapped on its own, locked into RAM (mlock: never swapped), left out of core dumps
// (MADV_DONTDUMP), zero in a forked child (MADV_WIPEONFORK, where the kernel has it), and cleansed
// before it is unmapped. What this does not stop: root on the running host (the threat model).
//
// The arena hands out blocks and counts their bytes. It must outlive them. Thread safe; a block
// belongs to one owner, and who reads and writes it when is the owner's business.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::match {

struct ArenaOptions {
  // Go on without a lock when the limit does not allow one (then a template may reach swap).
  bool allow_unlocked = false;
  // Most bytes that may be mapped at a time.
  std::size_t max_bytes = std::numeric_limits<std::size_t>::max();
};

class Arena;

// Owns one mapping. Zero-filled at first, aligned to a page or better. Move-only.
class ArenaBlock {
 public:
  ArenaBlock() noexcept = default;
  ~ArenaBlock() { reset(); }
  ArenaBlock(ArenaBlock&& other) noexcept;
  ArenaBlock& operator=(ArenaBlock&& other) noexcept;
  ArenaBlock(const ArenaBlock&) = delete;
  ArenaBlock& operator=(const ArenaBlock&) = delete;

  [[nodiscard]] std::uint8_t* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Cleanses, unlocks and unmaps now.
  void reset() noexcept;

 private:
  friend class Arena;
  Arena* arena_ = nullptr;
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  bool locked_ = false;
};

class Arena {
 public:
  explicit Arena(ArenaOptions options) : options_(options) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // At least `bytes` bytes, rounded up to whole pages. kExhausted: over max_bytes, no memory, or
  // the lock was refused and allow_unlocked is off (the hint names LimitMEMLOCK); nothing is kept.
  Result<ArenaBlock> allocate(std::size_t bytes);

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  // Of these, bytes that could not be locked; 0 unless allow_unlocked.
  [[nodiscard]] std::size_t unlocked_bytes() const noexcept { return unlocked_.load(std::memory_order_relaxed); }

 private:
  friend class ArenaBlock;
  const ArenaOptions options_;
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::size_t> unlocked_{0};
};

}  // namespace facekeep::match
