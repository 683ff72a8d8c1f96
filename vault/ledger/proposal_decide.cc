#include "vault/ledger/proposal_decide.h"

#include <algorithm>

#include "vault/ledger/cards.h"
#include "vault/ledger/decide.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::ledger {
namespace {

// Expiry runs on the faster clock: the latest time in the public log counts, whatever the wall clock says now.
UnixMillis latest(const State& state, const Moment& now) {
  return std::max(now.wall, state.public_time());
}

// True once `seconds` have passed since `from` on both clocks (a delay), or on one of them (a lifetime).
bool passed_on_both(const Moment& from, std::int64_t seconds, const Moment& now) {
  return now.wall >= from.wall + seconds * 1000 && now.clock >= from.clock + static_cast<std::uint64_t>(seconds) * 1000;
}
bool passed_on_one(const State& state, const Moment& from, std::int64_t seconds, const Moment& now) {
  return latest(state, now) >= from.wall + seconds * 1000 ||
         now.clock >= from.clock + static_cast<std::uint64_t>(seconds) * 1000;
}

std::set<std::string> who_counts(const State& state, const std::set<std::string>& people, const Moment& now) {
  std::set<std::string> out;
  std::copy_if(people.begin(), people.end(), std::inserter(out, out.end()),
               [&](const std::string& id) { return counts(state, id, now); });
  return out;
}

// Custodians who count, group by group, without one person.
GroupSizes who_counts_in(const State& state, const Moment& now, const std::string& without) {
  GroupSizes out;
  for (const auto& p : state.current().principals) {
    if (p.role == Role::kCustodian && p.id != without && counts(state, p.id, now)) {
      ++out[p.id.substr(0, p.id.find('/'))];
    }
  }
  return out;
}

Result<const Proposal*> find_proposal(const State& state, const Id128& id, const Moment& now) {
  const auto it = state.proposals().find(id);
  if (it == state.proposals().end()) {
    return make_problem(Errc::kNotFound, "unknown-proposal", "there is no such proposal",
                        "`facekeep proposals` lists those that are open");
  }
  const Stage stage = stage_at(state, it->second, now);
  if (is_final(stage)) {
    return make_problem(Errc::kFailedPrecondition, "proposal-ended",
                        "the proposal is " + std::string(to_string(stage)) + " already",
                        "propose it anew if it is still needed");
  }
  return &it->second;
}

// One person's tightening is undone under the rules before it: nobody shuts the others out by strictness.
bool only_undoes(const State& state, const Action& action) {
  const auto* change = std::get_if<ChangeRules>(&action);
  return change != nullptr && std::all_of(change->rules.begin(), change->rules.end(), [&](const auto& r) {
           const auto agreed = state.agreed_rule(r.first);
           return agreed && is_as_strict(r.second, *agreed);
         });
}

// What meets it meets each of them, in the shorter of their lifetimes; or in what the longer delay needs, so that there
// is a way to meet both.
Rule both(Rule a, const Rule& b) {
  for (const auto& [group, n] : b.groups) a.groups[group] = std::max(a.groups[group], n);
  a.delay_s = std::max(a.delay_s, b.delay_s);
  a.lifetime_s = std::max(std::min(a.lifetime_s, b.lifetime_s), 2 * a.delay_s);  // at most 180 days
  a.uses = std::min(a.uses, b.uses);
  return a;
}

Rule rule_of(const State& state, const Action& action) {
  if (only_stops(state, action)) return *state.agreed_rule(kCancelClass);
  const std::string action_class(kind_of(action).action_class);
  if (only_undoes(state, action)) return *state.agreed_rule(action_class);
  // New cards are no way around the rule of rules.
  const auto* cards = std::get_if<Reshare>(&action);
  const bool sets_rules = cards != nullptr && !cards->rules.empty();
  return sets_rules ? both(*state.rule(action_class), *state.rule("rule")) : *state.rule(action_class);
}

Error ceremony_running(std::string message, std::string hint) {
  return make_problem(Errc::kFailedPrecondition, "ceremony-running", std::move(message), std::move(hint));
}

// After a recovery new cards come before every other ceremony.
bool awaits_reshare(const State& state, const Action& action) {
  const bool draws_keys = is_ceremony(action) || waits_for_keys(action);
  return state.recovery() && draws_keys && !std::holds_alternative<Reshare>(action);
}

Status check_reshare_due(const State& state, const Action& action) {
  if (!awaits_reshare(state, action)) return {};
  return make_problem(Errc::kFailedPrecondition, "reshare-due",
                      "the main token was replaced, and new cards are due before anything else that draws keys",
                      "hold the ceremony for new cards: `facekeep reshare`");
}

// One at a time, from the proposal on. What waits for new cards keeps nobody from them.
Status check_no_other_ceremony(const State& state, const Action& action, const Moment& now) {
  if (!is_ceremony(action)) return {};
  const auto& all = state.proposals();
  const bool another = std::any_of(all.begin(), all.end(), [&](const auto& each) {
    return is_ceremony(each.second.made.action) && !awaits_reshare(state, each.second.made.action) &&
           !is_final(stage_at(state, each.second, now));
  });
  if (!another) return {};
  return ceremony_running("another ceremony for new keys is proposed, and not decided",
                          "`facekeep proposals` shows it: have it decided, withdraw it or veto it");
}

// Each that ends undecided has cost everybody the time of one: nobody keeps a vault from its new keys by proposing
// them.
Status check_not_just_ended(const State& state, const ProposalMade& made, const Moment& now) {
  if (!is_ceremony(made.action)) return {};
  const auto ended = state.ended_ceremonies().find(made.by);
  bool waits = ended != state.ended_ceremonies().end() && now.clock < ended->second + kBetweenCeremoniesMs;
  // Of those that lapsed the state is told with the next proposal, which may be this one.
  for (const auto& [id, p] : state.proposals()) {
    waits |= p.made.by == made.by && is_ceremony(p.made.action) && stage_at(state, p, now) == Stage::kExpired &&
             now.clock < lapse_clock(state, p, now) + kBetweenCeremoniesMs;
  }
  if (!waits) return {};
  return ceremony_running("a ceremony for new keys that this custodian proposed ended undecided within a day",
                          "another custodian may propose it now");
}

// Of what an action can be, the part that takes more than current: what was retired by a re-share stays so.
Status check_action(const State& state, const Action& action, const Moment& now) {
  if (const auto* reshare = std::get_if<Reshare>(&action)) {
    bool comes_back = state.retired_cards().contains(reshare->unseal_key);
    for (const auto& group : reshare->groups) {
      for (const auto& card : group.shares) comes_back |= state.retired_cards().contains(card.commitment);
    }
    if (comes_back) {
      return make_problem(Errc::kInvalidArgument, "bad-action", "a card or the unseal key is one of an earlier set",
                          "draw new cards: `facekeep reshare`");
    }
  }
  const auto next = apply_action(state.current(), action, format_day(latest(state, now)));
  return next ? Status() : Status(next.error());
}

}  // namespace

Status check_custodian(const State& state, const std::string& id, const Moment& now) {
  const PrincipalRecord* p = state.principal(id);
  if (p == nullptr || p->role != Role::kCustodian || (p->until && format_day(latest(state, now)) > *p->until)) {
    return make_problem(Errc::kPermissionDenied, "no-custodian",
                        "this takes a custodian whose end date has not passed");
  }
  if (is_suspended(state, id, now.clock)) {
    return make_problem(Errc::kPermissionDenied, "suspended-custodian", "this custodian is suspended",
                        "a suspension ends by itself after 72 hours in which the vault runs");
  }
  return {};
}

std::uint64_t lapse_clock(const State& state, const Proposal& p, const Moment& now) {
  return p.opened.clock + static_cast<std::uint64_t>(rule_for(state, p.made, now).lifetime_s) * 1000;
}

bool lifetime_is_over(const State& state, const Proposal& p, const Moment& now) {
  return passed_on_one(state, p.opened, rule_for(state, p.made, now).lifetime_s, now);
}

bool is_suspended(const State& state, const std::string& custodian, std::uint64_t clock) {
  const auto& all = state.suspensions();
  return std::any_of(all.begin(), all.end(), [&](const auto& s) {
    return s.second.custodian == custodian && clock < s.second.clock + kSuspensionMs;
  });
}

bool counts(const State& state, const std::string& custodian, const Moment& now) {
  return check_custodian(state, custodian, now).has_value();
}

Rule rule_for(const State& state, const ProposalMade& made, const Moment& now) {
  const Rule rule = rule_of(state, made.action);
  if (!made.overrides) return rule;
  const auto it = state.proposals().find(*made.overrides);
  // Ended proposals are forgotten in time; without the vetoer's name the whole group is counted, which is stricter.
  const std::string vetoer = it == state.proposals().end() ? "" : it->second.vetoed_by.value_or("");
  return override_rule(rule, who_counts_in(state, now, vetoer));
}

Stage stage_at(const State& state, const Proposal& p, const Moment& now) {
  if (is_final(p.stage)) return p.stage;
  const Rule rule = rule_for(state, p.made, now);
  if (passed_on_one(state, p.opened, rule.lifetime_s, now)) return *next_stage(p.stage, ProposalInput::kLapse);
  if (p.stage != Stage::kApproved) return p.stage;
  if (!meets(rule, who_counts(state, p.approved, now))) return p.stage;
  const bool over = passed_on_both(*p.complete, rule.delay_s, now);
  return *next_stage(p.stage, over ? ProposalInput::kDelayOver : ProposalInput::kDelayRuns);
}

Status check_override(const State& state, const ProposalMade& made) {
  if (!made.overrides) return {};
  const auto it = state.proposals().find(*made.overrides);
  if (it == state.proposals().end() || it->second.stage != Stage::kVetoed ||
      to_json(it->second.made.action) != to_json(made.action)) {
    return make_problem(Errc::kFailedPrecondition, "unknown-override",
                        "only a vetoed proposal of exactly the same action can be put again over its veto");
  }
  return {};
}

Status decide_propose(const State& state, const ProposalMade& made, const Moment& now) {
  FK_CHECK(check_custodian(state, made.by, now));
  if (!is_slug(made.purpose)) {
    return make_problem(Errc::kInvalidArgument, "bad-action", "the purpose is not a name of a-z, 0-9 and '-'",
                        "it is public in the log; say there what kind of thing this is, and nobody's name");
  }
  if (state.proposals().contains(made.id)) {
    return make_problem(Errc::kAlreadyExists, "bad-action", "there is a proposal with this id already");
  }
  std::size_t open = 0;
  for (const auto& [id, p] : state.proposals()) {
    open += p.made.by == made.by && (!is_final(stage_at(state, p, now)) || may_hold(state, p, now));
  }
  if (open >= kMaxOpenProposals) {
    return make_problem(Errc::kExhausted, "too-many-proposals", "this custodian has 16 proposals open",
                        "withdraw one, or have it decided");
  }
  FK_CHECK(check_override(state, made));
  FK_CHECK(check_reshare_due(state, made.action));
  FK_CHECK(check_no_other_ceremony(state, made.action, now));
  FK_CHECK(check_not_just_ended(state, made, now));
  return check_action(state, made.action, now);
}

Status decide_vote(const State& state, const Vote& vote, Verb verb, const Moment& now) {
  FK_CHECK(check_custodian(state, vote.by, now));
  FK_TRY(const Proposal* p, find_proposal(state, vote.proposal, now));
  if (vote.rule != state.rule_version()) {
    return make_problem(Errc::kConflict, "proposal-stale", "rules or custodians changed since this was signed",
                        "look at the proposal again and sign it under the rules in force");
  }
  // Nor what was signed before a revocation made it stale, and is sent again.
  if (p->unsettled && vote.size <= *p->unsettled && vote.size > p->entry) {
    return make_problem(Errc::kConflict, "proposal-stale", "somebody whom it names was revoked since this was signed",
                        "look at the proposal again, and sign it again if it is still right");
  }
  // Never more than the log has, and never less than the proposal: an older signature can't be used again.
  if (vote.size <= p->entry || vote.size > state.size()) {
    return make_problem(Errc::kConflict, "not-in-log", "this was signed over a log that is not this one",
                        "if the vault was restored, ask the other custodians before you sign anything");
  }
  if (verb == Verb::kApprove && p->approved.contains(vote.by)) {
    return make_problem(Errc::kAlreadyExists, "signed-already", "this custodian has signed; one person counts once");
  }
  if (verb == Verb::kVeto && p->made.overrides) {
    return make_problem(Errc::kPermissionDenied, "no-veto", "a proposal that overrides a veto is not vetoed again");
  }
  if (verb == Verb::kVeto && only_stops(state, p->made.action)) {
    return make_problem(Errc::kPermissionDenied, "no-veto", "nobody vetoes what only stops a destruction",
                        "who does not want it does not sign it");
  }
  if (verb == Verb::kVeto && binds_alone(p->made.action, vote.by)) {
    return make_problem(Errc::kPermissionDenied, "no-veto", "nobody vetoes what binds that person alone");
  }
  FK_TRY(const std::string statement, vote_statement(vote, verb, p->digest, state.genesis().vault));
  if (auto ok = verify_sshsig(vote.signature, state.principal(vote.by)->approval_key, kApprovalNamespace,
                              as_bytes(statement));
      !ok) {
    return make_problem(Errc::kPermissionDenied, "bad-signature",
                        "the signature does not verify: " + ok.error().message,
                        "sign with the approval key that is registered for this custodian");
  }
  return {};
}

Status decide_withdraw(const State& state, const ProposalWithdrawn& w, const Moment& now) {
  FK_CHECK(check_custodian(state, w.by, now));
  FK_TRY(const Proposal* p, find_proposal(state, w.proposal, now));
  const bool others_rely =
      only_stops(state, p->made.action) && p->approved.size() > (p->approved.contains(w.by) ? 1U : 0U);
  if (p->made.by == w.by && others_rely) {
    return make_problem(Errc::kPermissionDenied, "not-yours",
                        "others have signed this proposal, which stops a destruction: it is no longer its proposer's");
  }
  if (p->made.by == w.by) return {};
  return make_problem(Errc::kPermissionDenied, "not-yours", "only its proposer withdraws a proposal",
                      "any custodian may veto it: `facekeep veto`");
}

Status decide_carry_out(const State& state, const Id128& id, const Moment& now) {
  FK_TRY(const Proposal* p, find_proposal(state, id, now));
  const Stage stage = stage_at(state, *p, now);
  if (!next_stage(stage, ProposalInput::kCarryOut)) {
    return make_problem(Errc::kFailedPrecondition, "not-ready",
                        "the proposal is " + std::string(to_string(stage)) + " and not ready");
  }
  const bool draws_keys = is_ceremony(p->made.action) || waits_for_keys(p->made.action);
  FK_CHECK(check_reshare_due(state, p->made.action));
  if (draws_keys && state.rotation() && !renews_cards_alone(state, p->made.action)) {
    return ceremony_running("subjects are being rewrapped under new keys",
                            "the proposal is carried out when the old keys are destroyed");
  }
  // The proof of new keys is made with those that are open.
  if (draws_keys) FK_CHECK(require_open(state));
  return check_action(state, p->made.action, now);
}

Status decide_revoke(const State& state, const Revoked& r, const Moment& now) {
  FK_CHECK(check_custodian(state, r.by, now));
  const auto bad = [](std::string message, std::string hint = {}) {
    return make_problem(Errc::kInvalidArgument, "bad-revocation", std::move(message), std::move(hint));
  };
  const auto& reasons = revocation_reasons();
  if (std::find(reasons.begin(), reasons.end(), r.reason) == reasons.end()) {
    return bad("the reason of a revocation is lost, left, misuse or other");
  }
  if (r.principals.empty()) return bad("a revocation names nobody");
  for (std::size_t i = 0; i < r.principals.size(); ++i) {
    const std::string& id = r.principals[i];
    if (i > 0 && id <= r.principals[i - 1]) return bad("the names of a revocation are not sorted, each once");
    const PrincipalRecord* p = state.principal(id);
    if (p == nullptr) return bad("\"" + id + "\" is not registered");
    if (p->role == Role::kCustodian) {
      return bad("\"" + id + "\" is a custodian", "one person suspends a custodian; removing one takes a proposal");
    }
  }
  return {};
}

Status decide_tighten(const State& state, const Tightened& t, const Moment& now) {
  FK_CHECK(check_custodian(state, t.by, now));
  const auto bad = [](std::string message, std::string hint = {}) {
    return make_problem(Errc::kInvalidArgument, "bad-tightening", std::move(message), std::move(hint));
  };
  if (!is_tightening(state.current(), t.action)) {
    return bad("this narrows nothing, or widens something", "propose it: widening takes people of several groups");
  }
  if (auto next = apply_action(state.current(), t.action, format_day(latest(state, now))); !next) {
    return bad(next.error().message, next.error().hint);
  }
  if (!std::holds_alternative<ChangeRules>(t.action)) return {};
  const auto last = state.tightenings().find(t.by);
  if (last == state.tightenings().end() || now.clock >= last->second + kBetweenTighteningsMs) return {};
  return bad("this custodian has tightened rules within seven days", "propose it, or ask another custodian");
}

Status decide_suspend(const State& state, const CustodianSuspended& s, const Moment& now) {
  FK_CHECK(check_custodian(state, s.by, now));
  const auto bad = [](std::string message) {
    return make_problem(Errc::kFailedPrecondition, "bad-suspension", std::move(message));
  };
  const PrincipalRecord* p = state.principal(s.custodian);
  if (p == nullptr || p->role != Role::kCustodian) return bad("there is no such custodian");
  if (s.custodian == s.by) return bad("nobody suspends the own person");
  // However many suspend in turn: in each seven days there are four in which the person counts.
  const auto& all = state.suspensions();
  if (std::any_of(all.begin(), all.end(), [&](const auto& past) {
        return past.second.custodian == s.custodian && now.clock < past.second.clock + kBetweenSuspensionsMs;
      })) {
    return bad("this custodian is suspended, or was within seven days");
  }
  const auto last = state.suspensions().find(s.by);
  if (last != state.suspensions().end() && now.clock < last->second.clock + kBetweenSuspensionsMs) {
    return bad("one custodian suspends one person in seven days");
  }
  const GroupSizes left = who_counts_in(state, now, s.custodian);
  const auto remains = [&](const std::string& id) { return id != s.custodian && counts(state, id, now); };
  for (const auto& [name, rule] : state.current().rules) {
    if (!check_rule(rule, left)) return bad("the rule for \"" + name + "\" could not be met without this custodian");
  }
  for (const auto& group : state.current().groups) {
    if (cards_held(group, remains) < group.threshold)
      return bad("the vault could not be opened without this custodian");
  }
  return {};
}

Status decide_acknowledge(const State& state, const AlarmsAcknowledged& seen, const Moment& now) {
  FK_CHECK(check_custodian(state, seen.by, now));
  if (seen.entry < state.size()) return {};
  return make_problem(Errc::kFailedPrecondition, "not-in-log", "the log has no such entry",
                      "name the latest alarm that was looked at");
}

}  // namespace facekeep::ledger
