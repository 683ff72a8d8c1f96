// Housekeeping: what becomes due with time. Each job writes its entry like a request does.
#include "vault/ledger/decide.h"
#include "vault/ledger/schedule.h"
#include "vault/open_vault.h"
#include "vault/service.h"
#include "vault/store/keys.h"

namespace facekeep {

using log::Turn;
using log::Write;
namespace keys = store::keys;

void Service::keep() {
  std::unique_lock lock(keeper_mutex_);
  while (!keeper_wakes_.wait_for(lock, std::chrono::seconds(1), [&] { return keeper_stops_; })) {
    lock.unlock();
    housekeeping();
    lock.lock();
  }
}

const std::vector<Service::Job>& Service::jobs() {
  static const std::vector<Job> table = {
      {"settle", "sealed start unseal-ended", false, &Service::settle},
      // A day has passed: the engine forgets, what the state says since the enrolment.
      {"suspend-ended-consents", "", false, &Service::suspend_ended_consents},
      {"carry-out-ready", "proposal-done", false, &Service::carry_out_ready},
      {"run-exports", "exported export-sealed export-ended", false, &Service::run_exports},
      {"run-rotation", "rewrapped keys-retired", false, &Service::run_rotation},
      {"make-ticket", "ticket-made", false, &Service::make_ticket},
      // A ticket that a wrong clock ends costs custodians a walk, and nothing that can't be brought back.
      {"end-ticket", "ticket-ended", false, &Service::end_ticket},
      // Names of principals whom no proposal registers any more: how it ended is in the log. Doubts the clock itself.
      {"drop-names", "", false, &Service::drop_names},
      {"erase-due-subjects", "erased period-key", true, &Service::erase_due_subjects},
      {"destroy-old-period-keys", "period-key-destroyed", true, &Service::destroy_old_period_keys},
      {"flush-due-sums", "sums", false, &Service::flush_due_sums}};
  return table;
}

void Service::housekeeping() {
  const std::lock_guard one(housekeeping_mutex_);
  // What a clock that somebody set would destroy can't be brought back: it waits for a person. The flag stays, even
  // if the clock is set back, since nobody knows which of the two was right.
  for (const Job& job : jobs()) {
    if (sequencer_->halted()) return;
    if (time_is_doubtful(parts_.clock.now())) clock_jumped_ = true;
    if (!job.by_time || !clock_jumped_) (this->*job.run)();
  }
}

void Service::settle() {
  const std::lock_guard phase_lock(phase_mutex_);
  static_cast<void>(settle_phase());  // what fails is tried again
}

void Service::flush_due_sums() {
  const Instant now = parts_.clock.now();
  if (static_cast<std::int64_t>(now.uptime_ms - last_sums_ms_) < options_.sums_interval_ms) return;
  last_sums_ms_ = now.uptime_ms;
  flush_sums();
}

bool Service::time_is_doubtful(const Instant& now) const {
  return clock_jumped_ || facekeep::clock_jumped(started_, now, options_.max_clock_jump_ms);
}

void Service::flush_sums() {
  const std::lock_guard lock(sums_mutex_);
  auto counts = sums_.take();
  if (counts.empty()) return;
  const UnixMillis now = parts_.clock.now().wall;
  const auto written = sequencer_->submit([&](const Turn&) -> Result<Write> {
    Write w;
    w.drafts.push_back({ledger::Sums{sums_since_ == 0 ? now : sums_since_, counts}, {}});
    return w;
  });
  if (written) {
    sums_since_ = now;
  } else {
    sums_.give_back(counts);
  }
}

void Service::erase_due_subjects() {
  const Instant now = parts_.clock.now();
  struct Due {
    Id128 ref;
    std::string site;
  };
  std::vector<Due> due;
  sequencer_->read([&](const ledger::State& st) {
    if (st.suspended() == 0) return;
    for (const auto& [ref, s] : st.subjects()) {
      if (ledger::erase_is_due(st, s, now)) due.push_back({ref, st.current().sites[s.site].id});
    }
  });
  if (due.empty()) return;
  // While sealed the id for the changes feed can't be read: the erasure waits for the next opening.
  const auto vault = open_vault();
  if (!vault) return;
  for (const Due& d : due) {
    SiteSession& session = (*vault)->site(d.site);
    const auto state = sequencer_->read([&](const ledger::State& st) -> std::optional<ledger::SubjectState> {
      const auto* s = st.subject(d.ref);
      return s == nullptr ? std::nullopt : std::optional(*s);
    });
    if (!state || !ensure_period_key(**vault, {"changes", d.site, format_day(now.wall)})) continue;
    const auto open = (*vault)->open_subject(session, d.ref, *state);
    static_cast<void>(sequencer_->submit(
        [&](const Turn& turn) -> Result<Write> {
          const auto* s = turn.state.subject(d.ref);
          if (s == nullptr || !ledger::erase_is_due(turn.state, *s, turn.now)) return Write{};
          std::vector<Digest> tags;
          std::optional<std::pair<Bytes, Bytes>> feed;
          if (open) {
            tags = index_tags(session, open->record.subject);
            FK_TRY(feed, changes_entry(**vault, d.site, open->record.subject, turn));
          }
          Write w = erasure(d.ref, *s, {d.ref, d.site, "daemon", "delay-over", erasure_horizon(turn.state, d.ref)},
                            tags, feed);
          w.after = [&, this] {
            engine_->remove(d.ref);
            if (open) (*vault)->forget_correction(d.site, open->record.subject);
          };
          return w;
        },
        store::Urgency::kNarrowing));
  }
}

void Service::suspend_ended_consents() {
  const std::string today = format_day(parts_.clock.now().wall);
  if (today == consents_checked_on_) return;
  consents_checked_on_ = today;
  std::vector<Id128> ended;
  sequencer_->read([&](const ledger::State& st) {
    for (const auto& [ref, s] : st.subjects()) {
      if (today > s.until) ended.push_back(ref);
    }
  });
  for (const Id128& ref : ended) engine_->suspend(ref, true);
}

void Service::destroy_old_period_keys() {
  const Instant now = parts_.clock.now();
  std::vector<std::pair<ledger::State::PeriodId, std::uint32_t>> old;
  sequencer_->read([&](const ledger::State& st) {
    for (const auto& [id, key] : st.period_keys()) {
      if (st.period_is_over(id, key, now.wall, st.log_clock_at(now.uptime_ms))) old.emplace_back(id, key.slot);
    }
  });
  for (const auto& key : old) {
    const ledger::State::PeriodId& id = key.first;
    const std::uint32_t slot = key.second;
    const ledger::PeriodKeyDestroyed destroyed{std::get<0>(id), std::get<1>(id), std::get<2>(id)};
    std::vector<Bytes> ids;
    if (destroyed.purpose == "changes") {
      if (const auto prefix = keys::deleted_on(destroyed.period)) {
        static_cast<void>(parts_.store.scan(*prefix, {}, [&](ByteView row, ByteView) {
          ids.push_back(to_bytes(row));
          return true;
        }));
      }
    }
    static_cast<void>(sequencer_->submit(
        [&](const Turn& turn) -> Result<Write> {
          Write w;
          const auto it = turn.state.period_keys().find(id);
          if (it == turn.state.period_keys().end() ||
              !turn.state.period_is_over(id, it->second, turn.now.wall, turn.state.log_clock_at(turn.now.uptime_ms))) {
            return w;
          }
          w.drafts.push_back({destroyed, {}});
          w.dead_slots.push_back(slot);
          w.deletes = ids;
          return w;
        },
        store::Urgency::kNarrowing));
    if (const auto vault = open_vault()) (*vault)->forget_period_key(id);
  }
}

}  // namespace facekeep
