// Recovery: the log goes on with a key that the one before it did not sign in, because the custodians say so.
//
// `recovered` is written offline, when the main token is lost, stolen or broken, or a restore has to accept a loss. The
// custodians of the state before it sign its statement; nobody else's word makes a log key. What was under the roots of
// the lost token can't be destroyed: until a re-share that begins behind the entry has ended, no other ceremony is
// allowed. Format: vault/log/FORMAT.md, "Recovery". Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/clock.h"
#include "vault/base/json.h"
#include "vault/ledger/genesis.h"

namespace facekeep::ledger {

class State;
struct Moment;

// Namespace of the signatures, and how old a statement may be when its entry is written.
inline constexpr std::string_view kRecoveryNamespace = "facekeep-recovery";
inline constexpr UnixMillis kRecoveryStatementLife = 7LL * 24 * 3600 * 1000;
inline constexpr std::size_t kMaxVkey = 512;  // bytes of a vkey in an entry, as in genesis

// A tree of a log.
struct TreeAt {
  std::uint64_t size = 0;
  Digest root{};
  friend bool operator==(const TreeAt&, const TreeAt&) = default;
};

// Entries that a restore accepts as lost: the log goes on under another origin.
struct Loss {
  std::string origin;  // other than any before
  TreeAt newest;       // the newest checkpoint known of the log before: of more entries than are left
  friend bool operator==(const Loss&, const Loss&) = default;
};

// Of recovery_kinds(): "lost", "stolen", "broken": the main token, with its roots; "restored": the token is there, and
// a restore accepts a loss.
struct Recovered {
  std::string kind;
  std::string log_key;               // vkey of the new key: other than any before, of the origin in force behind it
  TokenEvidence token;               // the token that has it; `root` is not written: it has none yet, or the one before
  std::optional<Digest> spare = {};  // the spare key that opens the present epoch; none for "restored"
  TreeAt at;                         // the log before this entry
  std::optional<Loss> loss = {};     // required for "restored"
  UnixMillis made = 0;               // when the statement was
  std::vector<GenesisSignature> signatures = {};
};
const std::array<std::string_view, 4>& recovery_kinds();
// True for the kinds that lose a token.
bool loses_token(const Recovered& e);

// The canonical text that each custodian signs (SSHSIG, kRecoveryNamespace): the body without its signatures, with
// "v":1, "vault" and "verb":"recovered".
Result<std::string> recovery_statement(const Recovered& e, const Id128& vault);
// What such a text says, signatures empty. kMalformed; kInvalidArgument if it is another vault's.
Result<Recovered> recovery_from_statement(std::string_view statement, const Id128& vault);

// May this stand behind the last entry of `state`, at that moment? Everything but its place among the entries (phase)
// and `at.root`, which takes the tree. Without `with_signatures` all but the custodians' part: what the statement is
// checked for before anybody signs. "bad-recovery".
Status decide_recovered(const State& state, const Recovered& e, const Moment& now, bool with_signatures = true);

// kInvalidArgument unless the text has the form of a vkey (C2SP signed-note) with that name.
Status check_log_key(std::string_view vkey, std::string_view name);

Json to_json(const Recovered& e, bool with_signatures = true);
Result<Recovered> recovered_from_json(const Json& value);

}  // namespace facekeep::ledger
