// What the fold does not repeat and an auditor can: the order of the clocks, dates that had passed, and what the daemon
// promises to write together (vault/log/FORMAT.md, sections 4 and 7). Pure; one object a log, one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "vault/audit/finding.h"
#include "vault/ledger/state.h"

namespace facekeep::audit {

// Between two starts the daemon's own clock never falls; the wall clock may be set, which is shown.
class ClockCheck {
 public:
  explicit ClockCheck(Findings& findings) : findings_(findings) {}
  void event(std::uint64_t entry, const ledger::Event& event);

 private:
  Findings& findings_;
  bool any_ = false;
  UnixMillis wall_ = 0;
  std::uint64_t uptime_ = 0;
};

// Wall time and running time that grow apart by more than this between two entries are shown.
inline constexpr std::int64_t kClockJump = 3600LL * 1000;
// An end date is checked when a request comes in, its event is written a moment later.
inline constexpr std::int64_t kGrace = 60LL * 1000;

// No nonce of a signed probe comes twice in this time (vault/probe/nonces.h).
inline constexpr std::int64_t kNonceLife = 60LL * 1000;

// Rows of what belongs together, and decisions that can be taken again.
class DecisionCheck {
 public:
  explicit DecisionCheck(Findings& findings) : findings_(findings) {}
  // `before` is the state without the event. Without custody's openings its subjects are not the vault's: then
  // `custody` is false and what needs them is left out.
  void event(std::uint64_t entry, const ledger::Event& event, const ledger::State& before, bool custody);
  // An entry whose event is not at hand.
  void unopened(std::uint64_t entry);
  // After the last entry.
  void finish();

 private:
  struct Last {
    std::uint64_t entry = 0;
    UnixMillis time = 0;
    std::uint64_t uptime = 0;
    bool share = false;     // an unseal-share
    bool restarts = false;  // a seal that a start must follow
  };
  void end_dates(std::uint64_t entry, const ledger::Event& event, const ledger::State& before, bool custody);
  void belongs_together(std::uint64_t entry, const ledger::Event& event);
  void check(std::uint64_t entry, const ledger::Event& event, const ledger::State& before, bool custody);
  void signed_probe(std::uint64_t entry, const ledger::SignedBy& camera, UnixMillis time, const ledger::State& before);

  Findings& findings_;
  std::optional<Last> last_;
  // Nonces of the last minute: time and entry; and their tags in that order.
  std::map<Id128, std::pair<UnixMillis, std::uint64_t>> nonces_;
  std::deque<Id128> nonces_in_order_;
};

// Who acted, for the events that name one; empty for others.
std::string actor_of(const ledger::Body& body);

}  // namespace facekeep::audit
