// What calls of the service take and give, beside those of reading (read_answers.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/clock.h"
#include "vault/base/json.h"
#include "vault/ledger/person_name.h"
#include "vault/ledger/proposal_decide.h"
#include "vault/ledger/schedule.h"
#include "vault/ledger/state.h"

namespace facekeep {

// What seal-status shows to anyone.
struct SealStatus {
  std::string state;  // "sealed", "unsealing", "open", "halted"
  std::string halt_reason;
  struct Group {
    std::string id;
    std::uint32_t in = 0;
    std::uint32_t threshold = 0;
  };
  std::vector<Group> groups;
  std::uint64_t templates_total = 0;  // while open: loading progress
  std::uint64_t templates_loaded = 0;
  std::uint64_t templates_refused = 0;  // did not open, or not what the log says: they do not match
  bool templates_ready = false;         // galleries and budgets are there: doors are no longer told "refer"
  // What a custodian's program checks before it sends a share: the start event, its proof, the checkpoint.
  std::uint64_t start_entry = 0;
  std::string start_event;  // canonical
  std::vector<Digest> start_proof;
  std::string checkpoint;
  Id128 vault{};
  bool rehearsal = false;
  bool clock_jumped = false;  // nothing is destroyed by time until a person has set the clock and restarted
  // From the entry that has new keys to the one that says that the old ones are destroyed.
  struct Rotation {
    std::uint32_t from = 0;  // root epochs
    std::uint32_t to = 0;
    std::uint64_t done = 0;  // subjects whose key was rewrapped
    std::uint64_t total = 0;
    bool cards_untried = false;  // of a re-share: the old keys stay until the new cards have opened the vault
  };
  std::optional<Rotation> rotation = {};
  // What the schedule of rotations says, where there is one.
  struct Schedule {
    std::uint32_t days = 0;
    UnixMillis due = 0;
    bool soon = false;  // and not overdue
    bool overdue = false;
  };
  std::optional<Schedule> schedule = {};
  std::optional<ledger::CardYear> cards = {};  // when they were made, and whether to look at them now
  // The main token was lost and replaced: new cards are due.
  struct Recovery {
    std::uint64_t entry = 0;
    std::string kind;  // "lost", "stolen", "broken"
  };
  std::optional<Recovery> recovery = {};
  std::optional<ledger::Ticket> ticket = {};  // that is not over
  bool ticket_waits = false;                  // its other half has not reached the box yet
};

struct UnsealProgress {
  bool open = false;
  std::string group;  // of the share that was taken
  std::uint32_t share = 0;
  std::vector<SealStatus::Group> groups;
  std::uint64_t entry = 0;
};

struct Me {
  ledger::PrincipalRecord principal;
  std::uint64_t registered = 0;  // the entry of the proposal that registered it so; 0: genesis
  Digest server_key{};
};

// A probe or template as the API decoded it: any norm, not yet checked.
using Vector = std::vector<float>;

struct MatchCall {
  std::string door;
  std::string model;
  std::optional<std::string> subject;  // set: verify; not set: identify
  // Cleansed by the service before it returns.
  Vector probe;
  // In place of `probe`, a JWS (probe/signed_probe.h): views what the caller cleanses. The service reads the probe out
  // of it, and sets `camera` once the signature holds.
  std::string_view signed_probe = {};
  std::optional<ledger::SignedBy> camera = {};
  std::optional<std::string> request_id;
  Digest body_digest{};  // of the request's body, for Request-Id
};
struct MatchAnswer {
  std::string decision;                // "match", "no_match", "refer"
  std::optional<std::string> subject;  // with a match, unless the site hides it
  std::uint64_t entry = 0;
};

struct TemplateInput {
  std::string model;
  Vector values;                       // cleansed by the service
  std::string_view signed_probe = {};  // in its place, as in MatchCall
};
// What a camera without a clock signs in place of the time: valid once, for probes of one site.
struct Challenge {
  Id128 nonce{};
  UnixMillis until = 0;
};
struct EnrolInput {
  std::string subject;
  Json consent;                          // checked by subject/consent.h
  std::vector<TemplateInput> templates;  // may be empty
};
struct EnrolAnswer {
  bool created = false;  // false: the same subject with the same consent was there already
  std::uint64_t entry = 0;
  std::vector<std::string> templates;  // ids, hexadecimal
};
struct EraseAnswer {
  bool destroyed = false;  // false: suspended, to be destroyed at `due`
  std::uint64_t entry = 0;
  UnixMillis due = 0;
};

// The private entries of one bundle as an auditor may see them, in order.
struct Opening {
  std::uint64_t entry = 0;
  Bytes opening;  // 0x01 || salt (32) || canonical event, of custody and access events alike; empty: see `missing`
  std::string missing;  // "sealed": while the vault is; "destroyed": its month is over; "damaged": does not fit;
                        // "lost": behind a backup
};

// A proposal as it stands, with what a custodian's program needs to check and sign it.
struct ProposalView {
  ledger::Proposal proposal;
  ledger::Stage stage = ledger::Stage::kDraft;  // at this moment, delays and lifetimes counted
  ledger::Rule rule;                            // that binds it now
  std::uint64_t rule_version = 0;
  std::size_t named = 0;  // people whom an export names, by its list
  // Of the principals that it registers, as its proposer gave them. Only of one proposal, and only while open; unset
  // too if the stored row does not open, so that nobody keeps a proposal from being seen and vetoed.
  std::optional<ledger::PeopleNames> names = {};
};
struct ProposalPage {
  std::vector<ProposalView> proposals;  // by their entries
  std::uint64_t rule_version = 0;
  Id128 vault{};
};
struct VoteAnswer {
  std::uint64_t entry = 0;
  ProposalView proposal;  // after the vote, and after the act if nothing delays it
};
// What is handed out of an export: its manifest, and how large each part is.
struct ExportAnswer {
  std::uint64_t entry = 0;         // that records this handing out
  std::uint64_t sealed_entry = 0;  // that has the manifest's digest and those of the parts
  std::string manifest;            // canonical JSON
  std::vector<ledger::ExportPart> parts;
};
// A principal as it is registered now.
struct Registered {
  ledger::PrincipalRecord principal;
  std::uint64_t entry = 0;  // as Me::registered
};
struct RevokeAnswer {
  std::uint64_t entry = 0;
  std::vector<Digest> keys;  // that are no principals' any more: their connections end
};

}  // namespace facekeep
