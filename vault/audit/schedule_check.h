// Dates that the log promises, as an auditor looks at them: rotations that the schedule had due, and erasures whose
// horizon a receipt dated. Pure; one object a log, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "vault/audit/finding.h"
#include "vault/ledger/state.h"

namespace facekeep::audit {

// A date counts as missed a week behind it (ledger::kScheduleGrace), by the times of the log's events. Promises of
// entries that an earlier audit confirmed are that audit's: a replay from its state does not know them.
class ScheduleCheck {
 public:
  explicit ScheduleCheck(Findings& findings) : findings_(findings) {}

  // `before` is the state without the event, which the fold takes or refuses after this.
  void event(std::uint64_t entry, const ledger::Event& event, const ledger::State& before);
  // After the last entry. May be called again; each finding comes once.
  void finish(const ledger::State& state);

 private:
  // What receipts have in common: the day, the root's epoch, and the spare key that was registered then.
  using Promise = std::tuple<UnixMillis, std::uint32_t, std::optional<Digest>>;
  struct Erasures {
    std::uint64_t first = 0;  // entry
    std::uint64_t count = 0;
  };
  Findings& findings_;
  std::map<Promise, Erasures> promised_;
  std::set<Promise> told_;
  std::optional<UnixMillis> missed_;  // the due date of the latest rotation that was told as missed
};

}  // namespace facekeep::audit
