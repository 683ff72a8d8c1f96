// Which key slots are free. Belongs to the sequencer's thread; never on disk, since the events say who
// owns what.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

namespace facekeep::log {

class SlotAllocator {
 public:
  SlotAllocator() = default;
  explicit SlotAllocator(const std::set<std::uint32_t>& owned);

  // The lowest free slot. Taken until give_back() or release().
  std::uint32_t take();
  // Forgets what was taken since the last keep(): the decision that took it was refused.
  void give_back();
  void keep() { taken_.clear(); }
  // The slot's key was destroyed and its two copies overwritten.
  void release(std::uint32_t slot) { free_.insert(slot); }

 private:
  std::set<std::uint32_t> free_;  // gaps below next_
  std::uint32_t next_ = 0;
  std::vector<std::uint32_t> taken_;
};

}  // namespace facekeep::log
