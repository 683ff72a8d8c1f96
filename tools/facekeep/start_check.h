// What a custodian's machine checks before a share leaves it (design sections 2 and 5): that the vault is
// the notice's, that its log says which key shares go to in this start, and that the log continues what
// this machine saw before.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/common/client_memory.h"
#include "tools/facekeep/notice.h"
#include "tools/facekeep/vault_api.h"
#include "vault/base/json.h"
#include "vault/ledger/event.h"
#include "vault/log/checkpoint.h"

namespace facekeep::tools {

// The answer of GET /v1/seal-status, nothing of it checked yet but its form.
struct SealStatusView {
  std::string state;
  Id128 vault{};
  bool rehearsal = false;
  bool clock_jumped = false;  // a vault of an earlier version does not say
  struct Group {
    std::string id;
    std::uint64_t in = 0;
    std::uint64_t threshold = 0;
  };
  std::vector<Group> groups;
  std::uint64_t templates_total = 0;
  std::uint64_t templates_loaded = 0;
  std::uint64_t templates_refused = 0;
  struct Rotation {
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    bool cards_untried = false;  // of a re-share
  };
  std::optional<Rotation> rotation = {};  // while keys are rewrapped
  // Times as texts. A vault of an earlier version says neither.
  struct Schedule {
    std::string due;
    bool soon = false;
    bool overdue = false;
  };
  std::optional<Schedule> schedule = {};
  struct Cards {
    std::string made;
    std::string next;
    bool check = false;
  };
  std::optional<Cards> cards = {};
  // Since a recovery that lost a token, until new cards are in force.
  struct Recovered {
    std::uint64_t entry = 0;
    std::string kind;
  };
  std::optional<Recovered> recovered = {};
  struct RestartTicket {
    std::uint64_t number = 0;
    std::string expires;
    std::string box;
    std::string group;
    bool unattended = false;
    bool delivered = false;  // the box has its half
  };
  std::optional<RestartTicket> ticket = {};
  std::uint64_t start_entry = 0;
  std::string start_event;
  std::vector<Digest> start_proof;
  std::string checkpoint;
};
// A list of base64 hashes, as proofs travel. Pure. kMalformed.
Result<std::vector<Digest>> parse_hashes(const Json& list);
// Pure. kMalformed.
Result<SealStatusView> parse_seal_status(const Json& answer);
// The groups of an answer ("groups": seal-status, unseal), and one line of people's text of them:
// "property 1/2, residents 0/1".
Result<std::vector<SealStatusView::Group>> parse_groups(const Json& answer);
std::string groups_text(const std::vector<SealStatusView::Group>& groups);

struct CheckedStart {
  log::Checkpoint checkpoint;
  std::string note;  // the signed checkpoint
  std::uint64_t entry = 0;
  UnixMillis time = 0;
  ledger::Start start;
};
// Pure. The vault's id and kind are the notice's; the key in force of notice.keys() signed the checkpoint; the start
// event is the entry that it claims to be. kIntegrity, kCrypto, kMalformed; nothing may be sent after one.
Result<CheckedStart> check_start(const Notice& notice, const SealStatusView& status);

// How the log's head lies to the one that this machine remembers.
// kLost: what this machine remembers are entries that a restore accepted as lost, and the custodians signed for it.
enum class Continuity : std::uint8_t { kFirstContact, kSame, kGrown, kLost };
using FetchConsistency = std::function<Result<std::vector<Digest>>(std::uint64_t from, std::uint64_t to)>;
// kIntegrity if the log is shorter than the remembered one, or does not extend it; after a loss the notice's checkpoint
// stands in for what is remembered. kIntegrity ("no-anchor"): custodians put a key in place, and nothing by a key from
// before is there to hold their log against. Anybody can write a log that names the notice's key and custodians of his
// own.
Result<Continuity> check_continuity(const Notice& notice, const log::Checkpoint& now, const ClientMemory& memory,
                                    const FetchConsistency& fetch);

// The whole of it against a running vault: fetch, check, remember. On success the checkpoint is remembered.
struct CheckedVault {
  SealStatusView status;
  CheckedStart start;
  Continuity continuity = Continuity::kFirstContact;
};
// How the log lies to what this machine remembers, in people's words: {0} is its size.
Msg continuity_text(Continuity continuity);
Result<CheckedVault> check_vault_now(const Context& context, const Notice& notice, VaultApi& api);

}  // namespace facekeep::tools
