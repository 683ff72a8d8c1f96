#include "vault/audit/entry_checks.h"

#include <algorithm>
#include <cstdlib>
#include <type_traits>

namespace facekeep::audit {
namespace {

using namespace ledger;

template <class T>
concept NamesActor = requires(const T& e) {
  { e.by } -> std::convertible_to<std::string>;
};

// Not before `day` has surely ended for whoever was let in on it.
bool has_ended(const std::string& day, UnixMillis time) {
  return format_day(time - kGrace) > day;
}

}  // namespace

std::string actor_of(const Body& body) {
  return std::visit(
      [](const auto& e) -> std::string {
        if constexpr (NamesActor<std::decay_t<decltype(e)>>) return e.by;
        if constexpr (requires { e.vote.by; }) return e.vote.by;
        return {};
      },
      body);
}

void ClockCheck::event(std::uint64_t entry, const Event& e) {
  const bool restarts = is_of_own_clock(e.body);
  if (any_) {
    if (!restarts && e.uptime_ms < uptime_) {
      findings_.add(Code::kUptimeFell, entry, {std::to_string(uptime_), std::to_string(e.uptime_ms)});
    }
    if (e.time < wall_) {
      findings_.add(Code::kWallBack, entry, {format_time(wall_), format_time(e.time)});
    } else if (!restarts && e.uptime_ms >= uptime_) {
      const auto ran = static_cast<std::int64_t>(e.uptime_ms - uptime_);
      if (std::abs(e.time - wall_ - ran) > kClockJump) {
        findings_.add(Code::kWallJump, entry, {format_time(wall_), format_time(e.time), std::to_string(ran / 1000)});
      }
    }
  }
  any_ = true;
  wall_ = e.time;
  uptime_ = e.uptime_ms;
}

void DecisionCheck::event(std::uint64_t entry, const Event& e, const State& before, bool custody) {
  belongs_together(entry, e);
  if (before.phase() != Phase::kNew) {
    end_dates(entry, e, before, custody);
    check(entry, e, before, custody);
  }
  const auto* sealed = std::get_if<Sealed>(&e.body);
  last_ = Last{entry, e.time, e.uptime_ms, std::holds_alternative<UnsealShare>(e.body),
               sealed != nullptr && sealed->reason != "shutdown"};
}

void DecisionCheck::unopened(std::uint64_t entry) {
  finish();
  last_ = Last{entry, 0, 0, false, false};
}

void DecisionCheck::finish() {
  if (last_ && last_->restarts) findings_.add(Code::kNoStartAfterSeal, last_->entry);
}

// One group commit has one time.
void DecisionCheck::belongs_together(std::uint64_t entry, const Event& e) {
  const bool with_last = last_ && last_->entry + 1 == entry && last_->time == e.time && last_->uptime == e.uptime_ms;
  if (std::holds_alternative<Unsealed>(e.body) && !(with_last && last_->share)) {
    findings_.add(Code::kUnsealedAlone, entry);
  }
  if (last_ && last_->restarts && !(with_last && std::holds_alternative<Start>(e.body))) {
    findings_.add(Code::kNoStartAfterSeal, last_->entry);
  }
}

void DecisionCheck::end_dates(std::uint64_t entry, const Event& e, const State& before, bool custody) {
  const PrincipalRecord* p = before.principal(actor_of(e.body));
  if (p != nullptr && p->until && has_ended(*p->until, e.time)) {
    findings_.add(Code::kPrincipalEnded, entry, {p->id, *p->until, format_day(e.time)});
  }
  if (const auto* t = std::get_if<TemplateAdded>(&e.body); t != nullptr && custody) {
    const SubjectState* s = before.subject(t->ref);
    if (s != nullptr && has_ended(s->until, e.time)) {
      findings_.add(Code::kConsentEnded, entry, {s->until, format_day(e.time)});
    }
  }
}

void DecisionCheck::signed_probe(std::uint64_t entry, const SignedBy& camera, UnixMillis time, const State& before) {
  const PrincipalRecord* p = before.principal(camera.camera);
  if (p != nullptr && p->until && has_ended(*p->until, time)) {
    findings_.add(Code::kPrincipalEnded, entry, {p->id, *p->until, format_day(time)});
  }
  while (!nonces_in_order_.empty() && nonces_.at(nonces_in_order_.front()).first < time - kNonceLife) {
    nonces_.erase(nonces_in_order_.front());
    nonces_in_order_.pop_front();
  }
  const auto [at, fresh] = nonces_.try_emplace(camera.nonce, time, entry);
  if (fresh) {
    nonces_in_order_.push_back(camera.nonce);
  } else if (time - at->second.first <= kNonceLife) {
    findings_.add(Code::kNonceTwice, entry, {std::to_string(at->second.second), camera.camera});
  }
}

void DecisionCheck::check(std::uint64_t entry, const Event& e, const State& before, bool custody) {
  if (const auto* start = std::get_if<Start>(&e.body)) {
    const bool was_open = before.phase() == Phase::kOpen || before.phase() == Phase::kUnsealing;
    if (was_open && !start->after_crash) findings_.add(Code::kCrashUnsaid, entry);
    if (!was_open && start->after_crash) findings_.add(Code::kCrashWrong, entry);
    if (before.phase() != Phase::kStopped && before.start().unseal_to == start->unseal_to) {
      findings_.add(Code::kUnsealToReused, entry, {std::to_string(before.start_entry())});
    }
  } else if (const auto* sums = std::get_if<Sums>(&e.body)) {
    if (sums->since > e.time) findings_.add(Code::kSumsFuture, entry);
  } else if (const auto* held = std::get_if<Suspended>(&e.body)) {
    const Site* site = before.site(held->site);
    if (custody && site != nullptr && before.erased_today(held->by, e.time) < site->erase_daily) {
      findings_.add(Code::kSuspendedEarly, entry, {held->by});
    }
  } else if (const auto* added = std::get_if<TemplateAdded>(&e.body)) {
    if (added->camera) signed_probe(entry, *added->camera, e.time, before);
  } else if (const auto* match = std::get_if<Match>(&e.body)) {
    // Identify names a subject if and only if one matched, or would have but for its budget; a verify that matched
    // claimed one that is enrolled.
    const bool matched = match->decision == "match" || match->over == Over::kSubject;
    if (match->camera) signed_probe(entry, *match->camera, e.time, before);
    if ((matched && !match->subject) || (!matched && match->identify && match->subject)) {
      findings_.add(Code::kDecisionSubject, entry, {match->decision});
    }
  }
}

}  // namespace facekeep::audit
