#include "vault/audit/schedule_check.h"

#include "vault/ledger/schedule.h"

namespace facekeep::audit {

using namespace ledger;

namespace {

bool is_destroyed(const State& state, std::uint32_t epoch) {
  const auto& rotation = state.rotation();
  if (state.lost_roots().contains(epoch)) return false;
  return epoch < state.root_epoch() && (!rotation || epoch < rotation->from);
}

}  // namespace

void ScheduleCheck::event(std::uint64_t entry, const Event& event, const State& before) {
  if (const auto* erased = std::get_if<Erased>(&event.body); erased != nullptr && erased->horizon) {
    const Horizon& h = *erased->horizon;
    const auto by = h.by ? parse_day(*h.by) : Result<UnixMillis>(Error{});
    if (by) {
      const Promise promise{*by, h.epoch, h.spare ? before.current().spare_key : std::nullopt};
      ++promised_.try_emplace(promise, Erasures{entry, 0}).first->second.count;
    }
  }
  if (before.phase() == Phase::kNew) return;
  const auto due = rotation_due(before, {event.time, before.log_clock_at(event.uptime_ms)});
  if (!due || event.time <= due->at + kScheduleGrace || missed_ == due->at) return;
  missed_ = due->at;
  findings_.add(Code::kRotationMissed, entry, {format_day(due->at), std::to_string(before.current().rotate_days)});
}

void ScheduleCheck::finish(const State& state) {
  for (const auto& [promise, erasures] : promised_) {
    const auto& [by, epoch, spare] = promise;
    if (state.last_time() <= by + kDaySpan + kScheduleGrace || told_.contains(promise)) continue;
    const bool kept = !is_destroyed(state, epoch);
    const bool on_spare = spare && state.current().spare_key == spare;
    if (!kept && !on_spare) continue;
    told_.insert(promise);
    findings_.add(kept ? Code::kHorizonMissed : Code::kHorizonOnSpare, erasures.first,
                  {std::to_string(erasures.count), format_day(by), std::to_string(epoch)});
  }
}

}  // namespace facekeep::audit
