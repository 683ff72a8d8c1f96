// Request-Ids: the same principal, id and body within 60 seconds gets the logged decision again
// (design section 7). What is kept are keyed digests, never a body.
//
// This is the part of the state that access events feed; it is folded from the openings of the last
// minute at unseal (vault/history.cc) and forgotten at seal.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "vault/base/bytes.h"
#include "vault/base/clock.h"
#include "vault/ledger/event.h"

namespace facekeep {

inline constexpr UnixMillis kRequestIdLife = 60'000;
inline constexpr std::size_t kMaxRequestMarks = 1'000'000;  // oldest forgotten first

// Thread safe.
class RequestMarks {
 public:
  struct Seen {
    Digest body{};
    std::string decision;
    std::optional<Id128> subject;  // the pseudonym that was logged
    std::optional<Id128> ref;      // of a match: whose; unknown after an unseal
    std::uint64_t entry = 0;
    UnixMillis time = 0;
  };
  // What was decided for this id and is durable, if it is young enough.
  std::optional<Seen> find(const Digest& id, UnixMillis now);
  // Takes an id for an answer on its way to the log. False if it is taken or answered already.
  bool reserve(const Digest& id, UnixMillis now);
  // Remembers a decision that is in the log, durable. The latest stands.
  void add(const Digest& id, Seen seen);
  // Forgets what was decided at this entry, if it is what stands: it holds no more, and the question is a new one.
  void forget(const Digest& id, std::uint64_t entry);
  // Gives a reserved id back: its answer was not written.
  void release(const Digest& id);
  void clear();

 private:
  void drop_old(UnixMillis now);
  std::mutex mutex_;
  std::map<Digest, Seen> seen_;
  std::deque<Digest> order_;
  std::set<Digest> reserved_;
};

}  // namespace facekeep
