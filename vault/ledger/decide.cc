#include "vault/ledger/decide.h"

#include <algorithm>

#include "vault/ledger/cards.h"
#include "vault/ledger/proposal_decide.h"

namespace facekeep::ledger {
namespace {

bool has(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

Error other_site() {
  return make_problem(Errc::kPermissionDenied, "other-site", "this key has no access to that site",
                      "GET /v1/me names the sites and doors of this key");
}

Error unknown_model(const State& state) {
  std::string names;
  for (const Model& m : state.current().models) names += (names.empty() ? "" : ", ") + m.id;
  return make_problem(Errc::kNotFound, "unknown-model", "the vault has no model of that name", "its models: " + names);
}

}  // namespace

Error no_such_subject() {
  return make_problem(Errc::kNotFound, "not-found", "no such subject at this site",
                      "ids are compared byte by byte; `facekeep subject list` shows them");
}

Result<const PrincipalRecord*> authorise(const State& state, const Digest& spki, Role role, UnixMillis now) {
  const PrincipalRecord* p = state.principal_by_key(spki, now);
  if (p == nullptr) {
    return make_problem(Errc::kPermissionDenied, "unknown-key",
                        "this key is not registered, or its end date has passed", "ask the custodians to register it");
  }
  if (p->role != role) {
    return make_problem(
        Errc::kPermissionDenied, "wrong-role",
        "a " + std::string(to_string(p->role)) + " may not do this; it takes a " + std::string(to_string(role)),
        "GET /v1/me tells whose key this is; use the key of a " + std::string(to_string(role)));
  }
  if (role == Role::kCustodian && is_suspended(state, p->id, state.log_clock())) {
    return make_problem(Errc::kPermissionDenied, "suspended-custodian", "this custodian is suspended",
                        "a suspension ends by itself after 72 hours in which the vault runs");
  }
  return p;
}

Status require_open(const State& state) {
  if (state.phase() == Phase::kOpen) return {};
  return make_problem(Errc::kSealed, "sealed", "the vault is sealed", "custodians open it with `facekeep unseal`");
}

Result<MatchGrant> decide_match(const State& state, const PrincipalRecord& door, const std::string& site,
                                const std::string& door_id, const std::string& model) {
  FK_CHECK(require_open(state));
  const Site* s = state.site(site);
  if (s == nullptr || !has(door.sites, site)) return other_site();
  if (!has(door.doors, door_id)) {
    return make_problem(Errc::kPermissionDenied, "unknown-door", "this key does not drive that door",
                        "GET /v1/me names the doors of this key");
  }
  const Model* m = state.model(model);
  if (m == nullptr) return unknown_model(state);
  return MatchGrant{*m, site, s->hide_subject};
}

Result<const Site*> decide_site(const State& state, const PrincipalRecord& who, const std::string& site) {
  const Site* s = state.site(site);
  if (s == nullptr || !has(who.sites, site)) return other_site();
  return s;
}

Result<const Model*> decide_add_template(const State& state, const SubjectState& subject, const std::string& model,
                                         UnixMillis now, std::size_t adding) {
  const Model* m = state.model(model);
  if (m == nullptr) return unknown_model(state);
  if (subject.erase_due) {
    return make_problem(Errc::kFailedPrecondition, "suspended", "this subject is suspended and waits for erasure");
  }
  if (format_day(std::max(now, state.last_time())) > subject.until) {
    return make_problem(Errc::kFailedPrecondition, "consent-ended", "the consent of this subject has ended",
                        "erase the subject, or enrol anew with a new consent");
  }
  if (subject.templates.size() + adding > kMaxTemplatesPerSubject) {
    return make_problem(
        Errc::kExhausted, "too-many-templates",
        "a subject has at most 8 templates, this one would have " + std::to_string(subject.templates.size() + adding),
        "keep the best images of each person");
  }
  return m;
}

Result<EraseMode> decide_erase(const State& state, const PrincipalRecord& by, const std::string& site, const Id128& ref,
                               UnixMillis now) {
  FK_TRY(const Site* s, decide_site(state, by, site));
  const SubjectState* subject = state.subject(ref);
  if (subject == nullptr || state.current().sites[subject->site].id != site) {
    return no_such_subject();
  }
  if (subject->erase_due) {
    return make_problem(Errc::kFailedPrecondition, "suspended", "this subject is suspended already",
                        "it is erased at " + format_time(*subject->erase_due));
  }
  return state.erased_today(by.id, now) < s->erase_daily ? EraseMode::kDestroy : EraseMode::kSuspend;
}

bool erase_is_due(const State& state, const SubjectState& subject, const Instant& now) {
  const Moment at = state.moment_at(now);
  return subject.erase_due && at.wall >= *subject.erase_due &&
         at.clock >= subject.suspended_at_clock + kBulkEraseDelay && !erasure_is_held(state, subject, at);
}

bool may_match(const State& state, const SubjectState& subject, UnixMillis now) {
  return !subject.is_held_back() && format_day(std::max(now, state.last_time())) <= subject.until;
}

Status decide_openings_read(const State& state, const OpeningsRead& event) {
  if (!event.bundle) return require_open(state);
  if (state.phase() == Phase::kOpen || state.size() - state.start_entry() <= kMaxReadsBehindStart) return {};
  return make_problem(Errc::kExhausted, "too-many-reads",
                      "the log has grown by " + std::to_string(kMaxReadsBehindStart) +
                          " entries since the last start, and the vault is not open",
                      "a custodian's `facekeep seal` writes a new start; then read on");
}

Status decide_unseal_share(const State& state, const PrincipalRecord& by, const std::string& group, std::uint32_t share,
                           const Moment& now, bool before) {
  if (state.phase() == Phase::kOpen) {
    return make_problem(Errc::kFailedPrecondition, "already-open", "the vault is open; no share is needed",
                        "`facekeep status` shows its state");
  }
  FK_CHECK(check_custodian(state, by.id, now));
  const auto* groups = card_groups(state, before);
  if (groups == nullptr) {
    return make_problem(Errc::kInvalidArgument, "old-share", "this card is from before the shares were renewed",
                        "use the newer card; destroy this one");
  }
  const Group* g = find_card(*groups, group, share);
  if (g == nullptr) {
    return make_problem(Errc::kInvalidArgument, "foreign-share", "this card is not one of this vault's cards");
  }
  if (!may_hand_in(state, by.id, *g, share, before)) {
    return make_problem(
        Errc::kPermissionDenied, "not-your-card",
        "this is card " + std::to_string(share) + " of group " + group + ", which " + by.id + " does not hold",
        "each custodian hands in the own card, with the own key");
  }
  const auto& handed_in = state.shares_in(before);
  const auto in = handed_in.find(group);
  if (in != handed_in.end() && in->second.contains(share)) {
    return make_problem(Errc::kConflict, "duplicate-share",
                        "card " + std::to_string(share) + " of group " + group + " is in already; the progress stays");
  }
  return {};
}

bool completes_quorum(const State& state, const std::string& group, std::uint32_t share) {
  for (const auto& g : state.current().groups) {
    std::set<std::uint32_t> in;
    if (const auto it = state.shares_in().find(g.id); it != state.shares_in().end()) in = it->second;
    if (g.id == group) in.insert(share);
    if (in.size() < g.threshold) return false;
  }
  return true;
}

}  // namespace facekeep::ledger
