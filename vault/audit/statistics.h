// What happened, counted: an observer of the replay that gathers what a report shows. Memory grows with sites, doors,
// days and governance entries, never with the accesses.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "vault/audit/proposal_story.h"
#include "vault/audit/replay.h"

namespace facekeep::audit {

struct Decisions {
  std::uint64_t match = 0;
  std::uint64_t no_match = 0;
  std::uint64_t refer = 0;
  [[nodiscard]] std::uint64_t total() const { return match + no_match + refer; }
  void add(const std::string& decision);
};

struct StatisticsOptions {
  std::int64_t utc_offset_minutes = 0;       // of the days and hours below
  std::int64_t gap_ms = 24LL * 3600 * 1000;  // time without an entry that counts as a gap
};

// A governance act, for the timeline.
struct Act {
  std::uint64_t entry = 0;
  UnixMillis time = 0;
  std::string type;                 // of the event
  std::vector<std::string> people;  // who acted, in the order of the log
  std::map<std::string, std::string> facts;
  std::optional<ledger::Action> action = {};  // what was proposed, carried out or tightened
};

struct Erasure {
  std::uint64_t entry = 0;
  UnixMillis time = 0;
  std::string site;
  std::string by;
  std::string reason;
  std::string ref;  // hexadecimal
};

struct Gap {
  std::uint64_t entry = 0;  // the first one behind it
  UnixMillis from = 0;
  UnixMillis to = 0;
};

inline constexpr std::size_t kMaxGaps = 1000;  // the newest

struct Statistics {
  std::map<std::string, std::map<std::string, Decisions>> doors;  // site -> door
  std::map<std::string, Decisions> days;                          // "2026-11-22"
  std::array<Decisions, 24> hours{};
  std::map<std::string, std::map<std::string, std::uint64_t>> reads;  // what was read -> by whom
  std::uint64_t unopened_access = 0;                                  // accesses that were counted alone
  std::uint64_t unopened_custody = 0;
  std::uint64_t enrolled = 0;
  std::uint64_t templates = 0;
  std::uint64_t suspended = 0;
  std::map<std::string, std::uint64_t> erased_by_reason;
  std::map<std::string, std::uint64_t> changes_by;  // custody events by operator
  std::map<std::string, std::uint64_t> refusals;    // kind -> count
  std::vector<Erasure> erasures;
  std::vector<Act> acts;
  ProposalStories proposals;
  std::vector<Gap> gaps;
  std::uint64_t openings_destroyed = 0;
  UnixMillis first_time = 0;  // of the entries whose time is known
  UnixMillis last_time = 0;
  std::uint64_t entries = 0;
};

// Call as the replay's observer.
class StatisticsObserver {
 public:
  explicit StatisticsObserver(StatisticsOptions options = {}) : options_(options) {}
  void operator()(const Seen& seen);
  [[nodiscard]] const Statistics& result() const { return s_; }

 private:
  void at_time(std::uint64_t entry, UnixMillis time);
  void governance(const Seen& seen);
  void custody(const Seen& seen);
  void access(const ledger::Event& event);

  StatisticsOptions options_;
  Statistics s_;
  bool any_time_ = false;
  std::vector<std::string> shares_;  // people whose shares are in
  std::uint64_t batches_ = 0;        // of the rotation that is on its way
};

}  // namespace facekeep::audit
