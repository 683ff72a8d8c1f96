// What an open vault has once an epoch of the root key: one set of keys, or while a rotation rewraps two.
//
// Thread safe. Who got a set keeps it alive; it is cleansed with the last.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace facekeep {

// `T` has a member `epoch`.
template <class T>
class EpochKeys {
 public:
  using Ptr = std::shared_ptr<T>;
  explicit EpochKeys(Ptr first) : keys_{std::move(first)} {}

  // In force: what is written is written under these, unless a decision in log order finds another epoch in the state.
  [[nodiscard]] Ptr current() const {
    const std::shared_lock lock(mutex_);
    return keys_.front();
  }
  // Null if they are not here.
  [[nodiscard]] Ptr of(std::uint32_t epoch) const {
    const std::shared_lock lock(mutex_);
    const auto it = std::find_if(keys_.begin(), keys_.end(), [&](const Ptr& k) { return k->epoch == epoch; });
    return it == keys_.end() ? nullptr : *it;
  }
  // Where something may be found: the keys in force, then the others. Never empty.
  [[nodiscard]] std::vector<Ptr> all() const {
    const std::shared_lock lock(mutex_);
    return keys_;
  }

  // Another epoch's, not in force: the one before, or one that the log does not have yet. Takes the place of one of the
  // same epoch.
  void add(Ptr keys) {
    const std::unique_lock lock(mutex_);
    std::erase_if(keys_, [&](const Ptr& k) { return k->epoch == keys->epoch; });
    keys_.push_back(std::move(keys));
  }
  // The log has it: it is in force from here on. Precondition: it was added.
  void promote(std::uint32_t epoch) {
    const std::unique_lock lock(mutex_);
    std::stable_partition(keys_.begin(), keys_.end(), [&](const Ptr& k) { return k->epoch == epoch; });
  }
  // Fine if it is not here. The keys in force stay.
  void drop(std::uint32_t epoch) {
    const std::unique_lock lock(mutex_);
    keys_.erase(std::remove_if(keys_.begin() + 1, keys_.end(), [&](const Ptr& k) { return k->epoch == epoch; }),
                keys_.end());
  }

 private:
  mutable std::shared_mutex mutex_;
  std::vector<Ptr> keys_;  // the first is in force
};

}  // namespace facekeep
