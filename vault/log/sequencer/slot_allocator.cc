#include "vault/log/sequencer/slot_allocator.h"

namespace facekeep::log {

SlotAllocator::SlotAllocator(const std::set<std::uint32_t>& owned) {
  for (const std::uint32_t slot : owned) {
    for (; next_ < slot; ++next_) free_.insert(next_);
    next_ = slot + 1;
  }
}

std::uint32_t SlotAllocator::take() {
  std::uint32_t slot = next_;
  if (!free_.empty()) {
    slot = *free_.begin();
    free_.erase(free_.begin());
  } else {
    ++next_;
  }
  taken_.push_back(slot);
  return slot;
}

void SlotAllocator::give_back() {
  free_.insert(taken_.begin(), taken_.end());
  taken_.clear();
}

}  // namespace facekeep::log
