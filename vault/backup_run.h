// The background job that takes a backup into the daemon's own folder, and what became of the latest one. One at a
// time, beside everything else: it reads a snapshot and holds up no commit.
//
// The manifest is a log entry, written when the file is durable and its digest known. A process that dies before leaves
// a file without an entry, which no restore takes.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "vault/backup/take.h"
#include "vault/base/clock.h"

namespace facekeep {

// What one custodian may ask of the disk: a whole backup reads all of it. Counted from the end of that custodian's last
// one, whatever became of it; and the files in the folder, since nobody but its owner deletes any.
inline constexpr std::uint64_t kBackupPauseMs = 60'000;  // of running
inline constexpr std::size_t kMaxBackupFiles = 32;

struct BackupStatus {
  Id128 id{};
  std::string by;
  std::string state;          // "running", "done", "failed"
  std::uint64_t entries = 0;  // written so far
  std::uint64_t bytes = 0;
  // Failed:
  std::string why;
  std::string hint;
  // Done:
  std::string file;         // where the daemon has it
  ledger::BackupMade made;  // as the log has it
  std::uint64_t entry = 0;  // where
};

// Thread safe.
class BackupRun {
 public:
  // `dir` empty: every backup is refused. Removes what a process that died left of one in it. `clock` must outlive
  // this. `at_point`: fault tests stop the process there: backup-begun, backup-named (durable, and the log knows
  // nothing).
  using AtPoint = std::function<void(const char*)>;
  BackupRun(std::string dir, backup::Source source, const Clock& clock, AtPoint at_point = {});
  ~BackupRun() { stop(); }
  BackupRun(const BackupRun&) = delete;
  BackupRun& operator=(const BackupRun&) = delete;

  // kFailedPrecondition without a folder or with kMaxBackupFiles in it, kConflict while one runs, "too-many-backups"
  // within kBackupPauseMs, "bad-backup" if `since` is beyond the log.
  Result<BackupStatus> begin(log::Sequencer& log, const std::string& by, const std::optional<backup::Since>& since);
  // That custodian's latest, if it has that id. kNotFound.
  [[nodiscard]] Result<BackupStatus> status(const Id128& id, const std::string& by) const;
  // At most `max` bytes of its file, from `from` on; none at its end. "not-ready" before it is done.
  [[nodiscard]] Result<Bytes> read(const Id128& id, const std::string& by, std::uint64_t from, std::size_t max) const;
  // What runs is to end soon; stop() waits for it.
  void ask_to_stop() { stopping_ = true; }
  void stop();

 private:
  Status check_folder() const;
  Status check_pause(const std::string& by) const;  // under mutex_
  void run(log::Sequencer& log, const std::string& by, const std::optional<backup::Since>& since);
  Result<BackupStatus> take(log::Sequencer& log, BackupStatus now, const std::optional<backup::Since>& since);
  void note(const std::string& by, const std::function<void(BackupStatus&)>& change);

  const std::string dir_;
  const backup::Source source_;
  const Clock& clock_;
  const AtPoint at_point_;
  mutable std::mutex mutex_;                    // the next three
  std::map<std::string, BackupStatus> latest_;  // by custodian
  std::map<std::string, std::uint64_t> ended_;  // by custodian: uptime_ms
  bool running_ = false;
  std::mutex thread_mutex_;  // thread_
  std::thread thread_;
  std::atomic<bool> stopping_{false};
};

}  // namespace facekeep
