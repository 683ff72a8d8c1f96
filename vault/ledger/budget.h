// Budgets: how many answers a door, a camera and a subject have, as token buckets of whole numbers. Part of the state
// that access events feed: pure, folded by the daemon, its unseal and the auditor alike. Format: vault/log/FORMAT.md,
// "Budgets".
//
// A bucket holds `burst` tokens and gains one every `refill_ms` milliseconds of the budgets' clock, until it is full.
// A call costs tokens whatever its answer: to an attacker a "no" is worth what a "yes" is. A call is told that a bucket
// is empty, and takes nothing, if that has fewer tokens than the call costs.
//
// The defaults. A probe that no camera signed costs 4 tokens, so in unsigned calls a bucket holds a quarter of its
// burst:
// - door: 240 calls at once, then one every 2 s: two minutes of a full lobby at two a second, then 43,200 a day.
// - camera: the same number of calls; what a camera has signed costs 1.
// - subject_door: one person at one door: 16 calls at once (an armful of parcels, a bad light), then one every 45
//   minutes, 32 a day: people pass a door up to 48 times a day.
// - subject: one person at all doors: 32 at once, 96 a day. So one door uses up half of a person's day, and the others
//   still open; and 600 chosen probes, which turn a photograph into a template (cosine .65 to .87), take a week. Where
//   cameras sign, the person has four times as many.
//
// A flagged repetition (`repeat`) costs 4 times as much.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::ledger {

struct Budget {
  std::uint32_t burst = 1;      // tokens, 1 to kMaxBurst
  std::uint32_t refill_ms = 1;  // for one token; burst * refill_ms <= kBudgetMemory
  bool operator==(const Budget&) const = default;
};

// Of one site: each of its doors, cameras and subjects has buckets of its own.
struct SiteBudgets {
  Budget door{960, 500};
  Budget camera{240, 2000};
  Budget subject_door{64, 675'000};
  Budget subject{128, 337'500};
  std::uint32_t unsigned_cost = 4;  // tokens of a call whose probe no camera signed; others cost 1
  std::uint32_t repeat_cost = 4;    // a flagged call costs so many times as much
  bool operator==(const SiteBudgets&) const = default;
};

inline constexpr std::uint32_t kMaxBurst = 1'000'000;
inline constexpr std::uint32_t kMaxBudgetCost = 1000;
// No bucket remembers longer than a day of running: what an unseal folds is bounded.
inline constexpr std::uint64_t kBudgetMemory = 86'400'000;

// kInvalidArgument, with the field.
Status check_budgets(const SiteBudgets& budgets);
// No bucket larger or faster, no cost smaller.
bool is_as_strict(const SiteBudgets& budgets, const SiteBudgets& base);

// The budgets of every site as they bound each entry. A change binds what stands behind it; before the first that is
// known, that one does.
class BudgetPolicies {
 public:
  void set(const std::string& site, std::uint64_t entry, const SiteBudgets& budgets);
  [[nodiscard]] const SiteBudgets& at(std::string_view site, std::uint64_t entry) const;

 private:
  std::map<std::string, std::vector<std::pair<std::uint64_t, SiteBudgets>>, std::less<>> changes_;
};

// Which budget is used up, and how it stands in the log.
enum class Over : std::uint8_t { kDoor, kCamera, kSubject };
std::string_view to_string(Over over) noexcept;
std::optional<Over> parse_over(std::string_view text) noexcept;
// What a call over that budget is told: "refer", or "no_match" where it depends on whom it asked about.
std::string_view decision_over(Over over) noexcept;

// A verify or identify, as the budgets see it. What it points to must outlive it.
struct BudgetCall {
  std::string_view site;
  std::string_view door;
  std::optional<std::string_view> camera;  // the one that signed the probe
  std::optional<Id128> subject;            // the daily pseudonym that its event names
  bool repeat = false;
};

// Not thread safe.
class Budgets {
 public:
  // The clock: it runs as `uptime_ms` does from each start (or genesis) to the next, over all events. Time off counts
  // for nothing, and an uptime that falls is no time.
  void start(std::uint64_t uptime_ms) { uptime_ = uptime_ms; }
  void run_to(std::uint64_t uptime_ms);
  [[nodiscard]] std::uint64_t clock() const { return clock_; }

  // The first of door, camera, subject whose bucket has too few tokens for the call: now, or at an uptime since.
  [[nodiscard]] std::optional<Over> over(const SiteBudgets& budgets, const BudgetCall& call,
                                         std::optional<std::uint64_t> uptime_ms = {}) const;
  // Whether it is over that budget, whatever the others are.
  [[nodiscard]] bool is_over(const SiteBudgets& budgets, const BudgetCall& call, Over which) const;
  // Takes the cost from every bucket of the call; one that has too little is empty then.
  void charge(const SiteBudgets& budgets, const BudgetCall& call);
  // Every bucket is full again.
  void forget() { until_full_.clear(); }
  // For a fold that begins in the midst of a log: buckets were empty at its clock 0 instead of full. Where the two
  // folds come to agree, neither beginning matters.
  void begin_empty() { begins_empty_ = true; }

  // SHA-256 over the lines of every bucket that is not full; FORMAT.md section "Budgets".
  [[nodiscard]] Digest digest() const;
  [[nodiscard]] std::size_t size() const { return until_full_.size(); }

 private:
  using Key = std::string;  // the words of its line in the digest
  void take(const Key& key, const Budget& budget, std::uint64_t tokens);
  [[nodiscard]] std::uint64_t owed(const Key& key, const Budget& budget, std::uint64_t clock) const;
  void drop_full();

  std::uint64_t clock_ = 0;
  bool begins_empty_ = false;
  std::optional<std::uint64_t> uptime_;      // of the latest event
  std::map<Key, std::uint64_t> until_full_;  // clock() at which the bucket is full
  std::size_t drop_at_ = 1024;               // full ones are dropped when there are so many
};

}  // namespace facekeep::ledger
