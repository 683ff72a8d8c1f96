// Restart tickets: for some hours after people opened the vault with their cards, a restart needs none.
//
// The key of a ticket has two halves. One is wrapped under a key that the token makes for this ticket and destroys at
// its end; the other lies in a box of one group, which gives it to a restarted daemon when a person of that group
// confirms. Off unless a quorum proposed it; ended at expiry, by any custodian's seal, by another program, by new keys.
//
//   ticket-made    the daemon drew one behind an `unsealed`, by the policy in force then
//   ticket-used    the vault was opened with it: who confirmed, and the signature
//   ticket-ended   the token's key is destroyed, and what it opened is gone from the database
//
// Format: vault/log/FORMAT.md, "Restart tickets". What may stand in the log: ticket_decide.h. Pure, thread safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/clock.h"
#include "vault/base/json.h"

namespace facekeep::ledger {

inline constexpr std::uint32_t kMaxTicketHours = 168;
inline constexpr std::string_view kRestartNamespace = "facekeep-restart";  // of the confirmation's SSHSIG
inline constexpr std::string_view kBoxAsSigner = "box";                    // `by`, where nobody confirmed

// Keeps the other half. Its one key is that of its TLS server, and signs what the box gives without a person.
struct TicketBox {
  std::string name;   // slug
  std::string group;  // whose custodians confirm
  std::string url;    // "https://address[:port][/path]", as a witness's
  std::string key;    // OpenSSH public key "type base64" of Ed25519 or P-256
  friend bool operator==(const TicketBox&, const TicketBox&) = default;
};

struct TicketPolicy {
  std::uint32_t hours = 0;  // 1 to kMaxTicketHours, from the `unsealed`
  TicketBox box;
  bool unattended = false;  // the box gives its half without a person: the one exception to P2
  friend bool operator==(const TicketPolicy&, const TicketPolicy&) = default;
};

struct TicketMade {
  std::uint32_t number = 0;         // of all tickets of the vault, from 1; names the token's key
  std::uint64_t unsealed = 0;       // the entry of the opening by cards
  Digest program{};                 // that ran then
  UnixMillis expires = 0;           // wall clock
  std::uint64_t expires_clock = 0;  // State::log_clock()
  Digest opens_to{};                // X25519 public key that both halves make: what it opens is sealed to it
  Digest half{};                    // commitment to the box's half (vault/seal/ticket_key.h)
};

struct TicketUsed {
  std::uint32_t number = 0;
  std::string by;         // custodian, or kBoxAsSigner
  UnixMillis time = 0;    // of the confirmation
  std::string signature;  // armored SSHSIG, namespace kRestartNamespace, over restart_statement
};

struct TicketEnded {
  std::uint32_t number = 0;
  std::string reason;  // of ticket_ends()
};
// "expired", "seal", "program", "withdrawn" (another policy), "keys" (others than it opens), "renewed" (another opening
// by cards).
const std::array<std::string_view, 6>& ticket_ends();

// The ticket that is not ended, as the state has it.
struct Ticket {
  TicketMade made;
  std::uint64_t entry = 0;
  TicketPolicy policy;     // by which it was made
  std::uint64_t uses = 0;  // openings with it
  std::string over;        // why it opens nothing any more; empty: it may still
};

// 1 to kMaxTicketHours; slugs, a numeric address, and a key that is no security key's. The group is checked where the
// groups are. kInvalidArgument.
Status check_ticket_policy(const TicketPolicy& policy);
// SHA-256 of the SubjectPublicKeyInfo of the box's key, by which its server is pinned. Precondition: a checked policy.
Digest box_pin(const TicketBox& box);

// Canonical {"expires","expires_clock","number","program","unsealed","v":1,"vault"}: what the ticket's key is bound to.
Result<std::string> ticket_terms(const TicketMade& made, const Id128& vault);

// What a person (or the box) signs: canonical {"number","program","start","time","unseal_to","v":1,"vault","verb":
// "restart"}, of the start that is to be opened.
struct Restart {
  Id128 vault{};
  std::uint32_t number = 0;
  std::uint64_t start = 0;  // entry
  Digest program{};
  Digest unseal_to{};
  UnixMillis time = 0;
};
Result<std::string> restart_statement(const Restart& restart);

Json to_json(const TicketPolicy& policy);
// Reads and checks. `what` names the object in errors.
Result<TicketPolicy> ticket_policy_from_json(const Json& json, const std::string& what);
Json to_json(const TicketMade& e);
Json to_json(const TicketUsed& e);
Json to_json(const TicketEnded& e);
// Of one of these three. kMalformed, as every reader of events.
template <class E>
Result<E> ticket_event_from_json(const Json& j);
// The whole ticket, for the state's digest.
Json to_json(const Ticket& ticket);
Result<Ticket> ticket_from_json(const Json& json);

}  // namespace facekeep::ledger
