// Exports: what a proposal's people and recipients are, the run once a quorum has decided, and the handing out.
//
//   proposal-done -> [parts and manifest on disk, sealed] -> exported + export-sealed, one batch -> export-given ->
//   bytes
//
// A process that dies before the batch leaves a decided export without digests: the keeper makes it again from the
// start. One that dies behind it finds the export sealed. So each is logged once.
#include <algorithm>

#include "vault/base/digest.h"
#include "vault/export/recipient.h"
#include "vault/export_run.h"
#include "vault/ledger/decide.h"
#include "vault/ledger/export_decide.h"
#include "vault/ledger/proposal_decide.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/open_vault.h"
#include "vault/opening.h"
#include "vault/service.h"
#include "vault/store/keys.h"

namespace facekeep {

using ledger::Moment;
using ledger::Role;
using ledger::Stage;
using ledger::State;
using log::Turn;
using log::Write;

namespace {

static_assert(ledger::kMaxExportParts == exporter::kMaxParts && ledger::kMaxExportPart == exporter::kMaxPartSize);
static_assert(ledger::kMaxExportRecipients == exporter::kMaxRecipients &&
              ledger::kMaxExportCertificate == exporter::kMaxCertificate);

constexpr std::uint64_t kFirstRetryMs = 30'000;  // doubled at each failure
constexpr std::uint64_t kLongestRetryMs = 3'600'000;

Moment moment(const State& st, const Instant& now) {
  return {now.wall, st.log_clock_at(now.uptime_ms)};
}

Error bad_action(std::string message, std::string hint = {}) {
  return make_problem(Errc::kInvalidArgument, "bad-action", std::move(message), std::move(hint));
}

// The certificates are sound, and the fingerprints that people compare are those of their keys.
Status check_recipients(const ledger::ExportTemplates& action) {
  std::vector<Bytes> certificates;
  for (const auto& r : action.recipients) certificates.push_back(r.certificate);
  FK_TRY(const auto recipients, exporter::parse_recipients(certificates));
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (recipients[i].spki != action.recipients[i].spki) {
      return bad_action("a recipient's fingerprint is not that of the certificate");
    }
  }
  return {};
}

// The people of a proposal that was vetoed, as its own list beside it in the log has them.
Result<ledger::ExportSubjects> list_of(const Id128& proposal, std::uint64_t entry, const log::Sequencer& sequencer,
                                       const store::Store& store) {
  FK_TRY(const Bytes entry_bytes, sequencer.entry(entry + 1));
  FK_TRY(const ledger::Leaf leaf, ledger::decode_leaf(as_chars(entry_bytes)));
  FK_TRY(const auto opening, store.get(store::keys::opening(entry + 1)));
  const auto* hidden = std::get_if<ledger::PrivateLeaf>(&leaf);
  if (hidden != nullptr && opening && hidden->event_class == ledger::EventClass::kCustody) {
    FK_TRY(ledger::Event event, log::open_custody(*hidden, *opening));
    auto* list = std::get_if<ledger::ExportSubjects>(&event.body);
    if (list != nullptr && list->proposal == proposal) return std::move(*list);
  }
  return make_error(Errc::kIntegrity, "the vetoed proposal's list of people is not beside it in the log");
}

std::vector<log::Draft> records_of(const Id128& proposal, const std::string& site, const std::vector<Id128>& refs) {
  std::vector<log::Draft> out;
  for (std::size_t at = 0; at < refs.size(); at += ledger::kMaxNamedSubjects) {
    const auto first = refs.begin() + static_cast<std::ptrdiff_t>(at);
    const auto n = std::min(ledger::kMaxNamedSubjects, refs.size() - at);
    out.push_back({ledger::Exported{proposal, site, {first, first + static_cast<std::ptrdiff_t>(n)}}, {}});
  }
  return out;
}

}  // namespace

Result<std::optional<ledger::ExportSubjects>> Service::prepare_export(ledger::ProposalMade& made,
                                                                      const std::vector<std::string>& subjects) const {
  std::optional<ledger::ExportSubjects> out;
  auto* action = std::get_if<ledger::ExportTemplates>(&made.action);
  if (action == nullptr) {
    if (!subjects.empty()) return bad_action("only an export names people");
    return out;
  }
  if (options_.export_dir.empty()) return bad_action("this vault has no folder for exports");
  if (action->subjects && made.overrides) {
    // The same people: another salt would make another action of it, which overrides nothing.
    FK_TRY(const std::uint64_t entry, sequencer_->read([&](const State& st) -> Result<std::uint64_t> {
      FK_CHECK(check_override(st, made));
      return st.proposals().at(*made.overrides).entry;
    }));
    FK_TRY(out, list_of(*made.overrides, entry, *sequencer_, parts_.store));
    out->proposal = made.id;
    return out;
  }
  if (action->subjects) return bad_action("the vault commits to the list of people", "send the ids in \"subjects\"");
  FK_CHECK(check_recipients(*action));
  if (subjects.empty()) return out;
  if (subjects.size() > ledger::kMaxNamedSubjects) {
    return bad_action("an export names at most 1000 people", "export the site with a maximum number instead");
  }
  if (sequencer_->read([&](const State& st) { return st.site(action->site) == nullptr; })) {
    return bad_action("the site \"" + action->site + "\" does not exist");
  }
  FK_TRY(const auto vault, open_vault());
  const SiteSession& site = vault->site(action->site);
  const auto is_enrolled = enrolled_in(*sequencer_);
  std::set<Id128> refs;
  for (const std::string& id : subjects) {
    FK_CHECK(ledger::check_subject_id(id));
    FK_TRY(const auto ref, vault->find_ref(site, id, is_enrolled));
    const bool enrolled = ref && is_enrolled(*ref);
    // Counted, as every refusal here, and without saying who: nobody asks in this way who lives here.
    if (!enrolled) {
      return make_problem(Errc::kNotFound, "unknown-subjects", "the export names somebody who is not enrolled",
                          "operators list who is enrolled: `facekeep subject list`");
    }
    if (!refs.insert(*ref).second) return bad_action("the export names somebody twice");
  }
  out = ledger::ExportSubjects{made.id, random_array<32>(), {refs.begin(), refs.end()}};
  action->subjects = ledger::subjects_commitment(out->salt, out->refs);
  action->max_subjects = out->refs.size();
  return out;
}

Result<Service::ExportNames> Service::export_subjects(const Digest& spki, const Id128& proposal) {
  FK_TRY(const std::string by, custodian(spki));
  const Instant now = parts_.clock.now();
  struct Named {
    std::string site;
    std::vector<std::pair<Id128, ledger::SubjectState>> people;
  };
  ExportNames out;
  const auto named = [&](const State& st) -> Result<Named> {
    FK_TRY(const auto* action, ledger::export_action(st, proposal));
    if (!action->subjects) return make_error(Errc::kNotFound, "this proposal names nobody");
    const auto e = st.exports().find(proposal);
    const ledger::Proposal& p = st.proposals().at(proposal);
    const Stage stage = stage_at(st, p, st.moment_at(now));
    const bool over = lifetime_is_over(st, p, st.moment_at(now)) || (is_final(stage) && stage != Stage::kDone);
    // Once the parts are sealed nobody decides any more, and the state keeps no list.
    if (over || e == st.exports().end() || e->second.refs.empty()) {
      return make_problem(Errc::kConflict, "proposal-ended", "this proposal has ended");
    }
    Named n{action->site, {}};
    out.erased = 0;
    for (const Id128& ref : e->second.refs) {
      const auto* s = st.subject(ref);
      if (s == nullptr) {
        ++out.erased;
      } else {
        n.people.emplace_back(ref, *s);
      }
    }
    return n;
  };
  FK_TRY(const auto vault, open_vault());
  FK_TRY(const Named asked, sequencer_->read(named));
  std::size_t damaged = 0;
  for (const auto& person : asked.people) {
    const Id128& ref = person.first;
    const auto subject = vault->open_subject(vault->site(asked.site), ref, person.second);
    if (subject) {
      out.subjects.push_back(subject->record.subject);
    } else if (sequencer_->read([&](const State& st) { return st.subject(ref) == nullptr; })) {
      ++out.erased;  // this very moment
    } else {
      ++damaged;
    }
  }
  if (damaged > 0) {
    return make_error(
        Errc::kIntegrity,
        "of " + std::to_string(damaged) + " of the people whom this export names the record does not open",
        "the database was changed from outside; `facekeepd check` names what is wrong");
  }
  FK_TRY(log::Draft draft,
         access_draft(*vault, asked.site, ledger::MetadataRead{asked.site, by, "export", std::nullopt}));
  FK_TRY(const auto written, sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(ledger::require_open(turn.state));
    FK_CHECK(ledger::authorise(turn.state, spki, Role::kCustodian, turn.now.wall));
    Write w;
    w.drafts.push_back(std::move(draft));
    return w;
  }));
  out.entry = written.entry;
  return out;
}

void Service::join_exporter() {
  const std::lock_guard lock(exporter_mutex_);
  if (exporter_.joinable()) exporter_.join();
}

// Keeper's thread. One export at a time, beside everything else. They take turns, so that one that fails again and
// again keeps no other waiting.
void Service::run_exports() {
  const Instant now = parts_.clock.now();
  const std::lock_guard lock(exporter_mutex_);
  if (options_.export_dir.empty() || exporting_) return;
  if (exporter_.joinable()) exporter_.join();
  std::set<Id128> alive;
  std::set<Id128> pending;
  sequencer_->read([&](const State& st) {
    for (const auto& [id, e] : st.exports()) {
      if (export_is_over(st, id, moment(st, now))) continue;
      if (e.sealed || e.is_pending()) alive.insert(id);
      if (e.is_pending()) pending.insert(id);
    }
  });
  exports_.keep_only(alive);
  {
    const std::lock_guard retries(retries_mutex_);
    std::erase_if(export_retries_, [&](const auto& r) { return !pending.contains(r.first); });
    std::erase_if(pending, [&](const Id128& id) {
      const auto r = export_retries_.find(id);
      return r != export_retries_.end() && !r->second.is_due(now.uptime_ms);
    });
  }
  if (pending.empty()) return;
  const auto vault = open_vault();
  if (!vault) return;
  auto next = pending.upper_bound(last_export_);
  if (next == pending.end()) next = pending.begin();
  last_export_ = *next;
  exporting_ = true;
  exporter_ = std::thread([this, vault = *vault, id = *next]() mutable {
    note_export(id, finish_export(*vault, id));
    vault.reset();  // sealing waits for it
    exporting_ = false;
  });
}

// A vault that was sealed meanwhile is no failure of the export.
void Service::note_export(const Id128& proposal, const Status& done) {
  const bool sealed = !done && (done.error().code == Errc::kSealed || halted());
  {
    const std::lock_guard lock(retries_mutex_);
    if (done || sealed) {
      export_retries_.erase(proposal);
      return;
    }
    export_retries_[proposal].failed(parts_.clock.now().uptime_ms, kFirstRetryMs, kLongestRetryMs);
  }
  if (options_.on_export_failed) options_.on_export_failed(proposal, done.error());
}

Status Service::finish_export(OpenVault& vault, const Id128& proposal) {
  const Instant now = parts_.clock.now();
  FK_TRY(const ExportJob job, sequencer_->read([&](const State& st) -> Result<ExportJob> {
    FK_CHECK(ledger::export_action(st, proposal));
    return ExportJob{st.proposals().at(proposal).made, *st.exports().at(proposal).entry,
                     ledger::export_selection(st, proposal, format_day(std::max(now.wall, st.last_time())))};
  }));
  FK_TRY(ExportOutcome outcome, run_export(vault, *sequencer_, parts_.store, job, exports_, options_.export_part_size));
  // What is not handed out is not kept either: it is gone before the log says that the export ended.
  if (!outcome.ended.empty()) FK_CHECK(exports_.remove(proposal));
  const std::string& site = std::get<ledger::ExportTemplates>(job.made.action).site;
  FK_CHECK(sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(ledger::require_open(turn.state));
    FK_CHECK(ledger::decide_export_ended(turn.state, {proposal, {}}));  // still to be done
    Write w;
    w.checkpoint = true;
    if (!outcome.ended.empty()) {
      w.drafts.push_back({ledger::ExportEnded{proposal, outcome.ended}, {}});
      return w;
    }
    // Whoever was erased or suspended since the row was sealed leaves in no part: the export is made again.
    for (const Id128& ref : outcome.refs) {
      const auto* s = turn.state.subject(ref);
      if (s == nullptr || s->is_held_back()) {
        return make_error(Errc::kConflict, "somebody was erased during the export");
      }
    }
    w.drafts = records_of(proposal, site, outcome.refs);
    w.drafts.push_back({outcome.sealed, {}});
    return w;
  }));
  return {};
}

Result<ExportAnswer> Service::export_result(const Digest& spki, const Id128& proposal) {
  FK_CHECK(custodian(spki));
  const Instant now = parts_.clock.now();
  ExportAnswer out;
  Digest expected{};
  // What can't be handed out now uses nothing up.
  FK_CHECK(sequencer_->read([&](const State& st) -> Status {
    FK_TRY(const auto* p, ledger::authorise(st, spki, Role::kCustodian, now.wall));
    FK_CHECK(decide_export_given(st, {proposal, p->id}, moment(st, now)));
    const ledger::ExportState& e = st.exports().at(proposal);
    expected = e.sealed->manifest;
    out.parts = e.sealed->parts;
    out.sealed_entry = e.sealed_entry;
    return {};
  }));
  FK_TRY(out.manifest, exports_.manifest(proposal));
  if (sha256(as_bytes(out.manifest)) != expected) {
    return make_error(Errc::kIntegrity, "the stored manifest is not the one in the log",
                      "the vault's folder of exports was changed from outside; propose the export anew");
  }
  FK_TRY(const auto written, sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_TRY(const auto* p, ledger::authorise(turn.state, spki, Role::kCustodian, turn.now.wall));
    const ledger::ExportGiven event{proposal, p->id};
    FK_CHECK(decide_export_given(turn.state, event, moment(turn.state, turn.now)));
    Write w;
    w.drafts.push_back({event, {}});
    w.checkpoint = true;
    w.receipt = true;
    return w;
  }));
  out.entry = written.entry;
  return out;
}

Result<Bytes> Service::export_part(const Digest& spki, const Id128& proposal, std::size_t part,
                                   std::uint64_t from) const {
  FK_TRY(const std::string by, custodian(spki));
  const Instant now = parts_.clock.now();
  FK_CHECK(sequencer_->read([&](const State& st) -> Status {
    FK_CHECK(check_custodian(st, by, moment(st, now)));
    const auto it = st.exports().find(proposal);
    const bool given = it != st.exports().end() && it->second.sealed && it->second.given.contains(by);
    if (!given || export_is_over(st, proposal, moment(st, now))) {
      return make_problem(Errc::kFailedPrecondition, "not-ready", "the export was not handed out to this custodian",
                          "ask for the proposal's result first");
    }
    if (part > 0 && part <= it->second.sealed->parts.size()) return {};
    return make_error(Errc::kNotFound, "the export has no such part");
  }));
  return exports_.read_part(proposal, part, from, kExportChunk);
}

}  // namespace facekeep
