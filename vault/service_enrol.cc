// Enrolment, further templates, erasure. Beside the loader of the galleries this is the only code that holds
// a plain template, between its check and its seal.
#include <algorithm>

#include "vault/base/digest.h"
#include "vault/enrolment.h"
#include "vault/ledger/decide.h"
#include "vault/ledger/schedule.h"
#include "vault/open_vault.h"
#include "vault/opening.h"
#include "vault/seal/blob.h"
#include "vault/service.h"
#include "vault/store/keys.h"
#include "vault/vector_problem.h"

namespace facekeep {

using ledger::Role;
using log::Turn;
using log::Write;
namespace keys = store::keys;

namespace {

Error already_enrolled() {
  return make_problem(Errc::kAlreadyExists, "already-enrolled",
                      "this subject is enrolled at this site with another consent",
                      "erase the subject first, or send the consent that is on record");
}

// A subject that exists in the state at this site, found through the index and confirmed by its own record.
struct Found {
  Id128 ref{};
  ledger::SubjectState state;
  std::optional<OpenSubject> open;  // unset: its record does not open (it can still be erased)
};

Result<std::optional<Found>> find_subject(const OpenVault& vault, const log::Sequencer& sequencer,
                                          const SiteSession& site, const std::string& subject_id) {
  FK_TRY(const auto ref, vault.find_ref(site, subject_id, enrolled_in(sequencer)));
  if (!ref) return std::optional<Found>();
  auto state = sequencer.read([&](const ledger::State& st) -> std::optional<ledger::SubjectState> {
    const auto* s = st.subject(*ref);
    if (s == nullptr || st.current().sites[s->site].id != site.site) return std::nullopt;
    return *s;
  });
  if (!state) return std::optional<Found>();
  auto open = vault.open_subject(site, *ref, *state);
  if (open && open->record.subject != subject_id) {
    return make_error(Errc::kIntegrity, "the subject index points to another subject's record",
                      "the database was changed from outside; `facekeepd check` names what is wrong");
  }
  Found f{*ref, std::move(*state), std::nullopt};
  if (open) f.open = std::move(*open);
  return std::optional<Found>(std::move(f));
}

// Whom a template's camera has to have signed for.
probe::About enrolment_of(const std::string& site, const std::string& model) {
  return {"enrol", site, "", model};
}
}  // namespace

struct Service::Prepared {
  PreparedEnrolment e;
  bool exists = false;  // the same subject with the same consent is there already
  EnrolAnswer existing;
};

Result<std::optional<probe::Proof>> Service::open_template(const OpenVault& vault, const std::string& site,
                                                           TemplateInput& input) {
  FK_TRY(auto proof, open_probe(enrolment_of(site, input.model), input.signed_probe, input.values));
  FK_CHECK(check_probe(vault, site, proof));
  return proof;
}

Status Service::use_templates(const OpenVault& vault, const Turn& turn, const PreparedEnrolment& e) {
  for (const auto& t : e.templates) {
    if (ledger::pad_of(t.camera) < turn.state.site(e.site)->min_pad) {
      return make_problem(Errc::kFailedPrecondition, "pad-too-low",
                          "the site wants a higher level of presentation attack detection for what it enrols",
                          "enrol with a camera whose detection has that level, and which signs so");
    }
    FK_CHECK(use_probe(vault, turn, enrolment_of(e.site, t.model), t.proof));
  }
  return {};
}

Result<Service::Prepared> Service::prepare_enrolment(OpenVault& vault, const ledger::PrincipalRecord& by,
                                                     const std::string& site, EnrolInput& input) {
  const SiteSession& session = vault.site(site);
  FK_CHECK(ledger::check_subject_id(input.subject));
  auto consent = subject::consent_from_json(input.consent);
  if (!consent) {
    Error e = consent.error();
    if (e.problem == nullptr) e.problem = "bad-consent";
    return e;
  }
  const UnixMillis now = parts_.clock.now().wall;
  if (format_day(now) > consent->until) {
    return make_problem(Errc::kFailedPrecondition, "consent-ended", "the consent's end date has passed");
  }
  FK_TRY(auto found, find_subject(vault, *sequencer_, session, input.subject));
  Prepared p;
  if (found) {
    if (!found->open || found->open->record.consent != subject::canonical_consent(*consent) || found->state.erase_due) {
      return already_enrolled();
    }
    p.exists = true;
    p.existing.entry = found->state.entry;
    for (const auto& t : found->state.templates) p.existing.templates.push_back(to_hex(t.id));
    return p;
  }
  std::vector<ledger::Model> models;
  FK_CHECK(sequencer_->read([&](const ledger::State& st) -> Status {
    ledger::SubjectState fresh;
    fresh.until = consent->until;
    for (const auto& t : input.templates) {
      FK_TRY(const auto* m, ledger::decide_add_template(st, fresh, t.model, now, input.templates.size()));
      models.push_back(*m);
    }
    return {};
  }));
  FK_TRY(p.e, Enrolment::prepare(vault, session, by.id, input.subject, *consent));
  for (std::size_t i = 0; i < input.templates.size(); ++i) {
    TemplateInput& t = input.templates[i];
    const CleanseOnExit guard(t.values);
    FK_TRY(auto proof, open_template(vault, site, t));
    FK_CHECK(Enrolment::add_template(vault, session, p.e, models[i], t.values, std::move(proof)));
  }
  return p;
}

// The state runs ahead of the disk by one group: that a subject is gone is said once its erasure is durable. What is
// submitted now comes after it.
Error Service::no_such_subject_durably() {
  const Status settled = settle_log();
  return settled ? ledger::no_such_subject() : settled.error();
}

std::vector<Result<EnrolAnswer>> Service::enrol(const Digest& spki, const std::string& site,
                                                std::vector<EnrolInput> rows) {
  std::vector<Result<EnrolAnswer>> out(rows.size(), make_error(Errc::kInternal, "row not reached"));
  const auto all = [&](const Error& e) {
    for (auto& r : out) r = e;
    for (auto& row : rows) {
      for (auto& t : row.templates) cleanse_values(t.values);
    }
    return out;
  };
  if (rows.size() > kMaxBulkRows)
    return all(make_problem(Errc::kTooLarge, "too-many-rows", "at most 1000 rows in one request"));
  const auto vault = open_vault();
  if (!vault) return all(vault.error());
  const UnixMillis now = parts_.clock.now().wall;
  const auto by = sequencer_->read([&](const ledger::State& st) -> Result<ledger::PrincipalRecord> {
    FK_TRY(const auto* p, ledger::authorise(st, spki, Role::kOperator, now));
    FK_CHECK(ledger::decide_site(st, *p, site));
    FK_CHECK(ledger::require_open(st));
    return *p;
  });
  if (!by) return all(by.error());

  struct Job {
    std::size_t row;
    Prepared p;
    bool reserved = false;
  };
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto p = prepare_enrolment(**vault, *by, site, rows[i]);
    for (auto& t : rows[i].templates) cleanse_values(t.values);
    if (!p) {
      out[i] = p.error();
    } else if (p->exists) {
      out[i] = p->existing;
    } else {
      const std::lock_guard lock(reserved_mutex_);
      if (!reserved_.insert(subject_name(site, p->e.record_subject)).second) {
        out[i] = make_problem(Errc::kConflict, "being-enrolled",
                              "the same subject is being enrolled by another request or row");
      } else {
        jobs.push_back({i, std::move(*p), true});
      }
    }
  }
  std::vector<log::Decide> decisions;
  for (Job& job : jobs) {
    decisions.push_back([&, this](const Turn& turn) -> Result<Write> {
      FK_TRY(const auto* p, ledger::authorise(turn.state, spki, Role::kOperator, turn.now.wall));
      FK_CHECK(ledger::decide_site(turn.state, *p, site));
      FK_CHECK(ledger::require_open(turn.state));
      // Committed by another request between our look and our reservation?
      const auto is_enrolled = [&](const Id128& ref) { return turn.state.subject(ref) != nullptr; };
      FK_TRY(const auto there, (*vault)->find_ref((*vault)->site(site), job.p.e.record_subject, is_enrolled));
      if (there && is_enrolled(*there)) return already_enrolled();
      FK_CHECK(use_templates(**vault, turn, job.p.e));
      FK_TRY(Write w, Enrolment::write(**vault, job.p.e, turn, *engine_));
      w.receipt = true;
      return w;
    });
  }
  const auto receipts = sequencer_->submit_all(decisions);
  const std::lock_guard lock(reserved_mutex_);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    reserved_.erase(subject_name(site, jobs[i].p.e.record_subject));
    if (!receipts[i]) {
      out[jobs[i].row] = receipts[i].error();
      continue;
    }
    EnrolAnswer a{true, receipts[i]->entry, {}};
    for (const auto& t : jobs[i].p.e.templates) a.templates.push_back(to_hex(t.id));
    out[jobs[i].row] = std::move(a);
  }
  return out;
}

Result<EnrolAnswer> Service::put_subject(const Digest& spki, const std::string& site, EnrolInput input) {
  std::vector<EnrolInput> one;
  one.push_back(std::move(input));
  return std::move(enrol(spki, site, std::move(one)).front());
}

Result<EnrolAnswer> Service::add_template(const Digest& spki, const std::string& site, const std::string& subject_id,
                                          TemplateInput input) {
  const CleanseOnExit guard(input.values);
  const UnixMillis now = parts_.clock.now().wall;
  FK_TRY(const auto vault, open_vault());
  FK_TRY(const ledger::PrincipalRecord by,
         sequencer_->read([&](const ledger::State& st) -> Result<ledger::PrincipalRecord> {
           FK_TRY(const auto* p, ledger::authorise(st, spki, Role::kOperator, now));
           FK_CHECK(ledger::decide_site(st, *p, site));
           return *p;
         }));
  FK_CHECK(ledger::check_subject_id(subject_id));
  const SiteSession& session = vault->site(site);
  FK_TRY(auto found, find_subject(*vault, *sequencer_, session, subject_id));
  if (!found) return no_such_subject_durably();
  if (!found->open)
    return make_error(Errc::kIntegrity, "this subject's record does not open", "erase the subject and enrol anew");
  FK_TRY(const ledger::Model model, sequencer_->read([&](const ledger::State& st) -> Result<ledger::Model> {
    FK_TRY(const auto* m, ledger::decide_add_template(st, found->state, input.model, now));
    return *m;
  }));
  PreparedEnrolment e =
      Enrolment::continue_with(by.id, site, found->ref, found->state.consent, std::move(*found->open));
  FK_TRY(auto proof, open_template(*vault, site, input));
  FK_CHECK(Enrolment::add_template(*vault, session, e, model, input.values, std::move(proof)));
  FK_TRY(const auto receipt, sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_TRY(const auto* p, ledger::authorise(turn.state, spki, Role::kOperator, turn.now.wall));
    FK_CHECK(ledger::decide_site(turn.state, *p, site));
    FK_CHECK(ledger::require_open(turn.state));
    const auto* s = turn.state.subject(e.ref);
    if (s == nullptr) return ledger::no_such_subject();
    FK_CHECK(ledger::decide_add_template(turn.state, *s, model.id, turn.now.wall));
    FK_CHECK(use_templates(*vault, turn, e));
    FK_TRY(Write w, Enrolment::write(*vault, e, turn, *engine_));
    w.receipt = true;
    return w;
  }));
  return EnrolAnswer{true, receipt.entry, {to_hex(e.templates.front().id)}};
}

Write Service::erasure(const Id128& ref, const ledger::SubjectState& s, ledger::Erased event,
                       const std::vector<Digest>& tags, const std::optional<std::pair<Bytes, Bytes>>& changes_entry) {
  Write w;
  w.drafts.push_back({std::move(event), {}});
  w.deletes.push_back(keys::record(ref));
  for (const auto& t : s.templates) w.deletes.push_back(keys::template_of(ref, t.id));
  for (const Digest& tag : tags) w.deletes.push_back(keys::subject_index(tag));
  if (changes_entry) w.puts.push_back({changes_entry->first, changes_entry->second});
  w.dead_slots.push_back(s.slot);
  w.checkpoint = true;
  w.after = [this, ref] { engine_->remove(ref); };
  return w;
}

Result<std::pair<Bytes, Bytes>> Service::changes_entry(OpenVault& vault, const std::string& site,
                                                       const std::string& subject_id, const Turn& turn) {
  const std::string day = format_day(turn.now.wall);
  const ledger::State::PeriodId id{"changes", site, day};
  const auto it = turn.state.period_keys().find(id);
  if (it == turn.state.period_keys().end()) return make_error(Errc::kUnavailable, "the day changed; try again");
  FK_TRY(const auto key, vault.period_key(id, it->second, turn.state.size()));
  Bytes ref;
  append_be64(ref, turn.next_entry);
  FK_TRY(const seal::Aad aad, seal::make_aad({vault.vault(), site}, 0, seal::Purpose::kChange, ref));
  FK_TRY(Bytes blob, seal::seal_blob(*key, aad, as_bytes(subject_id)));
  FK_TRY(Bytes name, keys::deleted(day, turn.next_entry));
  return std::pair(std::move(name), std::move(blob));
}

Result<EraseAnswer> Service::erase(const Digest& spki, const std::string& site, const std::string& subject_id) {
  const UnixMillis now = parts_.clock.now().wall;
  FK_TRY(const auto vault, open_vault());
  FK_TRY(const ledger::PrincipalRecord by,
         sequencer_->read([&](const ledger::State& st) -> Result<ledger::PrincipalRecord> {
           FK_TRY(const auto* p, ledger::authorise(st, spki, Role::kOperator, now));
           FK_CHECK(ledger::decide_site(st, *p, site));
           return *p;
         }));
  FK_CHECK(ledger::check_subject_id(subject_id));
  const SiteSession& session = vault->site(site);
  FK_TRY(const auto found, find_subject(*vault, *sequencer_, session, subject_id));
  if (!found) return no_such_subject_durably();
  FK_CHECK(ensure_period_key(*vault, {"changes", site, format_day(now)}));
  EraseAnswer answer;
  FK_TRY(const auto receipt,
         sequencer_->submit(
             [&](const Turn& turn) -> Result<Write> {
               FK_TRY(const auto* p, ledger::authorise(turn.state, spki, Role::kOperator, turn.now.wall));
               FK_TRY(const auto mode, ledger::decide_erase(turn.state, *p, site, found->ref, turn.now.wall));
               if (mode == ledger::EraseMode::kSuspend) {
                 answer.due = turn.now.wall + ledger::kBulkEraseDelay;
                 Write w;
                 w.drafts.push_back({ledger::Suspended{found->ref, site, p->id, "over-allowance", answer.due}, {}});
                 w.checkpoint = true;
                 w.after = [this, ref = found->ref] { engine_->suspend(ref, true); };
                 return w;
               }
               answer.destroyed = true;
               FK_TRY(auto feed, changes_entry(*vault, site, subject_id, turn));
               // A template may have been added since we looked: the state in log order names them all.
               ledger::Erased erased{found->ref, site, p->id, "operator", erasure_horizon(turn.state, found->ref)};
               Write w = erasure(found->ref, *turn.state.subject(found->ref), std::move(erased),
                                 index_tags(session, subject_id), feed);
               w.after = [&, this] {
                 engine_->remove(found->ref);
                 vault->forget_correction(site, subject_id);
               };
               return w;
             },
             store::Urgency::kNarrowing));
  answer.entry = receipt.entry;
  return answer;
}

}  // namespace facekeep
