// Decisions about proposals and about one person's narrowing acts. Pure; the service calls them when a request
// arrives and again in log order, and the fold calls them for every event: what they refuse can stand in no log.
#pragma once

#include "vault/ledger/state.h"

namespace facekeep::ledger {

// "no-custodian", "suspended-custodian": who may act as a custodian at that moment.
Status check_custodian(const State& state, const std::string& id, const Moment& now);
// Does this custodian count at that moment: registered, end date not passed, not suspended?
bool counts(const State& state, const std::string& custodian, const Moment& now);
// Suspended by another custodian, at that value of the log's clock.
bool is_suspended(const State& state, const std::string& custodian, std::uint64_t clock);

// True for what only stops a destruction: cancelling erasures, or taking the access_log_days that one person shortened
// back up, to at most what a quorum had agreed on, without a larger erase_daily and with nothing else set. Its class is
// kCancelClass: it never waits, and nobody vetoes it.
bool only_stops(const State& state, const Action& action);

// The rule that binds this proposal at that moment: that of its class, or the stricter one of an override, which asks
// for no more people than count then; for a re-share that sets rules, that of its class and that of rules together.
// Where it takes rules back to what a quorum had agreed on, before one person tightened them, that is the rule of rules
// agreed on.
Rule rule_for(const State& state, const ProposalMade& made, const Moment& now);

// Where the proposal stands at that moment: its stage in the fold, read with both clocks. Delays run on the slower
// of the two, lifetimes on the faster.
Stage stage_at(const State& state, const Proposal& proposal, const Moment& now);

// The log's clock when its lifetime is over on it.
std::uint64_t lapse_clock(const State& state, const Proposal& proposal, const Moment& now);

// True once the proposal's lifetime has passed on one of the clocks, whatever its stage.
bool lifetime_is_over(const State& state, const Proposal& proposal, const Moment& now);

// "unknown-override", unless this overrides nothing, or a vetoed proposal of exactly the same action.
Status check_override(const State& state, const ProposalMade& made);

// "no-custodian", "suspended-custodian" (of `by`); "bad-action", "unknown-override", "too-many-proposals",
// "ceremony-running" (another rotation or re-share is not decided, or one by the same person ended undecided within 24
// hours of the log's clock), "reshare-due" (keys other than a re-share's, after a recovery).
Status decide_propose(const State& state, const ProposalMade& made, const Moment& now);

// "unknown-proposal", "proposal-ended", "proposal-stale" (another rule version, or signed before what unsettled it),
// "signed-already", "not-in-log" (a size before the proposal, or beyond the log), "bad-signature", "no-veto", and those
// of `by`. The root is checked where the tree is.
Status decide_vote(const State& state, const Vote& vote, Verb verb, const Moment& now);

// "not-yours" (also of one that only stops a destruction, once somebody else has signed it), "unknown-proposal",
// "proposal-ended".
Status decide_withdraw(const State& state, const ProposalWithdrawn& withdrawn, const Moment& now);

// kFailedPrecondition unless the proposal is ready, and its action can still be; "reshare-due"; "ceremony-running": it
// waits for the end of a rotation; "sealed": it draws keys, and waits for an unseal.
Status decide_carry_out(const State& state, const Id128& proposal, const Moment& now);

// True for a suspended subject that this proposal, a CancelErasures, brings back.
bool erasure_is_cancelled(const State& state, const Proposal& proposal, const SubjectState& subject);

// True while this proposal, a CancelErasures, can hold erasures: until its lifetime has passed on the log's clock,
// which nobody sets forward, unless it is done or withdrawn. So a hold ends by itself. Such a one counts as open and is
// not forgotten, even if it has expired by the wall clock.
bool may_hold(const State& state, const Proposal& proposal, const Moment& now);

// True while a proposal to cancel it, made before it was due, holds the erasure of this suspended subject (may_hold).
bool erasure_is_held(const State& state, const SubjectState& subject, const Moment& now);

// "bad-revocation": none, twice, a custodian, or somebody who is not registered.
Status decide_revoke(const State& state, const Revoked& revoked, const Moment& now);

// "bad-tightening": it widens something or changes nothing; its action can't be; or it changes rules and this person
// has tightened rules within seven days.
Status decide_tighten(const State& state, const Tightened& tightened, const Moment& now);

// "bad-suspension": the own person, no custodian, one who was suspended within seven days; a second by the same person
// within seven days; or one after which a rule could not be met or the vault not be opened.
Status decide_suspend(const State& state, const CustodianSuspended& suspended, const Moment& now);

// "not-in-log": the log has no such entry yet.
Status decide_acknowledge(const State& state, const AlarmsAcknowledged& seen, const Moment& now);

}  // namespace facekeep::ledger
