#include "vault/audit/access_claims.h"

#include <algorithm>

#include "vault/audit/entry_checks.h"
#include "vault/log/tiles.h"

namespace facekeep::audit {
void AccessClaims::Claim::add(std::uint64_t entry, std::uint64_t n) {
  if (count == 0) first = entry;
  count += n;
}

void AccessClaims::access(std::uint64_t entry, OpeningState opening) {
  bundle_of(entry, opening);
  in_lost_run_ = in_lost_run_ && opening == OpeningState::kLost;
  switch (opening) {
    case OpeningState::kThere: return;
    case OpeningState::kAbsent: findings_.add(Code::kAccessMissing, entry); return;
    case OpeningState::kDamaged: findings_.add(Code::kAccessDamaged, entry); return;
    case OpeningState::kSealed: sealed_.add(entry); return;
    case OpeningState::kLost: lose(entry); return;
    case OpeningState::kDestroyed: destroyed_.add(entry); run_.add(entry);
  }
}

void AccessClaims::lose(std::uint64_t entry) {
  if (in_lost_run_) {
    lost_runs_.back().upto = entry + 1;
  } else {
    lost_runs_.push_back({entry, entry + 1});
  }
  in_lost_run_ = true;
}

void AccessClaims::excuse(const ledger::BehindBackup& range) {
  Excused out;
  out.backup = range.from;
  std::erase_if(lost_runs_, [&](const auto& run) {
    const bool covered = range.from <= run.from && run.upto <= range.upto;
    if (!covered) return false;
    if (out.count == 0) out.first = run.from;
    out.count += run.upto - run.from;
    out.last = run.upto - 1;
    return true;
  });
  if (out.count > 0) excused_.push_back(out);
  in_lost_run_ = false;
}

// The vault is open or sealed for a whole answer.
void AccessClaims::bundle_of(std::uint64_t entry, OpeningState opening) {
  if (bundle_ != entry / log::kTileWidth) {
    bundle_ = entry / log::kTileWidth;
    sealed_in_bundle_.reset();
    opened_in_bundle_ = false;
  }
  const bool mixed_before = sealed_in_bundle_ && opened_in_bundle_;
  if (opening == OpeningState::kThere) opened_in_bundle_ = true;
  if (opening == OpeningState::kSealed && !sealed_in_bundle_) sealed_in_bundle_ = entry;
  if (sealed_in_bundle_ && opened_in_bundle_ && !mixed_before) {
    findings_.add(Code::kSealedBesideOpen, *sealed_in_bundle_);
  }
}

// The entries of the run came between two events that could be read, so no key came or went among them, and their own
// months lie between the times of the two. If the clock was set back there, which is shown, it may have stood anywhere
// before the later one.
void AccessClaims::close_run(std::optional<UnixMillis> next, const ledger::State& keys) {
  if (run_.count == 0) return;
  const UnixMillis before = time_.value_or(keys.last_time());
  const bool set_back = next && *next < before;
  const std::string first = set_back ? std::string() : format_month(std::max<UnixMillis>(0, before - kClockJump));
  const std::string last = next ? format_month(std::max(before, *next) + kClockJump) : "9999-12";
  std::vector<Life> can_have;
  for (const auto& [id, key] : keys.period_keys()) {
    const auto& [purpose, site, month] = id;
    if (purpose == "access" && first <= month && month <= last) can_have.emplace_back(id, key.entry);
  }
  claims_[std::move(can_have)].add(run_.first, run_.count);
  run_ = {};
}

void AccessClaims::event(const ledger::Event& event, const ledger::State& before) {
  close_run(event.time, before);
  time_ = event.time;
  if (const auto* restored = std::get_if<ledger::Restored>(&event.body)) {
    excuse({restored->size, before.size()});
  }
  const auto* ended = std::get_if<ledger::PeriodKeyDestroyed>(&event.body);
  if (ended == nullptr) return;
  const auto key = before.period_keys().find({ended->purpose, ended->site, ended->period});
  if (key == before.period_keys().end()) return;
  const Life life{key->first, key->second.entry};
  std::erase_if(claims_, [&](const auto& claim) {
    return std::find(claim.first.begin(), claim.first.end(), life) != claim.first.end();
  });
}

void AccessClaims::finish(const ledger::State& state, bool keys_known) {
  if (sealed_.count > 0) findings_.add(Code::kAccessSealed, sealed_.first, {std::to_string(sealed_.count)});
  if (destroyed_.count > 0) findings_.add(Code::kAccessDestroyed, destroyed_.first, {std::to_string(destroyed_.count)});
  for (const Excused& e : excused_) {
    findings_.add(Code::kAccessLost, e.first,
                  {std::to_string(e.count), std::to_string(e.first), std::to_string(e.last), std::to_string(e.backup)});
  }
  std::uint64_t unlogged = 0;
  for (const auto& run : lost_runs_) unlogged += run.upto - run.from;
  if (unlogged > 0) findings_.add(Code::kLostUnlogged, lost_runs_.front().from, {std::to_string(unlogged)});
  if (!keys_known) return;
  close_run(std::nullopt, state);
  for (const auto& [can_have, claim] : claims_) {
    findings_.add(Code::kDestroyedUnlogged, claim.first, {std::to_string(claim.count)});
  }
}

}  // namespace facekeep::audit
