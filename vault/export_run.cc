#include "vault/export_run.h"

#include "vault/base/digest.h"
#include "vault/export/manifest.h"
#include "vault/export/row.h"
#include "vault/seal/blob.h"
#include "vault/seal/template_seal.h"
#include "vault/store/keys.h"

namespace facekeep {

class ExportPass {
  friend class ExportRun;
  static PlainTemplateAccess get() { return PlainTemplateAccess(); }
};

class ExportRun {
 public:
  ExportRun(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store, const ExportJob& job)
      : vault_(vault),
        sequencer_(sequencer),
        store_(store),
        job_(job),
        action_(std::get<ledger::ExportTemplates>(job.made.action)) {}

  Result<ExportOutcome> run(const exporter::ExportFolder& folder, std::uint64_t part_size);

 private:
  enum class Taken : std::uint8_t { kYes, kNo, kDamaged };
  // How many the export takes, from their records alone: no template is opened for an export that takes too many.
  Result<std::uint64_t> count() const;
  // Builds the row of one subject, if the person is to be in the export.
  Result<Taken> build_row(const Id128& ref);
  [[nodiscard]] Status check_open() const;
  Status add_template(const SiteSession& site, const Id128& ref, const ledger::SubjectState& s,
                      const OpenSubject& subject, const ledger::TemplateState& t);
  [[nodiscard]] std::optional<ledger::SubjectState> state_of(const Id128& ref) const;
  [[nodiscard]] bool covers(const subject::Consent& consent) const;
  Result<std::string> manifest(const std::vector<exporter::Recipient>& recipients,
                               std::vector<exporter::SealedSize> parts) const;

  OpenVault& vault_;
  const log::Sequencer& sequencer_;
  const store::Store& store_;
  const ExportJob& job_;
  const ledger::ExportTemplates& action_;
  exporter::RowBuilder row_;
  std::uint64_t row_templates_ = 0;
  ExportOutcome out_;
};

std::optional<ledger::SubjectState> ExportRun::state_of(const Id128& ref) const {
  return sequencer_.read([&](const ledger::State& st) -> std::optional<ledger::SubjectState> {
    const auto* s = st.subject(ref);
    return s == nullptr || s->is_held_back() ? std::nullopt : std::optional(*s);
  });
}

bool ExportRun::covers(const subject::Consent& consent) const {
  switch (action_.basis) {
    case ledger::ExportBasis::kConsent: return consent.allows(subject::ConsentScope::kExport);
    case ledger::ExportBasis::kChangeOfProcessor: return consent.allows(subject::ConsentScope::kChangeOfProcessor);
    case ledger::ExportBasis::kLegalOrder: return true;
  }
  return false;
}

Status ExportRun::add_template(const SiteSession& site, const Id128& ref, const ledger::SubjectState& s,
                               const OpenSubject& subject, const ledger::TemplateState& t) {
  FK_TRY(const auto blob, store_.get(store::keys::template_of(ref, t.id)));
  if (!blob || seal::blob_digest(*blob) != t.blob) {
    return make_error(Errc::kIntegrity, "a stored template is not the one in the log");
  }
  FK_TRY(const seal::Aad aad,
         seal::make_template_aad({vault_.vault(), site.site}, {ref, t.id, t.model, t.model_version, s.consent}));
  const PlainTemplateAccess access = ExportPass::get();
  return seal::open_template(access, subject.key, aad, *blob, [&](std::span<const float> values) {
    return row_.add_template(access, {t.model, t.model_version, t.entry}, values);
  });
}

Status ExportRun::check_open() const {
  if (!vault_.closing) return {};
  return make_problem(Errc::kSealed, "sealed", "the vault was sealed during an export");
}

Result<std::uint64_t> ExportRun::count() const {
  std::uint64_t n = 0;
  for (const Id128& ref : job_.selected) {
    FK_CHECK(check_open());
    const auto s = state_of(ref);
    if (!s) continue;
    const auto subject = vault_.open_subject(vault_.site(action_.site), ref, *s);
    if (!subject && subject.error().code == Errc::kIo) return subject.error();
    n += subject && covers(subject->consent);
  }
  return n;
}

Result<ExportRun::Taken> ExportRun::build_row(const Id128& ref) {
  const auto s = state_of(ref);
  if (!s) return Taken::kNo;  // erased or suspended meanwhile
  const SiteSession& site = vault_.site(action_.site);
  const auto subject = vault_.open_subject(site, ref, *s);
  // What was erased meanwhile does not open either. A disk that does not answer is no damage: it is asked again later.
  const auto damaged = [&](const Error& e) -> Result<Taken> {
    if (e.code == Errc::kIo) return e;
    return state_of(ref) ? Taken::kDamaged : Taken::kNo;
  };
  if (!subject) return damaged(subject.error());
  if (!covers(subject->consent)) return Taken::kNo;
  FK_CHECK(row_.begin({subject->record.subject, subject->record.consent, site.site, s->entry}));
  row_templates_ = 0;
  for (const auto& t : s->templates) {
    if (t.entry >= job_.before) continue;
    if (const auto added = add_template(site, ref, *s, *subject, t); !added) return damaged(added.error());
    ++row_templates_;
  }
  return Taken::kYes;
}

Result<std::string> ExportRun::manifest(const std::vector<exporter::Recipient>& recipients,
                                        std::vector<exporter::SealedSize> parts) const {
  exporter::Manifest m;
  m.vault = vault_.vault();
  m.proposal = job_.made.id;
  m.site = action_.site;
  m.purpose = job_.made.purpose;
  m.basis = std::string(to_string(action_.basis));
  m.legal_order = action_.legal_order;
  for (const auto& r : recipients) m.recipients.push_back({r.spki, r.key});
  m.parts = std::move(parts);
  m.subjects = out_.refs.size();
  m.templates = out_.sealed.templates;
  m.damaged = out_.sealed.damaged;
  return encode_manifest(m);
}

Result<ExportOutcome> ExportRun::run(const exporter::ExportFolder& folder, std::uint64_t part_size) {
  const auto ended = [&](const char* why) {
    out_.ended = why;
    return std::move(out_);
  };
  std::vector<Bytes> certificates;
  for (const auto& r : action_.recipients) certificates.push_back(r.certificate);
  auto recipients = exporter::parse_recipients(certificates);
  if (!recipients) return ended("bad-recipient");
  for (std::size_t i = 0; i < recipients->size(); ++i) {
    if ((*recipients)[i].spki != action_.recipients[i].spki) return ended("bad-recipient");
  }
  FK_TRY(const std::uint64_t expected, count());
  if (expected > action_.max_subjects) return ended("over-limit");
  if (expected == 0) return ended("nobody");
  FK_TRY(const auto files, folder.begin(job_.made.id));
  FK_TRY(auto writer, exporter::PartWriter::create(*recipients, part_size, *files));
  for (const Id128& ref : job_.selected) {
    FK_CHECK(check_open());
    FK_TRY(const Taken taken, build_row(ref));
    out_.sealed.damaged += taken == Taken::kDamaged;
    if (taken != Taken::kYes) continue;
    if (out_.refs.size() == action_.max_subjects) return ended("over-limit");
    FK_TRY(const ByteView row, row_.finish());
    if (auto ok = writer.add(row); !ok) {
      if (ok.error().code == Errc::kTooLarge) return ended("too-large");
      return std::move(ok).error();
    }
    out_.refs.push_back(ref);
    out_.sealed.templates += row_templates_;
  }
  row_.clear();
  if (out_.refs.empty()) return ended("nobody");
  FK_TRY(auto parts, writer.finish());
  for (const auto& p : parts) out_.sealed.parts.push_back({p.bytes, p.digest});
  FK_TRY(const std::string text, manifest(*recipients, std::move(parts)));
  FK_CHECK(files->finish(text));
  out_.sealed.proposal = job_.made.id;
  out_.sealed.manifest = sha256(as_bytes(text));
  out_.sealed.subjects = out_.refs.size();
  return std::move(out_);
}

Result<ExportOutcome> run_export(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store,
                                 const ExportJob& job, const exporter::ExportFolder& folder, std::uint64_t part_size) {
  return ExportRun(vault, sequencer, store, job).run(folder, part_size);
}

}  // namespace facekeep
