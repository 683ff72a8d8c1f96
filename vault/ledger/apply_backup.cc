// The fold of backups and restores.
#include <algorithm>

#include "vault/ledger/proposal_decide.h"

namespace facekeep::ledger {
namespace {

Error broken(const std::string& why) {
  return make_error(Errc::kIntegrity, "the log has an event that its rules do not allow: " + why);
}

}  // namespace

Status decide_backup_made(const State& state, const BackupMade& made, const Moment& now) {
  FK_CHECK(check_custodian(state, made.by, now));
  if (made.size > 0 && made.size <= state.size() && made.since < made.size) return {};
  return make_problem(Errc::kInvalidArgument, "bad-backup",
                      "a backup is of entries that the log has, and builds on one of fewer entries");
}

RestoreMark place_mark(const State& state, BehindBackup range) {
  for (const State::Handover& h : state.handovers()) {
    if (h.recovered && !h.loss && h.entry == range.upto) ++range.upto;
  }
  const auto same = [&](const BehindBackup& r) { return r.from == range.from && r.upto == range.upto; };
  const auto& known = state.restores();
  return {range, std::any_of(known.begin(), known.end(), same),
          state.size() == range.upto && state.backups().contains(range.from)};
}

std::uint64_t subjects_behind(const State& state, const BehindBackup& range) {
  return static_cast<std::uint64_t>(std::count_if(state.subjects().begin(), state.subjects().end(),
                                                  [&](const auto& s) { return range.has(s.second.entry); }));
}

std::vector<std::uint32_t> slots_behind(const State& state, const BehindBackup& range) {
  std::vector<std::uint32_t> out;
  for (const auto& [ref, s] : state.subjects()) {
    if (range.has(s.entry)) out.push_back(s.slot);
  }
  for (const auto& [id, key] : state.period_keys()) {
    if (range.has(key.entry)) out.push_back(key.slot);
  }
  return out;
}

Status State::apply_body(const BackupMade& e) {
  const Status allowed = decide_backup_made(*this, e, moment());
  if (!allowed) return broken(allowed.error().message);
  backups_.insert(e.size);
  return {};
}

// Right behind the first start after it, so that nobody has been told anything in between; what it names is the whole
// of the log from the backup to that start.
Status State::apply_body(const Restored& e) {
  const BehindBackup range{e.size, start_entry_};
  if (start_entry_ + 1 != size_) return broken("a restore that does not stand right behind a start");
  if (e.size == 0 || e.size > start_entry_ || e.entries != start_entry_ - e.size) {
    return broken("a restore of other entries than those between a backup and this start");
  }
  if (!backups_.contains(e.size)) {
    return broken("a restore from a backup of " + std::to_string(e.size) + " entries, which the log does not have");
  }
  if (all_custody_ && e.subjects != subjects_behind(*this, range)) {
    return broken("a restore that lost others than those enrolled behind its backup");
  }
  for (auto it = subjects_.begin(); it != subjects_.end();) {
    SubjectState& s = it->second;
    std::erase_if(s.templates, [&](const TemplateState& t) { return range.has(t.entry); });
    if (!range.has(s.entry)) {
      ++it;
      continue;
    }
    if (s.erase_due) --suspended_;
    if (s.in_doubt) --in_doubt_;
    slots_.erase(s.slot);
    --persons_[s.site];
    it = subjects_.erase(it);
  }
  for (auto it = period_keys_.begin(); it != period_keys_.end();) {
    if (!range.has(it->second.entry)) {
      ++it;
      continue;
    }
    slots_.erase(it->second.slot);
    it = period_keys_.erase(it);
  }
  end_ticket("keys");  // no backup has what it opens
  restores_.push_back(range);
  return {};
}

}  // namespace facekeep::ledger
