// Proposals: how several people decide together (P2). The events that make one up, its stages as a table, what
// people sign, and how many people it takes.
//
// What is decided with a whole state is in proposal_decide.h. Format: vault/log/FORMAT.md, "Proposals".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "vault/base/clock.h"
#include "vault/ledger/action.h"
#include "vault/ledger/rule.h"

namespace facekeep::ledger {

// ---- events

// A custodian asks for an action. `overrides` names a vetoed proposal of the same action, which is put again.
struct ProposalMade {
  Id128 id{};  // random: no two proposals have one digest
  std::string by;
  std::string purpose;  // slug; public, so never free text
  Action action;
  std::optional<Id128> overrides;
};

// What one custodian signed about one proposal, with the vault as that person's machine saw it.
struct Vote {
  Id128 proposal{};
  std::string by;
  std::uint64_t rule = 0;  // rule version (State::rule_version)
  std::uint64_t size = 0;  // of the log, as just checked against what the machine remembers
  Digest root{};           // of the tree at that size
  std::string signature;   // armored SSHSIG, namespace facekeep-approval, over vote_statement
};
struct Approval {
  Vote vote;
};
struct Veto {
  Vote vote;
};

// The proposer takes it back.
struct ProposalWithdrawn {
  Id128 proposal{};
  std::string by;
};

// The action took effect with this entry.
struct ProposalDone {
  Id128 proposal{};
  std::optional<Digest> check = {};         // of an opened site: HKDF(S, "check") of the key drawn for it
  std::optional<NewKeys> keys = {};         // of a rotation or a re-share
  std::optional<Digest> proof = {};         // of either, and of an opened site: KeyProof (keys.h)
  std::optional<std::string> log_key = {};  // of a rotation of the log key: vkey of the new one
};

// One custodian ends principals that are no custodians, at once.
struct Revoked {
  std::string by;
  std::vector<std::string> principals;  // sorted, each once
  std::string reason;                   // of revocation_reasons()
};
// "lost", "left", "misuse", "other".
const std::array<std::string_view, 4>& revocation_reasons();

// One custodian narrows by an action for which widening would take a proposal (is_tightening).
struct Tightened {
  std::string by;
  Action action;
};

// One custodian stops another for 72 hours of the log's clock.
struct CustodianSuspended {
  std::string by;
  std::string custodian;
};

// One custodian has looked at every alarm of a budget up to that entry.
struct AlarmsAcknowledged {
  std::string by;
  std::uint64_t entry = 0;
};

// ---- stages

enum class Stage : std::uint8_t {
  kDraft,      // nobody has signed
  kOpen,       // somebody has; more are needed
  kApproved,   // enough have signed, but one of them does not count at this moment
  kWaiting,    // enough have; the delay runs, in which any custodian may veto
  kReady,      // the daemon carries it out
  kDone,       // carried out, once
  kVetoed,     // may be put again as an override
  kWithdrawn,  // by its proposer
  kExpired,    // its lifetime passed
  kStale,      // rules or people changed since it was signed: signing again opens it
};
inline constexpr std::size_t kStages = 10;
std::string_view to_string(Stage s) noexcept;

enum class ProposalInput : std::uint8_t {
  kSign,       // one more person, not yet enough
  kComplete,   // the signature that makes it enough
  kDelayRuns,  // the delay has not passed on both clocks
  kDelayOver,
  kCarryOut,
  kVeto,
  kWithdraw,
  kLapse,     // the lifetime has passed on one of the clocks
  kUnsettle,  // a rule or a custodian changed, or a principal that it names was revoked
};
inline constexpr std::size_t kProposalInputs = 9;
std::string_view to_string(ProposalInput i) noexcept;

// The next stage, or nullopt where the pair is illegal.
std::optional<Stage> next_stage(Stage stage, ProposalInput input) noexcept;
// True where only kDone, kVetoed, kWithdrawn or kExpired can be: nothing follows.
bool is_final(Stage stage) noexcept;

// ---- one proposal as the state has it

// Wall clock and the log's own clock (State::log_clock) of one moment.
struct Moment {
  UnixMillis wall = 0;
  std::uint64_t clock = 0;
};

struct Proposal {
  ProposalMade made;
  Digest digest{};
  std::uint64_t entry = 0;
  Moment opened;                   // wall: not before the latest time in the log then
  Stage stage = Stage::kDraft;     // never kWaiting or kReady: those are read off the clocks
  std::set<std::string> approved;  // who signed under the rules in force; one person, one element
  std::optional<Moment> complete;  // when enough had
  std::optional<std::string> vetoed_by;
  std::optional<std::uint64_t> unsettled;  // the latest entry after which earlier signatures no longer count
};

// SHA-256 of the canonical {"action","by","id","overrides"?,"purpose","v":1,"vault"}.
Result<Digest> proposal_digest(const ProposalMade& made, const Id128& vault);

// The canonical text that a custodian signs: {"proposal","root","rule","size","v":1,"vault","verb"}, verb "approve"
// or "veto".
enum class Verb : std::uint8_t { kApprove, kVeto };
Result<std::string> vote_statement(const Vote& vote, Verb verb, const Digest& proposal, const Id128& vault);

// Bodies of the events, and the whole proposal for the state's digest.
Json to_json(const ProposalMade& made);
Result<ProposalMade> proposal_made_from_json(const Json& value);
Json to_json(const ProposalDone& done);
Result<ProposalDone> proposal_done_from_json(const Json& value);
Json to_json(const Vote& vote);
Result<Vote> vote_from_json(const Json& value, const std::string& what);
Json to_json(const Proposal& proposal);
Result<Proposal> proposal_from_json(const Json& value);

// True if these people (custodians' ids) are enough, group by group.
bool meets(const Rule& rule, const std::set<std::string>& people);

// The stricter rule for a proposal that was vetoed by `vetoer`: one person more in each group, as far as the group
// has people besides the vetoer; twice the delay, within half the lifetime. Nobody vetoes it. `others`: those who
// count, without the vetoer.
Rule override_rule(const Rule& rule, const GroupSizes& others);

inline constexpr std::size_t kMaxOpenProposals = 16;   // of one proposer
inline constexpr std::size_t kMaxEndedProposals = 16;  // of one proposer, kept in the state; the log has them all
inline constexpr std::uint64_t kSuspensionMs = 72ULL * 3600 * 1000;
inline constexpr std::uint64_t kBetweenTighteningsMs = 7ULL * 24 * 3600 * 1000;  // of rules, by one custodian
inline constexpr std::uint64_t kBetweenSuspensionsMs = 7ULL * 24 * 3600 * 1000;  // by one custodian, and of one
// After a rotation or re-share was vetoed or withdrawn, until its proposer proposes one again.
inline constexpr std::uint64_t kBetweenCeremoniesMs = 24ULL * 3600 * 1000;

}  // namespace facekeep::ledger
