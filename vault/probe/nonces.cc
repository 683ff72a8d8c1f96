#include "vault/probe/nonces.h"

#include <algorithm>

namespace facekeep::probe {

Status Nonces::check_locked(const Id128& tag, std::optional<UnixMillis> time, UnixMillis now) {
  newest_ = std::max(newest_, now);
  while (!ends_.empty() && ends_.begin()->first < newest_) {
    known_.erase(ends_.begin()->second);
    ends_.erase(ends_.begin());
  }
  const bool fresh_by_now = time && *time >= now - kFreshFor && *time <= now + kFreshFor;
  if (fresh_by_now && *time < newest_ - kFreshFor) {
    return make_problem(Errc::kPermissionDenied, "stale-probe",
                        "the vault's clock was ahead, and takes no time that is older than what it said then",
                        "sign challenges in place of the time until the clock is there again");
  }
  if (time && (!fresh_by_now || (after_ && *time <= *after_))) {
    return make_problem(Errc::kPermissionDenied, "stale-probe",
                        "the probe was signed more than 30 seconds before or after the vault's time",
                        "set the camera's clock, or sign a challenge in place of the time");
  }
  if (known_.contains(tag)) {
    return make_problem(Errc::kConflict, "nonce-reused", "this signed probe was used before",
                        "capture and sign anew for every question");
  }
  if (known_.size() >= kMaxNonces) {
    return make_problem(Errc::kUnavailable, "unavailable", "too many signed probes in one minute",
                        "try again in a moment");
  }
  return {};
}

void Nonces::add_locked(const Id128& tag, UnixMillis until) {
  if (known_.insert(tag).second) ends_.emplace(until, tag);
}

Status Nonces::check(const Id128& tag, std::optional<UnixMillis> time, UnixMillis now) {
  const std::lock_guard lock(mutex_);
  return check_locked(tag, time, now);
}

Status Nonces::use(const Id128& tag, std::optional<UnixMillis> time, UnixMillis now) {
  const std::lock_guard lock(mutex_);
  FK_CHECK(check_locked(tag, time, now));
  // A challenge was taken, and can't come again; what is kept of it is for who signs it with a time later.
  add_locked(tag, time ? *time + kFreshFor : newest_ + kNonceLife);
  return {};
}

void Nonces::begin(UnixMillis now) {
  const std::lock_guard lock(mutex_);
  newest_ = std::max(newest_, now);
  after_ = now - 1;
}

void Nonces::fold(const Id128& tag, UnixMillis time) {
  const std::lock_guard lock(mutex_);
  add_locked(tag, time + kNonceLife);
}

void Nonces::distrust(UnixMillis now) {
  const std::lock_guard lock(mutex_);
  after_ = now + kFreshFor;
}

void Nonces::clear() {
  const std::lock_guard lock(mutex_);
  known_.clear();
  ends_.clear();
  after_.reset();
}

}  // namespace facekeep::probe
