// Backups, for custodians: asked for, followed, fetched. And the entry that a start behind a restore begins with.
#include <algorithm>
#include <set>

#include "vault/backup_run.h"
#include "vault/ledger/proposal_decide.h"
#include "vault/service.h"

namespace facekeep {

using ledger::State;

namespace {

// With nothing behind the backup it is of a restore that accepted a loss, and was killed before it took its mark away.
bool takes_away(const std::optional<ledger::BehindBackup>& mark) {
  return mark && mark->from < mark->upto;
}

}  // namespace

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

// The mark of a restore is of this very log, and what it takes away is gone already: a restore from a backup that the
// log has, up to the log's end, writes no slot of anything behind that backup. Or the log has that restore.
Status Service::check_restored() const {
  const auto& mark = options_.sequencer.restored;
  if (!takes_away(mark)) return {};
  const char* hint =
      "find out who put restored.json there. Where no restore was made the vault starts without it; else restore anew";
  ledger::RestoreMark placed;
  std::vector<std::uint32_t> lost;
  sequencer_->read([&](const State& st) {
    placed = place_mark(st, *mark);
    lost = slots_behind(st, placed.range);
  });
  if (placed.logged) return {};
  if (!placed.at_end) {
    return make_error(Errc::kFailedPrecondition, "the data directory has the mark of a restore that is not of this log",
                      hint);
  }
  for (const std::uint32_t epoch : parts_.slots.epochs()) {
    FK_TRY(const auto used, parts_.slots.in_use(epoch));
    const std::set<std::uint32_t> in_use(used.begin(), used.end());
    const auto kept =
        std::count_if(lost.begin(), lost.end(), [&](std::uint32_t slot) { return in_use.contains(slot); });
    if (kept == 0) continue;
    return make_error(Errc::kFailedPrecondition,
                      "the data directory has the mark of a restore that would take away " + std::to_string(kept) +
                          " keys that are there: no restore made it",
                      hint);
  }
  return {};
}

// What the log has not been told yet of the restore before this start: right behind the start, in one batch with it,
// the event that takes away what was sealed behind the backup. Its slots are empty; they become free.
void Service::add_restored(const log::Turn& turn, log::Write& w) const {
  const auto& mark = options_.sequencer.restored;
  if (!takes_away(mark)) return;
  const ledger::BehindBackup range = place_mark(turn.state, *mark).range;
  if (turn.next_entry != range.upto) return;
  w.drafts.push_back({ledger::Restored{range.from, range.upto - range.from, subjects_behind(turn.state, range)}, {}});
  w.dead_slots = slots_behind(turn.state, range);
}

}  // namespace facekeep
