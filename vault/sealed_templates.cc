#include "vault/sealed_templates.h"

#include <algorithm>
#include <optional>
#include <string>

#include "vault/seal/blob.h"
#include "vault/seal/template_seal.h"
#include "vault/store/keys.h"

namespace facekeep {

namespace match {
class GalleryPass {
  friend class facekeep::SealedTemplates;
  static PlainTemplateAccess get() { return PlainTemplateAccess(); }
};
}  // namespace match

namespace {

// What the state says of one template.
struct Known {
  std::string site;
  Digest consent{};
  std::uint32_t slot = 0;
  std::uint64_t key_uses = 0;
  ledger::TemplateState state;
};

std::optional<Known> find(const log::Sequencer& sequencer, const match::TemplateName& name) {
  return sequencer.read([&](const ledger::State& st) -> std::optional<Known> {
    const auto* s = st.subject(name.ref);
    if (s == nullptr) return std::nullopt;
    const auto t = std::ranges::find(s->templates, name.order, &ledger::TemplateState::entry);
    if (t == s->templates.end()) return std::nullopt;
    return Known{st.current().sites[s->site].id, s->consent, s->slot, 1 + s->templates.size(), *t};
  });
}

Error erased() {
  return make_error(Errc::kNotFound, "the template was erased");
}

}  // namespace

Status SealedTemplates::open(const OpenVault& vault, const store::Store& store, const SealedTemplate& t,
                             seal::FunctionRef<Status(std::span<const float>)> use) {
  FK_TRY(const auto blob, store.get(store::keys::template_of(t.ref, t.state.id)));
  if (!blob || seal::blob_digest(*blob) != t.state.blob) {
    return make_error(Errc::kIntegrity, "a stored template is not the one in the log");
  }
  FK_TRY(const seal::Aad aad,
         seal::make_template_aad({vault.vault(), t.site.site},
                                 {t.ref, t.state.id, t.state.model, t.state.model_version, t.consent}));
  return seal::open_template(match::GalleryPass::get(), t.key, aad, *blob, use);
}

Status SealedSource::open(const match::TemplateName& name, std::span<float> out) {
  FK_TRY(const auto vault, vault_());
  const auto known = find(sequencer_, name);
  if (!known) return erased();
  const auto opened = [&]() -> Status {
    const SiteSession& site = vault->site(known->site);
    FK_TRY(const seal::AeadKey key, vault->subject_key(site, name.ref, known->slot, known->key_uses));
    const auto copy = [&](std::span<const float> values) -> Status {
      if (values.size() != out.size()) return make_error(Errc::kIntegrity, "a template has another dimension");
      std::ranges::copy(values, out.begin());
      return {};
    };
    return SealedTemplates::open(*vault, store_, {site, name.ref, known->consent, key, known->state}, copy);
  }();
  // That an erased one does not open says nothing.
  if (!opened && !find(sequencer_, name)) return erased();
  return opened;
}

}  // namespace facekeep
