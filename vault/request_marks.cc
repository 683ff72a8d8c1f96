#include "vault/request_marks.h"

namespace facekeep {

void RequestMarks::drop_old(UnixMillis now) {
  while (!order_.empty()) {
    const auto it = seen_.find(order_.front());
    // A clock that went back keeps marks longer, never shorter.
    if (it != seen_.end() && now - it->second.time <= kRequestIdLife && order_.size() <= kMaxRequestMarks) return;
    if (it != seen_.end()) seen_.erase(it);
    order_.pop_front();
  }
}

std::optional<RequestMarks::Seen> RequestMarks::find(const Digest& id, UnixMillis now) {
  const std::lock_guard lock(mutex_);
  drop_old(now);
  const auto it = seen_.find(id);
  if (it == seen_.end() || now - it->second.time > kRequestIdLife) return std::nullopt;
  return it->second;
}

bool RequestMarks::reserve(const Digest& id, UnixMillis now) {
  const std::lock_guard lock(mutex_);
  drop_old(now);
  return !seen_.contains(id) && reserved_.insert(id).second;
}

void RequestMarks::add(const Digest& id, Seen seen) {
  const std::lock_guard lock(mutex_);
  reserved_.erase(id);
  drop_old(seen.time);
  if (seen_.insert_or_assign(id, std::move(seen)).second) order_.push_back(id);
}

void RequestMarks::forget(const Digest& id, std::uint64_t entry) {
  const std::lock_guard lock(mutex_);
  const auto it = seen_.find(id);
  if (it == seen_.end() || it->second.entry != entry) return;
  seen_.erase(it);
  std::erase(order_, id);
}

void RequestMarks::release(const Digest& id) {
  const std::lock_guard lock(mutex_);
  reserved_.erase(id);
}

void RequestMarks::clear() {
  const std::lock_guard lock(mutex_);
  seen_.clear();
  order_.clear();
  reserved_.clear();
}

}  // namespace facekeep
