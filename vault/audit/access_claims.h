// What a vault says of the access openings that it does not give, held against its log. `destroyed` is an excuse only
// where a key that can have sealed the entry was destroyed later; `lost` where a later `restored` covers it; `sealed`
// only if the vault gave no access opening of the same bundle, since it was asked once for all of them
// (vault/log/FORMAT.md, section 7). Pure, one thread; memory grows with the period keys, never with the accesses.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vault/audit/finding.h"
#include "vault/audit/openings.h"
#include "vault/ledger/state.h"

namespace facekeep::audit {

class AccessClaims {
 public:
  explicit AccessClaims(Findings& findings) : findings_(findings) {}

  // The next access entry, and what became of its opening.
  void access(std::uint64_t entry, OpeningState opening);
  // An event that could be read; `before` is the state without it, with all period keys that live then.
  void event(const ledger::Event& event, const ledger::State& before);
  // After the last entry. Without `keys_known` (custody's openings, and the rules up to here) nothing is said about
  // what is called destroyed.
  void finish(const ledger::State& state, bool keys_known);

 private:
  struct Claim {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    void add(std::uint64_t entry, std::uint64_t n = 1);
  };
  // One life of an access key: (site and month), and the entry that made it.
  using Life = std::pair<ledger::State::PeriodId, std::uint64_t>;
  void close_run(std::optional<UnixMillis> next, const ledger::State& keys);
  void lose(std::uint64_t entry);
  void bundle_of(std::uint64_t entry, OpeningState opening);

  Findings& findings_;
  Claim sealed_;
  Claim destroyed_;
  // Entries called lost that no restore covers yet, as ranges: a run of them counts as one.
  std::vector<ledger::BehindBackup> lost_runs_;
  // Those that one restore covers: how many, the first, and the last.
  struct Excused {
    std::uint64_t count = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t backup = 0;  // entries in it
  };
  void excuse(const ledger::BehindBackup& range);
  std::vector<Excused> excused_;
  bool in_lost_run_ = false;
  Claim run_;  // called destroyed since the last event that could be read
  std::optional<UnixMillis> time_;
  std::map<std::vector<Life>, Claim> claims_;  // by the keys that can have sealed them, none of which has ended yet
  std::optional<std::uint64_t> bundle_;
  std::optional<std::uint64_t> sealed_in_bundle_;
  bool opened_in_bundle_ = false;
};

}  // namespace facekeep::audit
