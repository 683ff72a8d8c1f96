#include "vault/history.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "vault/log/sequencer/access_opening.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/store/keys.h"

namespace facekeep {

namespace {

// Entries with their events, newest first, as far as an open vault can read them. Their rows are fetched in pages.
class LogBackwards {
 public:
  LogBackwards(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store)
      : vault_(vault), sequencer_(sequencer), store_(store), size_(sequencer.durable_size()) {}

  [[nodiscard]] std::uint64_t size() const { return size_; }
  // Of both: nothing for one whose key is gone or that is damaged. `i` goes down from size().
  std::optional<ledger::Event> read(std::uint64_t i) { return open(i, leaf(i)); }
  std::optional<ledger::Leaf> leaf(std::uint64_t i) {
    if (rows_.empty() || i < first_) fetch(i);
    auto out = ledger::decode_leaf(as_chars(rows_[i - first_].leaf));
    return out ? std::optional(std::move(*out)) : std::nullopt;
  }
  // The event of leaf(i).
  std::optional<ledger::Event> open(std::uint64_t i, std::optional<ledger::Leaf> leaf) {
    if (!leaf) return std::nullopt;
    if (auto* event = std::get_if<ledger::Event>(&*leaf)) return std::move(*event);
    const auto& hidden = std::get<ledger::PrivateLeaf>(*leaf);
    const Bytes& opening = rows_[i - first_].opening;
    if (!is_custody(*leaf)) return read_access(i, hidden, opening);
    auto event = log::open_custody(hidden, opening);
    return event ? std::optional(std::move(*event)) : std::nullopt;
  }
  static bool is_custody(const ledger::Leaf& leaf) {
    const auto* hidden = std::get_if<ledger::PrivateLeaf>(&leaf);
    return hidden != nullptr && hidden->event_class == ledger::EventClass::kCustody;
  }

 private:
  static constexpr std::uint64_t kPage = 512;
  struct Row {
    Bytes leaf;
    Bytes opening;  // of a private entry
  };

  // What can't be read stays empty.
  void fetch(std::uint64_t last) {
    first_ = last - std::min(last, kPage - 1);
    rows_.assign(last - first_ + 1, {});
    const auto keep = [&](auto parse, Bytes Row::*part) {
      return [this, last, parse, part](ByteView key, ByteView value) {
        const auto i = parse(key);
        if (!i || *i > last) return false;
        rows_[*i - first_].*part = to_bytes(value);
        return true;
      };
    };
    namespace keys = store::keys;
    using keys::Kind;
    static_cast<void>(
        store_.scan(keys::prefix(Kind::kEntry), keys::entry(first_), keep(keys::parse_entry, &Row::leaf)));
    static_cast<void>(
        store_.scan(keys::prefix(Kind::kOpening), keys::opening(first_), keep(keys::parse_opening, &Row::opening)));
  }
  std::optional<ledger::Event> read_access(std::uint64_t i, const ledger::PrivateLeaf& hidden, ByteView opening) {
    const auto header = log::parse_access_opening(opening);
    if (!header) return std::nullopt;
    const ledger::State::PeriodId id{"access", header->site, header->period};
    const auto slot = sequencer_.read([&](const ledger::State& st) -> std::optional<ledger::State::PeriodKeyState> {
      const auto it = st.period_keys().find(id);
      return it == st.period_keys().end() ? std::nullopt : std::optional(it->second);
    });
    if (!slot) return std::nullopt;
    const auto key = vault_.period_key(id, *slot, sequencer_.durable_size());
    if (!key) return std::nullopt;
    auto event = log::open_access(**key, vault_.vault(), *header, i, hidden.commitment);
    return event ? std::optional(std::move(*event)) : std::nullopt;
  }

  OpenVault& vault_;
  const log::Sequencer& sequencer_;
  const store::Store& store_;
  const std::uint64_t size_;
  std::uint64_t first_ = 0;
  std::vector<Row> rows_;  // of the entries from `first_` on
};

bool starts_run(const ledger::Event& event) {
  return std::holds_alternative<ledger::Start>(event.body) || std::holds_alternative<ledger::Genesis>(event.body);
}

// How long daemons ran between an event and the newest, in milliseconds: no wall clock that was set shortens it. Events
// come newest first. The uptime of a run's last event counts, whatever that is: the clock ran until then.
class RunningTime {
 public:
  // True for the last event of its run.
  bool add(const ledger::Event& event) {
    const bool ends_run = between_runs_;
    if (ends_run) run_end_ = event.uptime_ms;
    ran_ = later_runs_ + (run_end_ - std::min(run_end_, event.uptime_ms));
    between_runs_ = starts_run(event);
    if (between_runs_) later_runs_ = ran_;
    return ends_run;
  }
  [[nodiscard]] std::uint64_t ran() const { return ran_; }
  // The next event will be the last of its run.
  [[nodiscard]] bool between_runs() const { return between_runs_; }

 private:
  std::uint64_t later_runs_ = 0;
  std::uint64_t ran_ = 0;
  bool between_runs_ = true;
  std::uint64_t run_end_ = 0;  // uptime of the last event of the run
};

// Reads back through the log, and keeps what budgets are made of.
class BudgetHistory {
 public:
  BudgetHistory(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store)
      : vault_(vault), sequencer_(sequencer), store_(store), log_(vault, sequencer, store), next_(log_.size()) {}

  // Goes back until `ms` of running lie behind the point reached, or to entry 0.
  void read_back(std::uint64_t ms) {
    while (next_ > 0 && running_.ran() < ms && !lost_ && !vault_.closing) add(--next_);
  }
  // True if it ended at an access that nobody can read any more, since the vault was restored from before it.
  [[nodiscard]] bool lost() const { return lost_; }
  [[nodiscard]] bool at_start() const { return next_ == 0; }
  [[nodiscard]] std::uint64_t size() const { return log_.size(); }
  [[nodiscard]] std::vector<BudgetEvent> oldest_first() const { return {kept_.rbegin(), kept_.rend()}; }

 private:
  void add(std::uint64_t i) {
    auto leaf = log_.leaf(i);
    // Budgets take nothing from enrolments, of which an import leaves a million, but the time at which a run ended.
    if (leaf && LogBackwards::is_custody(*leaf) && !running_.between_runs()) return;
    auto event = log_.open(i, std::move(leaf));
    if (!event) {
      lost_ = is_lost(i);
      return;
    }
    const bool ends_run = running_.add(*event);
    const bool starts = starts_run(*event);
    auto* match = std::get_if<ledger::Match>(&event->body);
    if (match != nullptr && match->over) match = nullptr;
    if (ends_run || starts || match != nullptr) {
      kept_.push_back(
          {i, event->uptime_ms, starts, match == nullptr ? std::nullopt : std::optional(std::move(*match))});
    }
  }

  [[nodiscard]] bool is_lost(std::uint64_t i) const {
    const auto stored = store_.get(store::keys::opening(i));
    return stored && !*stored && sequencer_.read([&](const ledger::State& st) { return log::is_behind_backup(st, i); });
  }

  OpenVault& vault_;
  const log::Sequencer& sequencer_;
  const store::Store& store_;
  LogBackwards log_;
  std::uint64_t next_;
  bool lost_ = false;
  RunningTime running_;
  std::vector<BudgetEvent> kept_;  // newest first
};

}  // namespace

void fold_match_budgets(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store,
                        MatchBudgets& budgets) {
  BudgetHistory history(vault, sequencer, store);
  for (std::uint64_t days = 1; !vault.closing; days *= 2) {
    history.read_back(days * ledger::kBudgetMemory);
    const auto events = history.oldest_first();
    const auto policies = sequencer.read([](const ledger::State& st) { return st.budget_policies(); });
    ledger::Budgets full;
    fold_budgets(events, policies, full);
    ledger::Budgets empty;
    empty.begin_empty();
    fold_budgets(events, policies, empty);
    // A log that was read whole began with full buckets; else the two must agree. What is in doubt for so long is taken
    // for used up.
    const bool agreed = !history.lost() && (history.at_start() || full.digest() == empty.digest());
    if (vault.closing || (!agreed && !history.lost() && days < kMaxBudgetDays)) continue;
    // Policies may have changed behind what was folded.
    budgets.take(std::move(agreed ? full : empty), history.size(),
                 sequencer.read([](const ledger::State& st) { return st.budget_policies(); }));
    return;
  }
}

void fold_last_minute(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store, UnixMillis now,
                      RequestMarks& marks, probe::Nonces& nonces, std::uint64_t most) {
  static_assert(probe::kNonceLife <= kRequestIdLife);
  LogBackwards log(vault, sequencer, store);
  const std::uint64_t size = log.size();
  std::vector<std::pair<Digest, RequestMarks::Seen>> found;  // newest first
  bool all_read = true;
  RunningTime running;
  // No clock that was set back makes what the log has seen fresh again.
  const UnixMillis newest = std::max(now, sequencer.read([](const ledger::State& st) { return st.last_time(); }));
  nonces.begin(newest);
  for (std::uint64_t i = size; i-- > 0 && !vault.closing;) {
    if (size - i > most) {
      all_read = false;
      break;
    }
    const auto event = log.read(i);
    if (!event) {
      all_read = false;
      continue;
    }
    if (event->time > now) all_read = false;
    running.add(*event);
    const bool old = now - event->time > kRequestIdLife;
    // By the wall clock alone an event that was written while it was wrong would end this.
    if (old && running.ran() >= static_cast<std::uint64_t>(kRequestIdLife)) break;
    if (const auto* t = std::get_if<ledger::TemplateAdded>(&event->body); t != nullptr && t->camera) {
      nonces.fold(t->camera->nonce, event->time);
    }
    const auto* m = std::get_if<ledger::Match>(&event->body);
    if (m != nullptr && m->camera) nonces.fold(m->camera->nonce, event->time);
    if (m != nullptr && m->request && !old) {
      found.emplace_back(m->request->id,
                         RequestMarks::Seen{m->request->body, m->decision, m->subject, {}, i, event->time});
    }
  }
  for (auto it = found.rbegin(); it != found.rend(); ++it) marks.add(it->first, std::move(it->second));
  if (!all_read) nonces.distrust(newest);
  vault.marks_folded = true;
}

}  // namespace facekeep
