#include "vault/opening.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "vault/log/sequencer/access_opening.h"
#include "vault/sealed_templates.h"
#include "vault/store/keys.h"

namespace facekeep {

class GalleryLoader {
 public:
  GalleryLoader(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store, match::Engine& engine,
                std::uint64_t upto, UnixMillis now)
      : vault_(vault), sequencer_(sequencer), store_(store), engine_(engine), upto_(upto), now_(now) {}

  // Loads one subject's templates. Erasures may come in between: the state is asked again after each
  // template went in, and what was erased meanwhile is taken out.
  void load(const Id128& ref);

 private:
  Status load_template(const SiteSession& site, const Id128& ref, const ledger::SubjectState& s,
                       const OpenSubject& subject, const ledger::TemplateState& t);
  OpenVault& vault_;
  const log::Sequencer& sequencer_;
  const store::Store& store_;
  match::Engine& engine_;
  const std::uint64_t upto_;
  const UnixMillis now_;
};

namespace {

std::optional<ledger::SubjectState> subject_state(const log::Sequencer& sequencer, const Id128& ref) {
  return sequencer.read([&](const ledger::State& st) -> std::optional<ledger::SubjectState> {
    const auto* s = st.subject(ref);
    return s == nullptr ? std::nullopt : std::optional<ledger::SubjectState>(*s);
  });
}

}  // namespace

std::string gallery_of(const std::string& site, const subject::Consent& consent) {
  return consent.allows(subject::ConsentScope::kIdentify) ? site : site + "/verify-only";
}

Status make_galleries(const std::string& site, const std::vector<ledger::Model>& models, match::Engine& engine) {
  for (const auto& m : models) {
    for (const auto& gallery : {site, site + "/verify-only"}) {
      auto made = engine.create_gallery(gallery, m.id, m.dimension);
      if (!made && made.error().code != Errc::kAlreadyExists) return made;
    }
  }
  return {};
}

Status make_galleries(const log::Sequencer& sequencer, match::Engine& engine) {
  const ledger::Genesis g = sequencer.read([](const ledger::State& st) { return st.current(); });
  for (const auto& s : g.sites) FK_CHECK(make_galleries(s.id, g.models, engine));
  return {};
}

Status GalleryLoader::load_template(const SiteSession& site, const Id128& ref, const ledger::SubjectState& s,
                                    const OpenSubject& subject, const ledger::TemplateState& t) {
  const std::string gallery = gallery_of(site.site, subject.consent);
  return SealedTemplates::open(
      vault_, store_, {site, ref, s.consent, subject.key, t},
      [&](std::span<const float> values) { return engine_.add(gallery, t.model, ref, t.entry, values); });
}

void GalleryLoader::load(const Id128& ref) {
  const auto s = subject_state(sequencer_, ref);
  if (!s) return;
  const std::string site_id = sequencer_.read([&](const ledger::State& st) { return st.current().sites[s->site].id; });
  const SiteSession& site = vault_.site(site_id);
  auto subject = vault_.open_subject(site, ref, *s);
  std::uint64_t loaded = 0;
  std::uint64_t refused = 0;
  if (subject) vault_.correct_index(site, subject->record.subject, ref);
  if (s->erase_due || format_day(now_) > s->until) engine_.suspend(ref, true);
  for (const auto& t : s->templates) {
    if (t.entry >= upto_) continue;
    const bool in = subject && load_template(site, ref, *s, *subject, t);
    ++(in ? loaded : refused);
  }
  // Erased meanwhile: nothing of it may stay, and that its blobs did not open says nothing.
  if (!subject_state(sequencer_, ref)) {
    engine_.remove(ref);
    return;
  }
  vault_.templates_loaded += loaded;
  vault_.templates_refused += refused;
}

void load_galleries(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store, match::Engine& engine,
                    std::uint64_t upto, UnixMillis now) {
  std::vector<std::string> sites;
  std::vector<std::pair<std::uint32_t, Id128>> refs;  // by site, so that sites become ready one after another
  sequencer.read([&](const ledger::State& st) {
    for (const auto& s : st.current().sites) sites.push_back(s.id);
    for (const auto& [ref, s] : st.subjects()) {
      if (s.entry >= upto) continue;
      refs.emplace_back(s.site, ref);
    }
  });
  std::sort(refs.begin(), refs.end());
  std::size_t begin = 0;
  for (std::uint32_t i = 0; i < sites.size() && !vault.closing; ++i) {
    std::size_t end = begin;
    while (end < refs.size() && refs[end].first == i) ++end;
    std::atomic<std::size_t> next{begin};
    const auto work = [&] {
      GalleryLoader loader(vault, sequencer, store, engine, upto, now);
      for (std::size_t at = next++; at < end && !vault.closing; at = next++) loader.load(refs[at].second);
    };
    std::thread second(work);
    work();
    second.join();
    if (!vault.closing) vault.site(sites[i]).ready = true;
    begin = end;
  }
}

namespace {

// An entry with its event, as far as an open vault can read it: nothing for one whose key is gone or that is damaged.
std::optional<ledger::Event> read_entry(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store,
                                        std::uint64_t i) {
  const auto leaf_bytes = sequencer.entry(i);
  if (!leaf_bytes) return std::nullopt;
  auto leaf = ledger::decode_leaf(as_chars(*leaf_bytes));
  if (!leaf) return std::nullopt;
  if (auto* event = std::get_if<ledger::Event>(&*leaf)) return std::move(*event);
  const auto& hidden = std::get<ledger::PrivateLeaf>(*leaf);
  const auto stored = store.get(store::keys::opening(i));
  if (!stored || !*stored) return std::nullopt;
  if (hidden.event_class == ledger::EventClass::kCustody) {
    auto event = log::open_custody(hidden, **stored);
    return event ? std::optional(std::move(*event)) : std::nullopt;
  }
  const auto header = log::parse_access_opening(**stored);
  if (!header) return std::nullopt;
  const ledger::State::PeriodId id{"access", header->site, header->period};
  const auto slot = sequencer.read([&](const ledger::State& st) -> std::optional<ledger::State::PeriodKeyState> {
    const auto it = st.period_keys().find(id);
    return it == st.period_keys().end() ? std::nullopt : std::optional(it->second);
  });
  if (!slot) return std::nullopt;
  const auto key = vault.period_key(id, *slot, sequencer.durable_size());
  if (!key) return std::nullopt;
  auto event = log::open_access(**key, vault.vault(), *header, i, hidden.commitment);
  return event ? std::optional(std::move(*event)) : std::nullopt;
}

// Reads back through the log, and keeps what budgets are made of. The uptime of a run's last event counts, whatever
// that is: the clock ran until then.
class BudgetHistory {
 public:
  BudgetHistory(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store)
      : vault_(vault), sequencer_(sequencer), store_(store), size_(sequencer.durable_size()), next_(size_) {}

  // Goes back until `ms` of running lie behind the point reached, or to entry 0.
  void read_back(std::uint64_t ms) {
    while (next_ > 0 && ran_ < ms && !vault_.closing) add(--next_);
  }
  [[nodiscard]] bool at_start() const { return next_ == 0; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::vector<BudgetEvent> oldest_first() const { return {kept_.rbegin(), kept_.rend()}; }

 private:
  void add(std::uint64_t i) {
    auto event = read_entry(vault_, sequencer_, store_, i);
    if (!event) return;
    const bool ends_run = !run_end_;
    if (ends_run) run_end_ = event->uptime_ms;
    ran_ = later_runs_ + (*run_end_ - std::min(*run_end_, event->uptime_ms));
    const bool starts =
        std::holds_alternative<ledger::Start>(event->body) || std::holds_alternative<ledger::Genesis>(event->body);
    auto* match = std::get_if<ledger::Match>(&event->body);
    if (match != nullptr && match->over) match = nullptr;
    if (ends_run || starts || match != nullptr) {
      kept_.push_back(
          {i, event->uptime_ms, starts, match == nullptr ? std::nullopt : std::optional(std::move(*match))});
    }
    if (!starts) return;
    later_runs_ = ran_;
    run_end_.reset();
  }

  OpenVault& vault_;
  const log::Sequencer& sequencer_;
  const store::Store& store_;
  const std::uint64_t size_;
  std::uint64_t next_;
  std::uint64_t later_runs_ = 0;
  std::uint64_t ran_ = 0;
  std::optional<std::uint64_t> run_end_;
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
    const bool agreed = history.at_start() || full.digest() == empty.digest();
    if (vault.closing || (!agreed && days < kMaxBudgetDays)) continue;
    // Policies may have changed behind what was folded.
    budgets.take(std::move(agreed ? full : empty), history.size(),
                 sequencer.read([](const ledger::State& st) { return st.budget_policies(); }));
    return;
  }
}

void fold_request_marks(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store, UnixMillis now,
                        RequestMarks& marks) {
  const std::uint64_t size = sequencer.durable_size();
  std::vector<std::pair<Digest, RequestMarks::Seen>> found;  // newest first
  // At most as many entries as a minute can hold; stops at the first event of the public log or of access that is too
  // old.
  for (std::uint64_t i = size; i-- > 0 && size - i < kMaxRequestMarks && !vault.closing;) {
    const auto event = read_entry(vault, sequencer, store, i);
    if (!event || ledger::class_of(event->body) == ledger::EventClass::kCustody) continue;
    if (now - event->time > kRequestIdLife) break;
    if (const auto* m = std::get_if<ledger::Match>(&event->body); m != nullptr && m->request) {
      found.emplace_back(m->request->id,
                         RequestMarks::Seen{m->request->body, m->decision, m->subject, {}, i, event->time});
    }
  }
  for (auto it = found.rbegin(); it != found.rend(); ++it) marks.add(it->first, std::move(it->second));
  vault.marks_folded = true;
}

}  // namespace facekeep
