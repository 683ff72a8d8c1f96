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
  if (it == seen_.end()) return std::nullopt;
  return it->second;
}

bool RequestMarks::add(const Digest& id, Seen seen) {
  const std::lock_guard lock(mutex_);
  drop_old(seen.time);
  if (!seen_.emplace(id, std::move(seen)).second) return false;
  order_.push_back(id);
  return true;
}

void RequestMarks::clear() {
  const std::lock_guard lock(mutex_);
  seen_.clear();
  order_.clear();
}

}  // namespace facekeep
