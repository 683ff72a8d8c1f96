// State: a pure fold over the events. The daemon, its recovery and the auditor run the same apply().
//
// Two parts, as design section 4 says: what governance and custody events feed is here and folds
// without any key; what access events feed (Request-Ids of the last minute, budgets of the last day) lives beside the
// service and is folded again at unseal.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/clock.h"
#include "vault/ledger/event.h"
#include "vault/ledger/phase.h"

namespace facekeep::ledger {

struct TemplateState {
  Id128 id{};
  std::string model;
  std::uint32_t model_version = 0;
  Digest blob{};
  std::uint64_t entry = 0;  // log position: the tie-break of identify
};

struct SubjectState {
  std::uint32_t site = 0;  // index into current().sites, which only grow
  std::uint32_t slot = 0;
  Digest consent{};
  Digest record{};
  std::string until;
  std::uint64_t entry = 0;
  std::optional<UnixMillis> erase_due;   // suspended: does not match, is erased when due
  std::uint64_t suspended_at_clock = 0;  // State::log_clock() then, which a power cut can set back behind it
  std::uint64_t suspended_at = 0;        // the entry
  std::vector<TemplateState> templates;
  bool in_doubt = false;  // enrolled by a restore that accepted a loss: does not match until confirmed
  // Neither matched nor given to anybody; whether the consent is over is another question.
  [[nodiscard]] bool is_held_back() const { return erase_due.has_value() || in_doubt; }
};

struct OpenedByCards {
  std::uint64_t entry = 0;
  Moment at;  // wall: not before the latest time in the public log then
};

class State {
 public:
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }  // entries folded in
  [[nodiscard]] UnixMillis last_time() const { return last_time_; }
  // The same of governance events alone. Whatever decides about one of them goes by this: who has the public log alone
  // must come to the same end.
  [[nodiscard]] UnixMillis public_time() const { return public_time_; }
  // The log's own clock: milliseconds that the daemon has run since genesis, as its events say. Nobody can
  // set it forward, and time off does not count.
  [[nodiscard]] std::uint64_t log_clock() const { return log_clock_; }
  // Where the next start goes on: the log's clock as whoever has the public log alone sees it.
  [[nodiscard]] std::uint64_t public_clock() const { return public_clock_; }
  [[nodiscard]] std::uint64_t log_clock_at(std::uint64_t uptime_ms) const { return clock_base_ + uptime_ms; }
  [[nodiscard]] Moment moment_at(const Instant& now) const { return {now.wall, log_clock_at(now.uptime_ms)}; }

  // Precondition of everything below: phase() is not kNew.
  // As signed at the ceremony, and as it stands after every proposal and revocation since.
  [[nodiscard]] const Genesis& genesis() const { return *genesis_; }
  [[nodiscard]] const Genesis& current() const { return *current_; }
  [[nodiscard]] const Start& start() const { return start_; }
  [[nodiscard]] std::uint64_t start_entry() const { return start_entry_; }
  // Cards in, by group: of the set in force, or `before` of the one before it (cards.h).
  [[nodiscard]] const std::map<std::string, std::set<std::uint32_t>>& shares_in(bool before = false) const {
    return before ? shares_in_before_ : shares_in_;
  }

  // The principal of a key, if it is registered and its end date has not passed at `now`.
  [[nodiscard]] const PrincipalRecord* principal_by_key(const Digest& spki, UnixMillis now) const;
  [[nodiscard]] const PrincipalRecord* principal(const std::string& id) const;
  [[nodiscard]] const Site* site(const std::string& id) const;
  [[nodiscard]] const Model* model(const std::string& id) const;
  // The budgets that bind the next entry, and those that bound earlier ones: a site's own, or the defaults. Of changes
  // folded into this object alone, and under no digest.
  [[nodiscard]] const BudgetPolicies& budget_policies() const { return budget_policies_; }
  [[nodiscard]] const SiteBudgets& budgets(const std::string& site) const { return budget_policies_.at(site, size_); }

  // The entry that last changed a rule or a custodian; 0 is genesis. Signatures name it.
  [[nodiscard]] std::uint64_t rule_version() const { return rule_version_; }
  // The rule of a class as the last quorum set it, whatever one person tightened since. None: no such class.
  [[nodiscard]] std::optional<Rule> agreed_rule(std::string_view action_class) const;
  // By custodian: log_clock() when that person last tightened rules.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& tightenings() const { return tightenings_; }
  // Where the log has what is in force, so that others can prove it from there: the proposal, the approvals that
  // counted, and the entry that carried it out. All zero: genesis. Of events folded into this object alone, and under
  // no digest.
  struct Origin {
    std::uint64_t proposal = 0;
    std::vector<std::uint64_t> approvals;
    std::uint64_t done = 0;
  };
  [[nodiscard]] Origin origin_of(const std::string& principal) const;
  [[nodiscard]] const Origin& origin_of_witnesses() const { return witnesses_origin_; }
  // Every change of a custodian's keys, in log order: whose signature counts was decided there.
  [[nodiscard]] const std::vector<Origin>& custodian_changes() const { return custodian_changes_; }
  // The rule of a class in force: its own, or where there is none that of the class it falls back to. None: no such
  // class.
  [[nodiscard]] std::optional<Rule> rule(std::string_view action_class) const;
  // Every open proposal, and the latest of those that ended.
  [[nodiscard]] const std::map<Id128, Proposal>& proposals() const { return proposals_; }
  // By custodian: whom that person suspended last, and log_clock() then.
  struct Suspension {
    std::string custodian;
    std::uint64_t clock = 0;
  };
  [[nodiscard]] const std::map<std::string, Suspension>& suspensions() const { return suspensions_; }
  // By custodian: log_clock() when a rotation or re-share that this person had proposed was last vetoed or withdrawn.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& ended_ceremonies() const { return ended_ceremonies_; }

  // While subjects still have keys of the epoch before: from the proposal-done with new keys to keys-retired.
  struct Rotation {
    std::uint32_t from = 0;  // root epochs
    std::uint32_t to = 0;
    std::map<std::string, Digest> old_checks;  // site -> check of its key of `from`
    Digest old_register_check{};
    Id128 upto{};             // subjects up to here are rewrapped
    std::uint64_t entry = 0;  // of the proposal-done
    KeyProof proof;           // of the keys of `to`, by the vault's own key of `from`
    // Of a re-share: no `unsealed` stands behind the proposal-done. The old keys stay until the new cards opened.
    bool cards_untried = false;
    // Then: the cards that opened the vault last. Under no digest: the log says it.
    std::optional<CardSet> before = {};
  };
  [[nodiscard]] const std::optional<Rotation>& rotation() const { return rotation_; }
  // While restart tickets are in force: the opening by cards for which none was made yet.
  [[nodiscard]] const std::optional<OpenedByCards>& opened_by_cards() const { return opened_by_cards_; }
  // The one that is not ended, though it may be over (ticket_decide.h); and how many there were.
  [[nodiscard]] const std::optional<Ticket>& ticket() const { return ticket_; }
  [[nodiscard]] std::uint32_t tickets() const { return tickets_; }
  // While the cards in force are untried: those before. Null otherwise, and where the root that these went with is
  // lost.
  [[nodiscard]] const CardSet* cards_before() const {
    const bool known = rotation_ && rotation_->cards_untried && rotation_->before;
    return known && !lost_roots_.contains(rotation_->from) ? &*rotation_->before : nullptr;
  }
  // By site, of those opened since the vault's keys were last drawn: by its own key in force.
  [[nodiscard]] const std::map<std::string, KeyProof>& site_proofs() const { return site_proofs_; }
  // Of the root that is in force, 1 at genesis; and of the one under whose site key this subject's key lies.
  [[nodiscard]] std::uint32_t root_epoch() const { return current_->register_epoch; }
  [[nodiscard]] std::uint32_t key_epoch(const Id128& ref) const {
    return !rotation_ || ref <= rotation_->upto ? root_epoch() : rotation_->from;
  }
  // Commitments of the cards, and the unseal keys, of every set before the present one: none comes back.
  [[nodiscard]] const std::set<Digest>& retired_cards() const { return retired_cards_; }

  // While a schedule of rotations is in force (current().rotate_days): since when its days run. That is when the keys
  // in force came, or the schedule, whichever was later.
  [[nodiscard]] const std::optional<Moment>& scheduled_since() const { return scheduled_since_; }
  // When the cards in force were made: genesis, or the latest re-share. No digest covers it; unknown (nothing) in a
  // state that was read from a text which an earlier program wrote.
  [[nodiscard]] const std::optional<UnixMillis>& cards_since() const { return cards_since_; }
  // Every change of the log key, in log order: from the checkpoint with `entry` on, `to` signs.
  struct Handover {
    std::uint64_t entry = 0;
    std::string from;  // vkeys
    std::string to;
    bool recovered = false;  // by the custodians; else the key before signed that checkpoint too
    std::optional<Loss> loss = {};
  };
  [[nodiscard]] const std::vector<Handover>& handovers() const { return handovers_; }
  // Root epochs that a recovery said to be lost with their token: nobody can destroy them. With each the entry of its
  // keys-retired, 0 before it: whoever was enrolled until then has had keys under it.
  [[nodiscard]] const std::map<std::uint32_t, std::uint64_t>& lost_roots() const { return lost_roots_; }
  // From a recovery that lost a token to the end of the old keys of the first re-share behind it. Meanwhile the site
  // keys of the present epoch are opened with the spare token, and new cards are due.
  struct Recovery {
    std::uint64_t entry = 0;
    std::string kind;
    std::optional<std::uint32_t> renewed = {};  // the root epoch that the re-share replaced, once it is carried out
  };
  [[nodiscard]] const std::optional<Recovery>& recovery() const { return recovery_; }
  // Subjects that do not match until they are confirmed (ConfirmSubjects).
  [[nodiscard]] std::uint64_t in_doubt() const { return in_doubt_; }

  // Exports of those proposals, from the proposal's list of people or from proposal-done on.
  [[nodiscard]] const std::map<Id128, ExportState>& exports() const { return exports_; }
  // False once a custody event was folded without its opening (apply_unopened_custody).
  [[nodiscard]] bool has_all_custody() const { return all_custody_; }

  // By ref: lists go page by page in this order, and it is that of the state's digest.
  using Subjects = std::map<Id128, SubjectState>;
  [[nodiscard]] const Subjects& subjects() const { return subjects_; }
  [[nodiscard]] const SubjectState* subject(const Id128& ref) const;
  [[nodiscard]] std::uint64_t persons(const std::string& site) const;
  [[nodiscard]] std::uint64_t suspended() const { return suspended_; }  // subjects that wait for erasure

  // Period keys that are not destroyed, by (purpose, site, period).
  using PeriodId = std::tuple<std::string, std::string, std::string>;
  struct PeriodKeyState {
    std::uint32_t slot = 0;
    std::uint64_t entry = 0;  // entries since bound the key's uses
    std::uint64_t clock = 0;  // log_clock() when it was made
  };
  [[nodiscard]] const std::map<PeriodId, PeriodKeyState>& period_keys() const { return period_keys_; }
  // By site: access_log_days as the last quorum set it, where one person shortened it since, and when that was done
  // last. For 72 hours on both clocks the keys are kept as agreed: what is destroyed can't be brought back.
  struct Shortened {
    std::uint32_t agreed_days = 0;
    Moment at;  // wall: not before the latest time in the public log then
  };
  [[nodiscard]] const std::map<std::string, Shortened>& shortened() const { return shortened_; }
  // True once a period key has outlived what it was kept for, on both clocks: the site's access_log_days after
  // the month (access), 30 days after the day (changes). Setting the wall clock forward destroys none early.
  [[nodiscard]] bool period_is_over(const PeriodId& id, const PeriodKeyState& key, UnixMillis wall,
                                    std::uint64_t log_clock) const;
  // True if a key of this id was made before `entry` and destroyed behind it, so that it may have sealed the entry. Of
  // events folded into this object alone: a state read from a text (state_text.h) does not know earlier ones, and no
  // digest covers it.
  [[nodiscard]] bool period_was_destroyed(const PeriodId& id, std::uint64_t entry) const;
  // The entries behind the backups from which the vault was restored, in log order: of their access events the stored
  // openings are gone. Of events folded into this object alone, and under no digest.
  [[nodiscard]] const std::vector<BehindBackup>& restores() const { return restores_; }
  // Entries of the log in each backup that the log has. A restore takes one of these, or is none.
  [[nodiscard]] const std::set<std::uint64_t>& backups() const { return backups_; }
  // Slots that an event owns. Recovery clears every other slot.
  [[nodiscard]] const std::set<std::uint32_t>& slots() const { return slots_; }
  // Keys ever wrapped under the site's S/wrap, of all its epochs (use counter, never goes back).
  [[nodiscard]] std::uint64_t wraps(const std::string& site) const;
  // Erasures of this operator that destroyed at once on the log's current day: the UTC day of `now`, or of
  // the latest event if the wall clock went back (no allowance is gained by setting a clock).
  [[nodiscard]] std::uint32_t erased_today(const std::string& by, UnixMillis now) const;

  // SHA-256 over the canonical form of the whole state; FORMAT.md section "state digest".
  [[nodiscard]] Digest digest() const;
  // The text under the digest: the lines of the head, and those of one subject that is there.
  [[nodiscard]] std::string digest_head() const;
  [[nodiscard]] std::string digest_lines(const Id128& ref) const;
  // Refs in the digest's order.
  [[nodiscard]] std::vector<Id128> refs_in_order() const;

 private:
  friend class StateTextReader;
  friend std::string write_state_head(const State& state);
  friend Status apply(State& state, const Event& event);
  friend Status apply_access(State& state);
  friend Status apply_unopened_custody(State& state);

  Status apply_body(const Genesis& e);
  Status apply_body(const Start& e);
  Status apply_body(const UnsealShare& e);
  Status apply_body(const Unsealed& e);
  Status apply_body(const UnsealEnded& e);
  Status apply_body(const Sealed& e);
  Status apply_body(const Sums& e);
  Status apply_body(const OpeningsRead& e);
  Status apply_body(const ProposalMade& e);
  Status apply_body(const Approval& e);
  Status apply_body(const Veto& e);
  Status apply_body(const ProposalWithdrawn& e);
  Status apply_body(const ProposalDone& e);
  Status apply_body(const Revoked& e);
  Status apply_body(const Tightened& e);
  Status apply_body(const CustodianSuspended& e);
  Status apply_body(const AlarmsAcknowledged& e);
  Status apply_body(const ExportSealed& e);
  Status apply_body(const ExportEnded& e);
  Status apply_body(const ExportGiven& e);
  Status apply_body(const Rewrapped& e);
  Status apply_body(const KeysRetired& e);
  Status apply_body(const BackupMade& e);
  Status apply_body(const Restored& e);
  Status apply_body(const Recovered& e);
  Status apply_body(const TicketMade& e);
  Status apply_body(const TicketUsed& e);
  Status apply_body(const TicketEnded& e);
  Status apply_body(const ExportSubjects& e);
  Status apply_body(const Exported& e);
  Status apply_body(const Enrolled& e);
  Status apply_body(const TemplateAdded& e);
  Status apply_body(const Erased& e);
  Status apply_body(const Suspended& e);
  Status apply_body(const PeriodKey& e);
  Status apply_body(const PeriodKeyDestroyed& e);
  Status apply_body(const Match& e);
  Status apply_body(const MetadataRead& e);
  Status check_operator(const std::string& by, const std::string& site) const;
  Status check_camera(const std::optional<SignedBy>& camera, const std::string& site, const std::string& door) const;
  [[nodiscard]] Moment moment() const { return {now_, clock_now_}; }
  // Of a governance event.
  [[nodiscard]] Moment latest_moment() const { return {std::max(now_, public_time_), clock_now_}; }
  Status vote(const Vote& vote, Verb verb);
  void unsettle_proposals(const std::vector<std::string>* naming);
  void settle_ended_proposals();
  void set_current(Genesis current);
  void note_origin(const Proposal& done);
  void note_shortening(const Action& action);
  Status check_new_keys(const Action& action, const std::optional<NewKeys>& keys, Genesis& next) const;
  void note_new_keys(const ProposalDone& done, const Genesis& next);
  void note_new_cards(const ProposalDone& done);
  void retire_cards();
  void clear_shares();
  void note_end(const Proposal& ended);
  void note_schedule(bool new_keys);
  [[nodiscard]] Status check_new_log_key(const Action& action, const std::optional<std::string>& key) const;
  void note_log_key(const std::string& key, bool recovered, const std::optional<Loss>& loss);
  void confirm_subjects(const Action& action);
  void end_ticket(std::string_view reason);
  void note_ticket_policy(const Genesis& next, bool other_keys);

  Phase phase_ = Phase::kNew;
  std::uint64_t size_ = 0;
  UnixMillis last_time_ = 0;
  UnixMillis public_time_ = 0;   // of governance events alone
  UnixMillis now_ = 0;           // time of the event being applied
  std::uint64_t clock_now_ = 0;  // and the log's clock then
  std::uint64_t log_clock_ = 0;
  std::uint64_t public_clock_ = 0;  // of governance events alone
  std::uint64_t clock_base_ = 0;    // log_clock_ when the running daemon's clock was 0; modulo 2^64
  std::optional<Genesis> genesis_;
  std::optional<Genesis> current_;
  bool changed_ = false;                             // current_ differs, or did, from genesis_
  std::map<Digest, std::size_t> principals_by_key_;  // index into current_->principals
  BudgetPolicies budget_policies_;
  std::uint64_t rule_version_ = 0;
  std::map<Id128, Proposal> proposals_;
  std::map<Id128, ExportState> exports_;
  std::optional<Rotation> rotation_;
  std::map<std::string, KeyProof> site_proofs_;
  std::set<Digest> retired_cards_;
  std::vector<Handover> handovers_;
  std::map<std::uint32_t, std::uint64_t> lost_roots_;
  std::optional<Recovery> recovery_;
  bool all_custody_ = true;
  std::map<Id128, std::vector<std::uint64_t>> approval_entries_;  // of proposals_
  std::map<std::string, Origin> origins_;                         // of principals that a proposal registered or changed
  Origin witnesses_origin_;
  std::vector<Origin> custodian_changes_;
  std::map<std::string, Suspension> suspensions_;
  std::map<std::string, std::uint64_t> ended_ceremonies_;
  std::map<std::string, Rule> agreed_rules_;  // of the classes that one person tightened since
  std::map<std::string, std::uint64_t> tightenings_;
  std::map<std::string, Shortened> shortened_;
  Start start_;
  std::uint64_t start_entry_ = 0;
  std::map<std::string, std::set<std::uint32_t>> shares_in_;
  std::map<std::string, std::set<std::uint32_t>> shares_in_before_;
  Subjects subjects_;
  std::map<std::uint32_t, std::uint64_t> persons_;  // site index -> persons
  std::uint64_t suspended_ = 0;
  std::uint64_t in_doubt_ = 0;
  std::map<std::string, std::uint64_t> wraps_;
  std::map<PeriodId, PeriodKeyState> period_keys_;
  std::multimap<PeriodId, std::pair<std::uint64_t, std::uint64_t>> periods_ended_;  // entries: made, destroyed
  std::vector<BehindBackup> restores_;
  std::set<std::uint32_t> slots_;
  std::map<std::string, std::pair<std::string, std::uint32_t>> erased_;  // operator -> (latest day, count)
  std::set<std::uint64_t> backups_;
  std::optional<Moment> scheduled_since_;
  std::optional<UnixMillis> cards_since_;
  std::optional<OpenedByCards> opened_by_cards_;
  std::optional<Ticket> ticket_;
  std::uint32_t tickets_ = 0;
};

// Applies one event that stands at position state.size(). On success the state includes it; on error
// (kIntegrity: an event that decide() could never have produced) the state is unchanged. Pure: no
// clock, no I/O.
Status apply(State& state, const Event& event);

// Counts a leaf of class access whose opening is not at hand (it feeds only the second part). kIntegrity, unless
// the vault is open.
Status apply_access(State& state);

// Counts a leaf of class custody whose opening is not at hand, for readers of the public log alone. The state lacks
// what it did from then on: subjects, slots and digest() are not the vault's. kIntegrity where no custody event may
// stand.
Status apply_unopened_custody(State& state);

// A suspension is due when the wall clock has passed `due` and the log's own clock has run for as long: the
// slower of the two counts, so that setting a clock forward erases nobody early. A shortened retention waits as long.
inline constexpr UnixMillis kBulkEraseDelay = 72LL * 3600 * 1000;

}  // namespace facekeep::ledger
