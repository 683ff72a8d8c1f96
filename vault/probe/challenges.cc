#include "vault/probe/challenges.h"

#include "vault/base/digest.h"
#include "vault/probe/nonces.h"

namespace facekeep::probe {

Id128 Challenges::issue(const std::string& by, const std::string& site, std::uint64_t uptime_ms) {
  const Id128 nonce = random_array<16>();
  const std::lock_guard lock(mutex_);
  auto& mine = by_principal_[by];
  if (mine.size() == kMaxChallengesEach) {
    open_.erase(mine.front());
    mine.pop_front();
  }
  mine.push_back(nonce);
  open_[nonce] = {site, uptime_ms + static_cast<std::uint64_t>(kFreshFor)};
  return nonce;
}

bool Challenges::open_locked(const std::string& site, const Id128& nonce, std::uint64_t uptime_ms) const {
  const auto it = open_.find(nonce);
  return it != open_.end() && it->second.site == site && uptime_ms <= it->second.until;
}

bool Challenges::open(const std::string& site, const Id128& nonce, std::uint64_t uptime_ms) {
  const std::lock_guard lock(mutex_);
  return open_locked(site, nonce, uptime_ms);
}

bool Challenges::take(const std::string& site, const Id128& nonce, std::uint64_t uptime_ms) {
  const std::lock_guard lock(mutex_);
  if (!open_locked(site, nonce, uptime_ms)) return false;
  open_.erase(nonce);
  return true;
}

void Challenges::clear() {
  const std::lock_guard lock(mutex_);
  open_.clear();
  by_principal_.clear();
}

}  // namespace facekeep::probe
