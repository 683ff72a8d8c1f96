#include "vault/backup_run.h"

#include <cstdio>
#include <exception>

#include "vault/backup/file.h"
#include "vault/base/digest.h"
#include "vault/ledger/proposal_decide.h"

namespace facekeep {

using log::Turn;
using log::Write;

BackupRun::BackupRun(std::string dir, backup::Source source, const Clock& clock, AtPoint at_point)
    : dir_(std::move(dir)), source_(source), clock_(clock), at_point_(std::move(at_point)) {
  if (!dir_.empty()) backup::remove_unfinished(dir_);
}

Status BackupRun::check_folder() const {
  if (dir_.empty()) {
    return make_error(Errc::kFailedPrecondition, "this vault has no folder for backups",
                      "set backup.dir in the daemon's configuration, and start it again");
  }
  const std::size_t kept = backup::count_backups(dir_);
  if (kept < kMaxBackupFiles) return {};
  return make_error(Errc::kFailedPrecondition, "the daemon's folder has " + std::to_string(kept) + " backups",
                    "the administrator deletes old ones first: each holds the keys of people who were erased since");
}

Status BackupRun::check_pause(const std::string& by) const {
  const auto ended = ended_.find(by);
  if (ended == ended_.end() || clock_.now().uptime_ms >= ended->second + kBackupPauseMs) return {};
  return make_problem(Errc::kExhausted, "too-many-backups", "this custodian's last backup ended less than a minute ago",
                      "ask again in a minute");
}

Result<BackupStatus> BackupRun::begin(log::Sequencer& log, const std::string& by,
                                      const std::optional<backup::Since>& since) {
  FK_CHECK(check_folder());
  if (since && (since->size == 0 || since->size >= log.durable_size())) {
    return make_problem(Errc::kInvalidArgument, "bad-backup", "the log has no entries behind the backup to build on",
                        "name a backup of this vault");
  }
  const std::lock_guard thread_lock(thread_mutex_);
  BackupStatus now;
  {
    const std::lock_guard lock(mutex_);
    if (running_) return make_error(Errc::kConflict, "a backup is being taken", "wait for it to end");
    FK_CHECK(check_pause(by));
    now.id = random_array<16>();
    now.by = by;
    now.state = "running";
    latest_[by] = now;
    running_ = true;
  }
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread([this, &log, by, since] { run(log, by, since); });
  return now;
}

void BackupRun::note(const std::string& by, const std::function<void(BackupStatus&)>& change) {
  const std::lock_guard lock(mutex_);
  change(latest_.at(by));
}

void BackupRun::run(log::Sequencer& log, const std::string& by, const std::optional<backup::Since>& since) {
  BackupStatus now;
  note(by, [&](const BackupStatus& latest) { now = latest; });
  const auto taken = [&]() -> Result<BackupStatus> {
    try {
      return take(log, now, since);
    } catch (const std::exception& e) {  // memory, the store's own
      return make_error(Errc::kInternal, std::string("the backup ended: ") + e.what());
    }
  };
  auto done = taken();
  note(by, [&](BackupStatus& latest) {
    running_ = false;
    ended_[by] = clock_.now().uptime_ms;
    if (done) {
      latest = std::move(*done);
      return;
    }
    latest.state = "failed";
    latest.why = done.error().message;
    latest.hint = done.error().hint;
  });
}

Result<BackupStatus> BackupRun::take(log::Sequencer& log, BackupStatus now, const std::optional<backup::Since>& since) {
  FK_TRY(const auto file, backup::NewFile::create(dir_));
  if (at_point_) at_point_("backup-begun");
  backup::Writer writer([&](ByteView bytes) { return file->write(bytes); });
  const auto go_on = [&](std::uint64_t entries, std::uint64_t bytes) {
    note(now.by, [&](BackupStatus& latest) { latest.entries = entries, latest.bytes = bytes; });
    return !stopping_;
  };
  FK_TRY(const backup::Header header, backup::write_backup(source_, since, writer, go_on));
  now.entries = header.size - header.from();
  now.bytes = writer.bytes();
  now.made = {now.by, header.size, header.root, writer.digest(), header.from()};
  const std::string name = std::to_string(header.size) + "-" + to_hex(ByteView(writer.digest()).first(8)) +
                           std::string(backup::kBackupEnding);
  FK_CHECK(file->finish(name));
  now.file = dir_ + "/" + name;
  if (at_point_) at_point_("backup-named");
  // Whoever was suspended meanwhile has no backup: without its entry no restore takes the file.
  auto written = log.submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(decide_backup_made(turn.state, now.made, turn.state.moment_at(turn.now)));
    Write w;
    w.drafts.push_back({now.made, {}});
    w.checkpoint = true;
    w.receipt = true;
    return w;
  });
  if (!written) {
    // Halted: perhaps the log has it. A refusal is sure, and nobody else knows whose file this is.
    if (written.error().code != Errc::kHalted) static_cast<void>(std::remove(now.file.c_str()));
    return std::move(written).error();
  }
  now.entry = written->entry;
  now.state = "done";
  return now;
}

Result<BackupStatus> BackupRun::status(const Id128& id, const std::string& by) const {
  const std::lock_guard lock(mutex_);
  const auto at = latest_.find(by);
  if (at != latest_.end() && at->second.id == id) return at->second;
  return make_error(Errc::kNotFound, "there is no such backup, or it is another custodian's",
                    "the daemon's folder has the files of earlier ones");
}

Result<Bytes> BackupRun::read(const Id128& id, const std::string& by, std::uint64_t from, std::size_t max) const {
  FK_TRY(const BackupStatus latest, status(id, by));
  if (latest.state != "done") {
    return make_problem(Errc::kFailedPrecondition, "not-ready", "the backup is not whole", "ask how far it is");
  }
  return backup::read_piece(latest.file, from, max);
}

void BackupRun::stop() {
  stopping_ = true;
  const std::lock_guard lock(thread_mutex_);
  if (thread_.joinable()) thread_.join();
}

}  // namespace facekeep
