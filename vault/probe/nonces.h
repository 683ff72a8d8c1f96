// The nonces of signed probes: each is used once. What is kept is a keyed tag, never the nonce or a probe.
//
// A probe is fresh for kFreshFor before and after its time, so a tag has to be known no longer than that. Beside the
// Request-Ids this is the part of the state that access events feed: it is folded from the openings of the last minute
// at unseal (vault/history.cc) and forgotten at seal.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "vault/base/bytes.h"
#include "vault/base/clock.h"

namespace facekeep::probe {

// How far a probe's time may be from the vault's, either way. Long enough for a controller that tries three times and
// for a camera that sets its clock once a day.
inline constexpr UnixMillis kFreshFor = 30'000;
// How long after its entry a nonce may still be that of a fresh probe.
inline constexpr UnixMillis kNonceLife = 2 * kFreshFor;
// A machine of this kind writes some ten thousand entries a second: more than a minute of them.
inline constexpr std::size_t kMaxNonces = 1'000'000;

// Thread safe. Time is the wall clock. How old a probe may be is measured from the latest that it has read, so that who
// sets it back brings no probe back; how new, from what it reads now, so that none is used more than kFreshFor before
// its time.
class Nonces {
 public:
  // What use() would say, and nothing is used: asked before the work of a comparison.
  Status check(const Id128& tag, std::optional<UnixMillis> time, UnixMillis now);
  // In log order. "stale-probe", "nonce-reused"; "unavailable" if kMaxNonces are known. Without `time` the nonce is a
  // challenge, whose life is its own (challenges.h).
  Status use(const Id128& tag, std::optional<UnixMillis> time, UnixMillis now);
  // From `now` on, which is not before any entry of the log: what was signed earlier is stale, whatever the clock says
  // later. Before the first use, and after clear().
  void begin(UnixMillis now);
  // An entry of the log that was written at `time`.
  void fold(const Id128& tag, UnixMillis time);
  // Not every entry of the last minute could be read: probes from before `now` + kFreshFor are stale, whatever they
  // say.
  void distrust(UnixMillis now);
  void clear();

 private:
  Status check_locked(const Id128& tag, std::optional<UnixMillis> time, UnixMillis now);
  void add_locked(const Id128& tag, UnixMillis until);

  std::mutex mutex_;
  UnixMillis newest_ = 0;
  std::optional<UnixMillis> after_;  // distrust(): probes have to be later
  std::set<Id128> known_;
  std::multimap<UnixMillis, Id128> ends_;  // until when each could be fresh
};

}  // namespace facekeep::probe
