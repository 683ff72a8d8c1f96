#include "vault/opening.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "vault/sealed_templates.h"

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

OpenVault::IsEnrolled enrolled_in(const log::Sequencer& sequencer) {
  return [&sequencer](const Id128& ref) {
    return sequencer.read([&](const ledger::State& st) { return st.subject(ref) != nullptr; });
  };
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
  if (subject) {
    vault_.correct_index(site, subject->record.subject, ref);
  } else {
    vault_.note_unread(ref);
  }
  if (s->is_held_back() || format_day(now_) > s->until) engine_.suspend(ref, true);
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

}  // namespace facekeep
