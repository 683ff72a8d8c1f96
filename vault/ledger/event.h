// Events: every change and every access, as typed values with one writer and one strict reader.
//
// The reader is the log's allow-list: a field that is not named here can't reach an entry, and there
// is no field that could hold an embedding, a score, a name or a document number. Formats:
// vault/log/FORMAT.md, one section an event type.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/clock.h"
#include "vault/base/json.h"
#include "vault/ledger/backup.h"
#include "vault/ledger/budget.h"
#include "vault/ledger/genesis.h"
#include "vault/ledger/horizon.h"
#include "vault/ledger/proposal.h"
#include "vault/ledger/recovery.h"
#include "vault/ledger/ticket.h"
#include "vault/ledger/types.h"

namespace facekeep::ledger {

// ---- governance: whole in the public log -----------------------------------------------------------

// The daemon started; the vault is sealed. Shares travel sealed to `unseal_to`.
struct Start {
  std::string version;       // of facekeep
  Digest program{};          // SHA-256 of the running binary
  Digest config{};           // SHA-256 of the configuration file
  Digest unseal_to{};        // X25519 public key, drawn at this start
  bool after_crash = false;  // the log did not end with a `sealed`
  bool budgets = false;      // what this daemon answers keeps the budgets (budget.h); programs before them did not
};

// A custodian's share was accepted.
struct UnsealShare {
  std::string by;  // custodian id
  std::string group;
  std::uint32_t share = 0;  // number of the card within the group
  bool before = false;      // of the set before the one in force, which is untried
};

// The quorum was complete and every site key opened.
struct Unsealed {
  std::vector<std::string> by;  // whose cards
  bool before = false;          // all of them of the set before, as in UnsealShare
};

// A partial unseal was thrown away.
struct UnsealEnded {
  std::string reason;  // "timeout", "wrong-secret", "seal"
};

struct Sealed {
  std::string by;      // principal id, or "daemon"
  std::string reason;  // "request", "shutdown", "token-gone"
};

// Counts of what an attacker can repeat cheaply (refused handshakes, refused calls), instead of one
// entry each. Keys are from a closed set (sum_kinds()).
struct Sums {
  UnixMillis since = 0;
  std::map<std::string, std::int64_t> counts;
};
const std::vector<std::string_view>& sum_kinds();

// An auditor was given openings: those of one bundle of entries, or the sealed register of people.
struct OpeningsRead {
  std::string by;                       // auditor id
  std::string what;                     // "bundle", "register"
  std::optional<std::uint64_t> bundle;  // which, for "bundle": entries bundle * 256 to bundle * 256 + 255
};

// ---- custody: commitments in the public log, openings in clear on the vault's disk ------------------

// A subject was enrolled. `slot` holds its key K; `record` is the digest of the sealed record.
struct Enrolled {
  Id128 ref{};
  std::string site;
  std::string by;
  std::uint32_t slot = 0;
  Digest consent{};   // blinded digest of the consent record
  Digest record{};    // SHA-256 of the sealed record
  std::string until;  // last day of the consent
};

// The registered camera that signed a probe or template (vault/probe/claims.h), the level of presentation attack
// detection that it states, and a keyed tag of its nonce: each is used once.
struct SignedBy {
  std::string camera;  // id of a principal with a signing key
  std::uint32_t pad = 0;
  Id128 nonce{};
};
inline std::uint32_t pad_of(const std::optional<SignedBy>& camera) {
  return camera ? camera->pad : 0;  // nobody vouches for what is not signed
}

struct TemplateAdded {
  Id128 ref{};
  std::string site;
  std::string by;
  Id128 template_id{};
  std::string model;
  std::uint32_t model_version = 0;
  Digest blob{};  // SHA-256 of the sealed template
  std::optional<SignedBy> camera = {};
};

// The subject's key is destroyed with this event: its slot is overwritten before anybody is answered.
struct Erased {
  Id128 ref{};
  std::string site;
  std::string by;
  std::string reason;                   // "operator", "delay-over" (a suspension came due)
  std::optional<Horizon> horizon = {};  // what the state says (schedule.h); programs before it did not write one
};

// The subject stops matching at once; its key is destroyed at `due` unless a quorum cancels.
struct Suspended {
  Id128 ref{};
  std::string site;
  std::string by;
  std::string reason;  // "over-allowance"
  UnixMillis due = 0;
};

// A key with a life of its own (the monthly key of access openings, the daily key of erased ids) was
// written to a slot, or destroyed there.
struct PeriodKey {
  std::string purpose;  // "access", "changes"
  std::string site;
  std::string period;  // "2026-11", "2026-11-22"
  std::uint32_t slot = 0;
};
struct PeriodKeyDestroyed {
  std::string purpose;
  std::string site;
  std::string period;
};

// ---- access: commitments in the public log, openings sealed under the monthly key ------------------

// What a retry within 60 seconds is recognised by (Request-Id): keyed digests, never the body.
struct RequestMark {
  Digest id{};
  Digest body{};
};

// One verify or identify and its decision. `subject` is the daily pseudonym: of the claimed subject for
// verify where it exists, of the one that matched for identify (also if its budget then made it no match).
struct Match {
  bool identify = false;  // false: verify
  std::string site;
  std::string door;
  std::string model;
  std::string by;
  std::string decision;  // "match", "no_match", "refer"
  std::optional<Id128> subject;
  std::optional<RequestMark> request;
  std::optional<SignedBy> camera = {};
  std::optional<Over> over = {};           // decided by a budget that was used up; it took nothing from any
  std::optional<std::string> repeat = {};  // of repeat_kinds(): like what this door asked a moment ago
};
// "exact", "near", "chain": vault/match/repetition.h.
const std::vector<std::string_view>& repeat_kinds();
// The call that budgets see; it points into the event.
BudgetCall budget_call(const Match& match);

// Metadata was read: the list of a site's subjects, one subject, or the changes feed.
struct MetadataRead {
  std::string site;
  std::string by;
  std::string what;              // "list", "subject", "changes"; "export": whom one names, for a custodian
  std::optional<Id128> subject;  // pseudonym, for "subject"
};

// Governance events about proposals, and one person's narrowing acts, are in proposal.h; those of exports in export.h,
// those of new keys in keys.h, those of backups in backup.h, that of a log key by the custodians in recovery.h,
// those of restart tickets in ticket.h.
using Body =
    std::variant<Genesis, Start, UnsealShare, Unsealed, UnsealEnded, Sealed, Sums, OpeningsRead, ProposalMade, Approval,
                 Veto, ProposalWithdrawn, ProposalDone, Revoked, Tightened, CustodianSuspended, AlarmsAcknowledged,
                 ExportSealed, ExportEnded, ExportGiven, Rewrapped, KeysRetired, BackupMade, Restored, Recovered,
                 TicketMade, TicketUsed, TicketEnded, Enrolled, TemplateAdded, Erased, Suspended, PeriodKey,
                 PeriodKeyDestroyed, ExportSubjects, Exported, Match, MetadataRead>;

struct Event {
  UnixMillis time = 0;          // wall clock of the daemon
  std::uint64_t uptime_ms = 0;  // since the daemon started
  Body body;
};

// True for those whose uptime begins a clock of its own: the log's clock goes on from where it stood (State).
bool is_of_own_clock(const Body& body) noexcept;

EventClass class_of(const Body& body) noexcept;
std::string_view type_of(const Body& body) noexcept;
// One name a type, in the order of Body: "genesis", "start", ...
const std::vector<std::string_view>& event_types();

// Canonical JSON (RFC 8785): {"body":{..},"class":..,"time":..,"type":..,"uptime_ms":..,"v":1}.
// kTooLarge if it could not be a leaf entry (65,535 bytes).
Result<std::string> encode_event(const Event& event);
// Refuses everything that encode_event could not have written.
Result<Event> decode_event(std::string_view canonical);

// The salted commitment of a private event: SHA-256("facekeep/commitment/v1" || 0x00 || salt || event).
using Salt = std::array<std::uint8_t, 32>;
Digest commit(const Salt& salt, std::string_view canonical_event);

// What stands in the public log for an event: itself, or {"class":..,"commitment":..,"v":1}.
std::string private_leaf(EventClass event_class, const Digest& commitment);

// A leaf as read back: a governance event whole, or class and commitment.
struct PrivateLeaf {
  EventClass event_class = EventClass::kCustody;
  Digest commitment{};
};
using Leaf = std::variant<Event, PrivateLeaf>;
Result<Leaf> decode_leaf(std::string_view entry);

}  // namespace facekeep::ledger
