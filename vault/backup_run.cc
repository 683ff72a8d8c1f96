#include "vault/backup_run.h"

#include "vault/backup/file.h"
#include "vault/base/digest.h"
#include "vault/ledger/proposal_decide.h"

namespace facekeep {

using log::Turn;
using log::Write;

Result<BackupStatus> BackupRun::begin(log::Sequencer& log, const std::string& by,
                                      const std::optional<backup::Since>& since) {
  if (dir_.empty()) {
    return make_error(Errc::kFailedPrecondition, "this vault has no folder for backups",
                      "set backup.dir in the daemon's configuration, and start it again");
  }
  if (since && (since->size == 0 || since->size >= log.durable_size())) {
    return make_problem(Errc::kInvalidArgument, "bad-backup", "the log has no entries behind the backup to build on",
                        "name a backup of this vault");
  }
  const std::lock_guard thread_lock(thread_mutex_);
  BackupStatus now;
  {
    const std::lock_guard lock(mutex_);
    if (latest_ && latest_->state == "running") {
      return make_error(Errc::kConflict, "a backup is being taken", "wait for it to end");
    }
    now.id = random_array<16>();
    now.by = by;
    now.state = "running";
    latest_ = now;
  }
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread([this, &log, since] { run(log, since); });
  return now;
}

void BackupRun::note(const std::function<void(BackupStatus&)>& change) {
  const std::lock_guard lock(mutex_);
  change(*latest_);
}

void BackupRun::run(log::Sequencer& log, const std::optional<backup::Since>& since) {
  BackupStatus now;
  note([&](const BackupStatus& latest) { now = latest; });
  auto done = take(log, now, since);
  note([&](BackupStatus& latest) {
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
  backup::Writer writer([&](ByteView bytes) { return file->write(bytes); });
  const auto go_on = [&](std::uint64_t entries, std::uint64_t bytes) {
    note([&](BackupStatus& latest) { latest.entries = entries, latest.bytes = bytes; });
    return !stopping_;
  };
  FK_TRY(const backup::Header header, backup::write_backup(source_, since, writer, go_on));
  now.entries = header.size - header.from();
  now.bytes = writer.bytes();
  now.made = {now.by, header.size, header.root, writer.digest(), header.from()};
  const std::string name =
      std::to_string(header.size) + "-" + to_hex(ByteView(writer.digest()).first(8)) + ".facekeep-backup";
  FK_CHECK(file->finish(name));
  now.file = dir_ + "/" + name;
  // Whoever was suspended meanwhile has no backup: without its entry no restore takes the file.
  FK_TRY(const auto written, log.submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(decide_backup_made(turn.state, now.made, turn.state.moment_at(turn.now)));
    Write w;
    w.drafts.push_back({now.made, {}});
    w.checkpoint = true;
    w.receipt = true;
    return w;
  }));
  now.entry = written.entry;
  now.state = "done";
  return now;
}

Result<BackupStatus> BackupRun::status(const Id128& id, const std::string& by) const {
  const std::lock_guard lock(mutex_);
  if (latest_ && latest_->id == id && latest_->by == by) return *latest_;
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
