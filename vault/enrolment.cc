#include "vault/enrolment.h"

#include "vault/base/digest.h"
#include "vault/match/vector.h"
#include "vault/opening.h"
#include "vault/seal/template_seal.h"
#include "vault/store/keys.h"
#include "vault/vector_problem.h"

namespace facekeep {

class EnrolmentPass {
  friend class Enrolment;
  static PlainTemplateAccess get() { return PlainTemplateAccess(); }
};

Result<PreparedEnrolment> Enrolment::prepare(const OpenVault& vault, const SiteSession& site, std::string by,
                                             std::string subject_id, const subject::Consent& consent) {
  PreparedEnrolment e;
  e.by = std::move(by);
  e.site = site.site;
  e.ref = random_array<16>();
  e.consent = consent;
  e.record_subject = subject_id;
  e.key.emplace(seal::AeadKey::generate());
  const subject::SubjectRecord record =
      subject::make_record(std::move(subject_id), subject::canonical_consent(consent));
  FK_TRY(e.consent_digest, subject::consent_digest(record.blinding.view(), record.consent));
  FK_TRY(const SecretBytes plain, subject::encode_record(record));
  FK_TRY(const seal::Aad aad, seal::make_record_aad({vault.vault(), site.site}, e.ref));
  FK_TRY(e.record, seal::seal_blob(*e.key, aad, plain.view()));
  return e;
}

PreparedEnrolment Enrolment::continue_with(std::string by, std::string site, const Id128& ref, const Digest& consent,
                                           OpenSubject subject) {
  PreparedEnrolment e;
  e.by = std::move(by);
  e.site = std::move(site);
  e.ref = ref;
  e.consent_digest = consent;
  e.consent = std::move(subject.consent);
  e.key.emplace(std::move(subject.key));
  return e;
}

Status Enrolment::add_template(const OpenVault& vault, const SiteSession& site, PreparedEnrolment& e,
                               const ledger::Model& model, std::span<const float> values,
                               std::optional<probe::Proof> proof) {
  FK_CHECK(check_vector(values, model));
  PreparedTemplate t;
  if (proof) t.camera = {proof->camera, proof->pad, site.keys.current()->nonce_tag(proof->camera, proof->nonce)};
  t.proof = std::move(proof);
  t.id = random_array<16>();
  t.model = model.id;
  t.version = model.version;
  t.unit = SecretBytes(model.dimension * sizeof(float));
  const std::span<float> unit(reinterpret_cast<float*>(t.unit.data()), model.dimension);
  FK_CHECK(match::normalise(values, model.dimension, unit));
  FK_TRY(const seal::Aad aad,
         seal::make_template_aad({vault.vault(), site.site}, {e.ref, t.id, model.id, model.version, e.consent_digest}));
  FK_TRY(t.blob, seal::seal_template(EnrolmentPass::get(), *e.key, aad, unit));
  e.templates.push_back(std::move(t));
  return {};
}

Result<log::Write> Enrolment::write(const OpenVault& vault, PreparedEnrolment& e, const log::Turn& turn,
                                    match::Engine& engine) {
  log::Write w;
  if (!e.record.empty()) {
    const std::uint32_t slot = turn.slots.take();
    const SiteSession& site = vault.site(e.site);
    const std::uint32_t epoch = turn.state.key_epoch(e.ref);
    FK_TRY(auto wrapped, vault.wrap_subject_key(site, epoch, e.ref, slot, *e.key));
    w.drafts.push_back(
        {ledger::Enrolled{e.ref, e.site, e.by, slot, e.consent_digest, seal::blob_digest(e.record), e.consent.until},
         {}});
    w.new_keys.push_back(std::move(wrapped));
    w.puts.push_back({store::keys::record(e.ref), e.record});
    const Digest tag = site.keys.of(epoch)->subject_tag(e.record_subject);
    w.puts.push_back({store::keys::subject_index(tag), to_bytes(e.ref)});
  }
  const std::uint64_t first = turn.next_entry + w.drafts.size();
  for (const auto& t : e.templates) {
    w.drafts.push_back(
        {ledger::TemplateAdded{e.ref, e.site, e.by, t.id, t.model, t.version, seal::blob_digest(t.blob), t.camera},
         {}});
    w.puts.push_back({store::keys::template_of(e.ref, t.id), t.blob});
  }
  w.after = [&e, &engine, first] {
    const std::string gallery = gallery_of(e.site, e.consent);
    for (std::size_t i = 0; i < e.templates.size(); ++i) {
      PreparedTemplate& t = e.templates[i];
      const std::span<const float> unit(reinterpret_cast<const float*>(t.unit.data()), t.unit.size() / sizeof(float));
      // Fails only if the vault was sealed meanwhile or memory ran out: the next opening loads it.
      static_cast<void>(engine.add(gallery, t.model, e.ref, first + i, unit));
      t.unit.reset();
    }
  };
  return w;
}

}  // namespace facekeep
