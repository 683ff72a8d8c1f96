// Nonces that the vault draws for cameras without a clock: one is good for one probe of its site, for kFreshFor.
//
// They survive nothing: a camera asks for another. Memory is bounded by the principals that ask.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "vault/base/bytes.h"

namespace facekeep::probe {

// That one principal has open at a time; the oldest goes first, so that none takes another's.
inline constexpr std::size_t kMaxChallengesEach = 64;

// Thread safe. Time is the daemon's own, which nobody sets.
class Challenges {
 public:
  Id128 issue(const std::string& by, const std::string& site, std::uint64_t uptime_ms);
  // Is it open for this site? take() also ends it; in log order.
  bool open(const std::string& site, const Id128& nonce, std::uint64_t uptime_ms);
  bool take(const std::string& site, const Id128& nonce, std::uint64_t uptime_ms);
  void clear();

 private:
  struct Open {
    std::string site;
    std::uint64_t until = 0;
  };
  bool open_locked(const std::string& site, const Id128& nonce, std::uint64_t uptime_ms) const;

  std::mutex mutex_;
  std::map<Id128, Open> open_;
  std::map<std::string, std::deque<Id128>> by_principal_;  // oldest first; those that were taken too
};

}  // namespace facekeep::probe
