// Verify and identify. Whatever depends on which subject was asked about answers "no_match"; nothing here
// sees a score, since the engine gives none.
#include "vault/base/digest.h"
#include "vault/ledger/decide.h"
#include "vault/log/sequencer/access_opening.h"
#include "vault/match/vector.h"
#include "vault/open_vault.h"
#include "vault/opening.h"
#include "vault/service.h"
#include "vault/vector_problem.h"

namespace facekeep {

using ledger::Role;
using log::Turn;
using log::Write;

// What matching found, before the log has it.
struct MatchFinding {
  std::string decision = "no_match";
  std::optional<Id128> ref;        // whose record was opened
  std::optional<Id128> pseudonym;  // for the opening
  std::string subject;             // for the answer to a match
  std::optional<std::string> repeat;
};

namespace {

using Finding = MatchFinding;

struct Question {
  const OpenVault& vault;
  const SiteSession& site;
  const ledger::Model& model;
  const log::Sequencer& sequencer;
  match::Engine& engine;
  UnixMillis now;
};

// A template that had to be looked at could not be read: a defect of the disk or the store, not of the question.
bool unreadable(const Error& error) {
  return error.code == Errc::kIntegrity || error.code == Errc::kCrypto || error.code == Errc::kMalformed ||
         error.code == Errc::kIo;
}

using LiveSubject = std::pair<Id128, ledger::SubjectState>;

std::optional<LiveSubject> live_subject(const Question& q, const Id128& ref) {
  return q.sequencer.read([&](const ledger::State& st) -> std::optional<LiveSubject> {
    const auto* s = st.subject(ref);
    if (s == nullptr || st.current().sites[s->site].id != q.site.site) return std::nullopt;
    return LiveSubject(ref, *s);
  });
}

// Somebody of this site, drawn anew each time: the one whose record is opened for a stranger.
std::optional<LiveSubject> any_subject(const Question& q) {
  constexpr int kTries = 1024;  // subjects of other sites that are passed over
  const Id128 from = random_array<16>();
  return q.sequencer.read([&](const ledger::State& st) -> std::optional<LiveSubject> {
    const auto& all = st.subjects();
    auto it = all.lower_bound(from);
    for (int i = 0; i < kTries && !all.empty(); ++i, ++it) {
      if (it == all.end()) it = all.begin();
      if (st.current().sites[it->second.site].id == q.site.site) return LiveSubject(*it);
    }
    return std::nullopt;
  });
}

// The same work for a stranger as for a subject, so that time does not tell them apart: a slot is read and a record
// opened either way (somebody else's, whose content is dropped), and a ref that the gallery does not know costs as
// much there.
Result<Finding> verify(const Question& q, const std::string& subject_id, std::span<const float> probe) {
  Finding f;
  FK_TRY(const auto hint, q.vault.find_ref(q.site, subject_id, enrolled_in(q.sequencer)));
  auto asked = hint ? live_subject(q, *hint) : std::nullopt;
  if (!asked) asked = any_subject(q);
  Id128 ref = random_array<16>();
  std::string gallery = q.site.site;
  bool known = false;
  bool may_verify = false;
  if (asked) {
    const auto opened = q.vault.open_subject(q.site, asked->first, asked->second);
    // The index is not trusted: the sealed record says whose it is. One that does not open is a stranger's.
    if (opened) {
      known = opened->record.subject == subject_id;
      may_verify = opened->consent.allows(subject::ConsentScope::kVerify);
      FK_TRY(const Id128 pseudonym, subject::pseudonym(opened->record.log_key.view(), format_day(q.now)));
      if (known) {
        ref = asked->first;
        gallery = gallery_of(q.site.site, opened->consent);
        f.pseudonym = pseudonym;
      }
    }
  }
  auto hit = q.engine.verify(gallery, q.model.id, ref, probe, q.model.verify_threshold);
  if (!hit && !unreadable(hit.error())) return std::move(hit).error();  // an unreadable template matches nobody
  if (!known) return f;
  f.ref = ref;
  f.subject = subject_id;
  if (hit && *hit && may_verify) f.decision = "match";
  return f;
}

Result<Finding> identify(const Question& q, std::span<const float> probe) {
  Finding f;
  const auto found = q.engine.identify(q.site.site, q.model.id, probe, q.model.identify_threshold);
  if (!found && unreadable(found.error())) {
    f.decision = "refer";  // it might be the one: a person looks
    return f;
  }
  FK_TRY(const auto hit, found);
  if (!hit) return f;
  const auto s = live_subject(q, *hit);
  if (!s) return f;  // erased this very moment
  auto opened = q.vault.open_subject(q.site, *hit, s->second);
  if (!opened) {
    f.decision = "refer";
    return f;
  }
  f.ref = *hit;
  f.subject = opened->record.subject;
  FK_TRY(f.pseudonym, subject::pseudonym(opened->record.log_key.view(), format_day(q.now)));
  f.decision = "match";
  return f;
}

Result<Finding> look(const Question& q, const MatchCall& call, std::span<const float> probe, bool budgets_known) {
  // The gallery is still opening: a door gets an answer that it can act on, at once (P8).
  if (!q.site.ready || !budgets_known) {
    Finding f;
    f.decision = "refer";
    return f;
  }
  return call.subject ? verify(q, *call.subject, probe) : identify(q, probe);
}

// The id of a subject that may match now: from its record, without a comparison.
std::optional<std::string> subject_now(const Question& q, const Id128& ref) {
  const auto s = live_subject(q, ref);
  if (!s || !q.sequencer.read([&](const ledger::State& st) { return ledger::may_match(st, s->second, q.now); })) {
    return std::nullopt;
  }
  const auto opened = q.vault.open_subject(q.site, ref, s->second);
  return opened ? std::optional(opened->record.subject) : std::nullopt;
}

struct Granted {
  ledger::MatchGrant grant;
  std::string by;
};

probe::About about(const std::string& site, const MatchCall& call) {
  return {call.subject ? "verify" : "identify", site, call.door, call.model};
}

// Asked before the work, and again in log order.
Result<Granted> grant(const ledger::State& st, const Digest& spki, const std::string& site, const MatchCall& call,
                      UnixMillis at) {
  FK_TRY(const auto* door, ledger::authorise(st, spki, Role::kDoor, at));
  FK_TRY(auto granted, ledger::decide_match(st, *door, site, call.door, call.model));
  return Granted{std::move(granted), door->id};
}

ledger::Match event_of(const std::string& site, const MatchCall& call, const std::string& by) {
  ledger::Match event;
  event.identify = !call.subject.has_value();
  event.site = site;
  event.door = call.door;
  event.model = call.model;
  event.by = by;
  event.camera = call.camera;
  return event;
}

// What a Request-Id leaves, under each epoch's keys that are here: the first is written, any may be found.
Result<std::vector<ledger::RequestMark>> request_marks(const OpenVault& vault, const SiteSession& site,
                                                       const std::string& by, const MatchCall& call) {
  std::vector<ledger::RequestMark> out;
  if (!call.request_id) return out;
  if (!vault.marks_folded) {
    return make_problem(Errc::kUnavailable, "request-in-flight",
                        "the vault is opening and does not know recent Request-Ids yet", "try again in a moment");
  }
  for (const auto& keys : site.keys.all()) {
    out.push_back({keys->request_tag({as_bytes(by), as_bytes(*call.request_id)}),
                   keys->request_tag({as_bytes(by), call.body_digest})});
  }
  return out;
}

// A request as it was seen before.
struct SeenRequest {
  ledger::RequestMark mark;  // that of this request under the keys of then
  RequestMarks::Seen seen;
};

std::optional<SeenRequest> find_seen(RequestMarks& known, const std::vector<ledger::RequestMark>& marks,
                                     UnixMillis now) {
  for (const auto& mark : marks) {
    if (auto seen = known.find(mark.id, now)) return SeenRequest{mark, std::move(*seen)};
  }
  return std::nullopt;
}

// Takes all of a request's marks or none, and gives back at its end those that were not answered.
class Reservation {
 public:
  Reservation(RequestMarks& known, const std::vector<ledger::RequestMark>& marks, UnixMillis now) : known_(known) {
    for (const auto& mark : marks) {
      held_ = known_.reserve(mark.id, now);
      if (!held_) return;
      taken_.push_back(mark.id);
    }
  }
  ~Reservation() {
    for (const Digest& id : taken_) known_.release(id);
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  [[nodiscard]] bool held() const { return held_; }

 private:
  RequestMarks& known_;
  std::vector<Digest> taken_;
  bool held_ = true;
};

}  // namespace

Result<log::Draft> Service::access_draft(OpenVault& vault, const std::string& site, ledger::Body body) {
  const std::string period = format_month(parts_.clock.now().wall);
  const ledger::State::PeriodId id{"access", site, period};
  FK_CHECK(ensure_period_key(vault, id));
  FK_TRY(auto key, sequencer_->read([&](const ledger::State& st) -> Result<std::shared_ptr<seal::AeadKey>> {
    const auto it = st.period_keys().find(id);
    if (it == st.period_keys().end()) return make_problem(Errc::kSealed, "sealed", "the vault is sealed");
    return vault.period_key(id, it->second, st.size());
  }));
  return log::Draft{std::move(body),
                    [key, site, period, vault_id = vault.vault()](std::uint64_t index, ByteView opening) {
                      return log::seal_access_opening(*key, vault_id, site, period, index, opening);
                    }};
}

Status Service::ensure_period_key(OpenVault& vault, const ledger::State::PeriodId& id) {
  // The state has a key from its decision on, its slot not before the entry is written. One that was opened before is
  // in its slot; for another the turn below waits until what is ahead of it is durable.
  if (vault.has_period_key(id)) return {};
  const seal::AeadKey fresh = seal::AeadKey::generate();
  auto made = sequencer_->submit(
      [&](const Turn& turn) -> Result<Write> {
        Write w;
        FK_CHECK(ledger::require_open(turn.state));
        if (turn.state.period_keys().contains(id)) return w;  // another request was first
        const std::uint32_t slot = turn.slots.take();
        w.drafts.push_back({ledger::PeriodKey{std::get<0>(id), std::get<1>(id), std::get<2>(id), slot}, {}});
        FK_TRY(auto wrapped, vault.wrap_period_key(id, turn.state.root_epoch(), slot, fresh));
        w.new_keys.push_back(std::move(wrapped));
        return w;
      },
      // Erasing needs the day's key of the changes feed; matching may wait for room.
      std::get<0>(id) == "changes" ? store::Urgency::kNarrowing : store::Urgency::kOrdinary);
  return made ? Status() : Status(made.error());
}

Result<MatchAnswer> Service::match(const Digest& spki, const std::string& site, MatchCall call) {
  const CleanseOnExit guard(call.probe);
  const UnixMillis now = parts_.clock.now().wall;
  FK_TRY(const auto vault, open_vault());
  FK_CHECK(require_witnesses());
  FK_TRY(const Granted g, sequencer_->read([&](const ledger::State& st) { return grant(st, spki, site, call, now); }));
  const SiteSession& session = vault->site(site);
  FK_TRY(const auto proof, open_probe(about(site, call), call.signed_probe, call.probe));
  if (proof) call.camera = {proof->camera, proof->pad, session.keys.current()->nonce_tag(proof->camera, proof->nonce)};
  FK_CHECK(check_vector(call.probe, g.grant.model));
  if (call.subject) FK_CHECK(ledger::check_subject_id(*call.subject));
  FK_TRY(const auto marks, request_marks(*vault, session, g.by, call));
  const auto before = find_seen(marks_, marks, now);
  const auto* seen = before ? &before->seen : nullptr;
  if (seen != nullptr && seen->body != before->mark.body) {
    return make_problem(Errc::kConflict, "request-id-reused", "this Request-Id was used with another body a moment ago",
                        "draw a new one for each new question");
  }

  SecretBytes unit(g.grant.model.dimension * sizeof(float));
  const std::span<float> probe(reinterpret_cast<float*>(unit.data()), g.grant.model.dimension);
  FK_CHECK(match::normalise(call.probe, g.grant.model.dimension, probe));
  const Question q{*vault, session, g.grant.model, *sequencer_, *engine_, now};
  const auto answer = [&](const std::string& decision, const std::string& subject, std::uint64_t entry) {
    MatchAnswer a{decision, std::nullopt, entry};
    if (decision == "match" && !g.grant.hide_subject) a.subject = subject;
    return a;
  };
  if (seen != nullptr && seen->decision != "match") return answer(seen->decision, "", seen->entry);
  if (seen != nullptr && seen->ref) {
    if (const auto subject = subject_now(q, *seen->ref)) return answer("match", *subject, seen->entry);
  }
  ledger::Match asked = event_of(site, call, g.by);
  // A door or camera that goes on behind its budget is told what the log has of it already: no work, and no more
  // entries. What it repeats costs more, so that is asked again below.
  const auto told = [&]() -> std::optional<MatchAnswer> {
    const std::uint64_t uptime = parts_.clock.now().uptime_ms;
    const auto entry = sequencer_->read([&](const ledger::State& st) { return budgets_.told(st, uptime, asked); });
    if (seen != nullptr || !entry) return std::nullopt;
    sums_.add("over-budget", 1);
    return answer("refer", "", *entry);
  };
  if (seen == nullptr) FK_CHECK(check_probe(*vault, site, proof));
  if (auto refer = told()) return std::move(*refer);
  const std::string place = site + "/" + call.door + "/" + call.model;
  FK_TRY(const auto repetition, repetition_.look(place, probe));
  if (repetition.kind) asked.repeat = std::string(*repetition.kind);
  if (auto refer = told()) return std::move(*refer);
  FK_TRY(Finding f, look(q, call, probe, budgets_.ready()));
  f.repeat = asked.repeat;
  if (seen != nullptr) {
    // After an unseal the mark has the pseudonym alone: the one that is found must be the one that the log names.
    if (!seen->ref && f.decision == "match" && f.pseudonym == seen->subject && subject_now(q, *f.ref)) {
      return answer("match", f.subject, seen->entry);
    }
    // What the log says holds no more (erased, suspended, ended): this is a new question, with an entry of its own.
    marks_.forget(before->mark.id, seen->entry);
  }
  // One answer a Request-Id: a retry that overtakes its first try is told to come again, never answered early.
  const Reservation reservation(marks_, marks, now);
  if (!reservation.held()) {
    return make_problem(Errc::kUnavailable, "request-in-flight", "the same request is being answered",
                        "try again in a moment");
  }
  const auto mark = marks.empty() ? std::nullopt : std::optional(marks.front());
  FK_TRY(const std::uint64_t entry, log_match(*vault, spki, site, call, proof, mark, f));
  repetition_.answered(place, repetition.ticket, f.decision == "match");
  return answer(f.decision, f.subject, entry);
}

Result<std::uint64_t> Service::log_match(OpenVault& vault, const Digest& spki, const std::string& site,
                                         const MatchCall& call, const std::optional<probe::Proof>& proof,
                                         const std::optional<ledger::RequestMark>& mark, Finding& f) {
  FK_TRY(log::Draft draft, access_draft(vault, site, ledger::Match{}));
  FK_TRY(const auto receipt, sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_TRY(const Granted g, grant(turn.state, spki, site, call, turn.now.wall));
    // Erased, suspended or ended since it was looked at: it does not match any more.
    if (f.ref) {
      const auto* s = turn.state.subject(*f.ref);
      if (s == nullptr || !ledger::may_match(turn.state, *s, turn.now.wall))
        f.decision = f.decision == "match" ? "no_match" : f.decision;
    }
    // Too little says that a live face was there: a person looks, or another way in is used.
    if (ledger::pad_of(call.camera) < turn.state.site(site)->min_pad) f.decision = "refer";
    FK_CHECK(use_probe(vault, turn, about(site, call), proof));
    Write w;
    ledger::Match event = event_of(site, call, g.by);
    event.decision = f.decision;
    event.subject = call.subject || f.decision == "match" ? f.pseudonym : std::nullopt;
    event.request = mark;
    event.repeat = f.repeat;
    budgets_.decide(turn.state, turn.next_entry, turn.now.uptime_ms, event);
    f.decision = event.decision;
    w.after = [&, event, entry = turn.next_entry, now = turn.now] {
      if (event.over) budgets_.alarm(entry, now.uptime_ms, event);
      if (!mark) return;
      const auto whose = event.decision == "match" ? f.ref : std::nullopt;
      marks_.add(mark->id, {mark->body, event.decision, event.subject, whose, entry, now.wall});
    };
    draft.body = std::move(event);
    w.drafts.push_back(std::move(draft));
    return w;
  }));
  const std::lock_guard lock(decisions_mutex_);
  ++decisions_[f.decision];
  return receipt.entry;
}

}  // namespace facekeep
