// Following a log: each look mirrors what is new, checks it, and replays it on from where the look before ended.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tools/common/snapshot_file.h"
#include "tools/facekeep-audit/fetcher.h"
#include "vault/audit/replay.h"
#include "vault/audit/statistics.h"

namespace facekeep::tools {

// What one look brought.
struct News {
  log::Checkpoint checkpoint;
  std::uint64_t new_entries = 0;
  std::vector<audit::Act> acts;          // governance, that this mirror had not seen before
  std::vector<audit::Finding> findings;  // errors and warnings that were not there at the look before, by entry
};

// One thread. The mirror's folder belongs to it (dir_lock.h).
class Follower {
 public:
  // At Level::kAuditor look() needs an auditor's Get. `from`: a state that an earlier audit confirmed.
  Follower(const std::string& dir, log::VerifierKey key, audit::Level level, std::optional<Snapshot> from = {});
  Follower(const Follower&) = delete;  // the replay refers to the findings
  Follower& operator=(const Follower&) = delete;

  // Errors of fetch_log and fetch_openings, with what they leave on the disk; kIntegrity if what the mirror has does
  // not fit together. After an error the next look goes on from where the last good one ended.
  Result<News> look(const Get& get, const Get& openings = {});

  // The last checkpoint that a look brought; size 0 before the first.
  [[nodiscard]] const log::Checkpoint& head() const { return head_; }
  // False if this tree, of at most head().size entries, is not the beginning of the mirrored one.
  [[nodiscard]] Result<bool> contains(std::uint64_t size, const Digest& root) const;
  // The log's keys, as the last look found them.
  [[nodiscard]] const log::LogKeys& keys() const { return keys_; }
  [[nodiscard]] const Mirror& mirror() const { return mirror_; }
  [[nodiscard]] const audit::Replay& replay() const { return *replay_; }
  [[nodiscard]] const audit::Findings& findings() const { return findings_; }

 private:
  Status replay_new(News& news);
  void forget_checkpoint_before(const Fetched& fetched);
  void start_over();

  Mirror mirror_;
  log::VerifierKey key_;  // where trust began
  log::LogKeys keys_;     // and the keys of the last look
  audit::Level level_;
  audit::Findings findings_;
  audit::StatisticsObserver statistics_;
  std::unique_ptr<audit::Replay> replay_;
  audit::Confirmed confirmed_;  // what was replayed
  log::Checkpoint head_;
  std::optional<std::uint64_t> seen_before_;  // entries that the mirror had before the first look
  std::uint64_t openings_whole_ = 0;          // bundles
  std::size_t acts_told_ = 0;
  std::set<std::pair<audit::Code, std::uint64_t>> told_;
  std::optional<UnixMillis> hour_;  // in which head_ came
};

}  // namespace facekeep::tools
