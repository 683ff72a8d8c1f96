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

namespace {

// What matching found, before the log has it.
struct Finding {
  std::string decision = "no_match";
  std::optional<Id128> ref;        // whose record was opened
  std::optional<Id128> pseudonym;  // for the opening
  std::string subject;             // for the answer to a match
};

struct Question {
  const OpenVault& vault;
  const SiteSession& site;
  const ledger::Model& model;
  const log::Sequencer& sequencer;
  match::Engine& engine;
  UnixMillis now;
};

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
  FK_TRY(const auto hint, q.vault.find_ref(q.site, subject_id));
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
  FK_TRY(const bool hit, q.engine.verify(gallery, q.model.id, ref, probe, q.model.verify_threshold));
  if (!known) return f;
  f.ref = ref;
  f.subject = subject_id;
  if (hit && may_verify) f.decision = "match";
  return f;
}

Result<Finding> identify(const Question& q, std::span<const float> probe) {
  Finding f;
  FK_TRY(const auto hit, q.engine.identify(q.site.site, q.model.id, probe, q.model.identify_threshold));
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

Result<Finding> look(const Question& q, const MatchCall& call, std::span<const float> probe) {
  // The gallery is still opening: a door gets an answer that it can act on, at once (P8).
  if (!q.site.ready) {
    Finding f;
    f.decision = "refer";
    return f;
  }
  return call.subject ? verify(q, *call.subject, probe) : identify(q, probe);
}

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
  if (sequencer_->read([&](const ledger::State& st) { return st.period_keys().contains(id); })) return {};
  FK_TRY(const auto fresh, vault.new_period_key(id));
  auto made = sequencer_->submit(
      [&](const Turn& turn) -> Result<Write> {
        Write w;
        FK_CHECK(ledger::require_open(turn.state));
        if (turn.state.period_keys().contains(id)) return w;  // another request was first
        const std::uint32_t slot = turn.slots.take();
        w.drafts.push_back({ledger::PeriodKey{std::get<0>(id), std::get<1>(id), std::get<2>(id), slot}, {}});
        w.new_keys.push_back({slot, fresh.slot_record});
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
  struct Granted {
    ledger::MatchGrant grant;
    std::string by;
  };
  const auto decide = [&](const ledger::State& st, UnixMillis at) -> Result<Granted> {
    FK_TRY(const auto* door, ledger::authorise(st, spki, Role::kDoor, at));
    FK_TRY(auto grant, ledger::decide_match(st, *door, site, call.door, call.model));
    return Granted{std::move(grant), door->id};
  };
  FK_TRY(const Granted g, sequencer_->read([&](const ledger::State& st) { return decide(st, now); }));
  SiteSession& session = vault->site(site);
  FK_CHECK(check_vector(call.probe, g.grant.model));
  if (call.subject) FK_CHECK(ledger::check_subject_id(*call.subject));

  std::optional<ledger::RequestMark> mark;
  std::optional<RequestMarks::Seen> seen;
  if (call.request_id) {
    if (!vault->marks_folded) {
      return make_problem(Errc::kUnavailable, "request-in-flight",
                          "the vault is opening and does not know recent Request-Ids yet", "try again in a moment");
    }
    mark = ledger::RequestMark{session.request_tag({as_bytes(g.by), as_bytes(*call.request_id)}),
                               session.request_tag({as_bytes(g.by), call.body_digest})};
    seen = marks_.find(mark->id, now);
    if (seen && seen->body != mark->body) {
      return make_problem(Errc::kConflict, "request-id-reused",
                          "this Request-Id was used with another body a moment ago",
                          "draw a new one for each new question");
    }
  }

  SecretBytes unit(g.grant.model.dimension * sizeof(float));
  const std::span<float> probe(reinterpret_cast<float*>(unit.data()), g.grant.model.dimension);
  FK_CHECK(match::normalise(call.probe, g.grant.model.dimension, probe));
  const Question q{*vault, session, g.grant.model, *sequencer_, *engine_, now};
  FK_TRY(Finding f, look(q, call, probe));

  const auto answer = [&](const std::string& decision, const Finding& found, std::uint64_t entry) {
    MatchAnswer a{decision, std::nullopt, entry};
    if (decision == "match" && !g.grant.hide_subject) a.subject = found.subject;
    return a;
  };
  // A retry asks the same probe, so it finds the same subject; the log's decision stands whatever it finds.
  if (seen) {
    const bool live = f.ref && sequencer_->read([&](const ledger::State& st) {
      const auto* s = st.subject(*f.ref);
      return s != nullptr && ledger::may_match(st, *s, now);
    });
    const bool same =
        seen->decision != "match" || (live && f.decision == "match" && seen->subject && *f.pseudonym == *seen->subject);
    return answer(same ? seen->decision : "no_match", f, seen->entry);
  }

  FK_TRY(log::Draft draft, access_draft(*vault, site, ledger::Match{}));
  // One answer a Request-Id: a retry that overtakes its first try is told to come again, never answered early.
  if (mark && !marks_.reserve(mark->id, now)) {
    return make_problem(Errc::kUnavailable, "request-in-flight", "the same request is being answered",
                        "try again in a moment");
  }
  auto receipt = sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(decide(turn.state, turn.now.wall));
    // Erased, suspended or ended since it was looked at: it does not match any more.
    if (f.ref) {
      const auto* s = turn.state.subject(*f.ref);
      if (s == nullptr || !ledger::may_match(turn.state, *s, turn.now.wall))
        f.decision = f.decision == "match" ? "no_match" : f.decision;
    }
    Write w;
    const bool name_it = call.subject || f.decision == "match";
    draft.body = ledger::Match{!call.subject.has_value(),
                               site,
                               call.door,
                               call.model,
                               g.by,
                               f.decision,
                               name_it ? f.pseudonym : std::nullopt,
                               mark};
    if (mark) {
      w.after = [&, name_it, entry = turn.next_entry, at = turn.now.wall] {
        marks_.add(mark->id, {mark->body, f.decision, name_it ? f.pseudonym : std::nullopt, entry, at});
      };
    }
    w.drafts.push_back(std::move(draft));
    return w;
  });
  if (!receipt) {
    if (mark) marks_.release(mark->id);
    return std::move(receipt).error();
  }
  {
    const std::lock_guard lock(decisions_mutex_);
    ++decisions_[f.decision];
  }
  return answer(f.decision, f, receipt->entry);
}

}  // namespace facekeep
