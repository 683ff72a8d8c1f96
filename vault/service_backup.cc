// Backups, for custodians: asked for, followed, fetched. And the entry that a start behind a restore begins with.
#include <algorithm>

#include "vault/backup_run.h"
#include "vault/ledger/proposal_decide.h"
#include "vault/service.h"

namespace facekeep {

using ledger::State;

// A custodian who counts now: nobody takes a backup along who was stopped.
Result<std::string> Service::backing_up(const Digest& spki) const {
  FK_TRY(const std::string by, custodian(spki));
  const Instant now = parts_.clock.now();
  FK_CHECK(sequencer_->read([&](const State& st) { return check_custodian(st, by, st.moment_at(now)); }));
  return by;
}

Result<BackupStatus> Service::begin_backup(const Digest& spki, const std::optional<backup::Since>& since) {
  FK_TRY(const std::string by, backing_up(spki));
  return backups_->begin(*sequencer_, by, since);
}

Result<BackupStatus> Service::backup_status(const Digest& spki, const Id128& id) const {
  FK_TRY(const std::string by, backing_up(spki));
  return backups_->status(id, by);
}

Result<Bytes> Service::backup_piece(const Digest& spki, const Id128& id, std::uint64_t from) const {
  FK_TRY(const std::string by, backing_up(spki));
  return backups_->read(id, by, from, kExportChunk);
}

// The mark of a restore is of this very log: its end, or one that the log has.
Status Service::check_restored() const {
  const auto& range = options_.sequencer.restored;
  if (!range) return {};
  const bool fits = sequencer_->read([&](const State& st) {
    if (st.size() == range->upto) return range->from > 0 && range->from <= range->upto;
    return std::any_of(st.restores().begin(), st.restores().end(),
                       [&](const ledger::BehindBackup& r) { return r.from == range->from && r.upto == range->upto; });
  });
  if (fits) return {};
  return make_error(Errc::kFailedPrecondition, "the data directory has the mark of a restore that is not of this log",
                    "find out who put restored.json there; without it the vault starts");
}

// What the log has not been told yet of the restore before this start: right behind the start, in one batch with it,
// the event that takes away what was sealed behind the backup. Its slots are empty; they become free.
void Service::add_restored(const log::Turn& turn, log::Write& w) const {
  const auto& range = options_.sequencer.restored;
  if (!range || turn.next_entry != range->upto) return;
  w.drafts.push_back(
      {ledger::Restored{range->from, range->upto - range->from, subjects_behind(turn.state, *range)}, {}});
  for (const auto& [ref, s] : turn.state.subjects()) {
    if (range->has(s.entry)) w.dead_slots.push_back(s.slot);
  }
  for (const auto& [id, key] : turn.state.period_keys()) {
    if (range->has(key.entry)) w.dead_slots.push_back(key.slot);
  }
}

}  // namespace facekeep
