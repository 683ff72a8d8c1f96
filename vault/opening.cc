#include "vault/opening.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "vault/ledger/opening.h"
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

// The opened event of a private entry. Nothing: it can't be read.
std::optional<ledger::Event> private_event(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store,
                                           std::uint64_t entry, const ledger::PrivateLeaf& leaf, std::uint64_t size) {
  const auto stored = store.get(store::keys::opening(entry));
  if (!stored || !*stored) return std::nullopt;
  if (leaf.event_class == ledger::EventClass::kCustody) {
    const auto opened = ledger::open_clear(**stored);
    const bool its_own = opened && opened->entry == ledger::private_leaf(leaf.event_class, leaf.commitment);
    return its_own ? std::optional(opened->event) : std::nullopt;
  }
  const auto header = log::parse_access_opening(**stored);
  if (!header) return std::nullopt;
  const ledger::State::PeriodId id{"access", header->site, header->period};
  const auto slot = sequencer.read([&](const ledger::State& st) -> std::optional<ledger::State::PeriodKeyState> {
    const auto it = st.period_keys().find(id);
    return it == st.period_keys().end() ? std::nullopt : std::optional(it->second);
  });
  if (!slot) return std::nullopt;
  const auto key = vault.period_key(id, *slot, size);
  if (!key) return std::nullopt;
  const auto event = log::open_access(**key, vault.vault(), *header, entry, leaf.commitment);
  return event ? std::optional(*event) : std::nullopt;
}

}  // namespace

void fold_last_minute(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store, UnixMillis now,
                      RequestMarks& marks, probe::Nonces& nonces) {
  static_assert(probe::kNonceLife <= kRequestIdLife);
  const std::uint64_t size = sequencer.durable_size();
  std::vector<std::pair<Digest, RequestMarks::Seen>> found;  // newest first
  bool all_read = true;
  // No clock that was set back makes what the log has seen fresh again.
  const UnixMillis newest = std::max(now, sequencer.read([](const ledger::State& st) { return st.last_time(); }));
  nonces.begin(newest);
  // At most as many entries as a minute can hold; stops at the first event that is too old.
  for (std::uint64_t i = size; i-- > 0 && size - i < kMaxRequestMarks && !vault.closing;) {
    const auto leaf_bytes = sequencer.entry(i);
    const auto leaf =
        leaf_bytes ? ledger::decode_leaf(as_chars(*leaf_bytes)) : Result<ledger::Leaf>(leaf_bytes.error());
    if (!leaf) {
      all_read = false;
      break;
    }
    const auto* hidden = std::get_if<ledger::PrivateLeaf>(&*leaf);
    const auto event = hidden == nullptr ? std::optional(std::get<ledger::Event>(*leaf))
                                         : private_event(vault, sequencer, store, i, *hidden, size);
    if (!event) {
      all_read = false;
      continue;
    }
    if (event->time > now) all_read = false;
    if (now - event->time > kRequestIdLife) break;
    if (const auto* t = std::get_if<ledger::TemplateAdded>(&event->body); t != nullptr && t->camera) {
      nonces.fold(t->camera->nonce, event->time);
    }
    const auto* m = std::get_if<ledger::Match>(&event->body);
    if (m != nullptr && m->camera) nonces.fold(m->camera->nonce, event->time);
    if (m != nullptr && m->request) {
      found.emplace_back(m->request->id,
                         RequestMarks::Seen{m->request->body, m->decision, m->subject, {}, i, event->time});
    }
  }
  for (auto it = found.rbegin(); it != found.rend(); ++it) marks.add(it->first, std::move(it->second));
  if (!all_read) nonces.distrust(newest);
  vault.marks_folded = true;
}

}  // namespace facekeep
