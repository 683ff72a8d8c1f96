// Recovery, offline: the log of a vault whose main token is gone goes on with a key in a new one, by an entry that the
// custodians sign (vault/ledger/recovery.h). No daemon runs, and nothing is opened: that takes the custodians' cards
// and the spare token, at the next unseal.
//
// Commit points, and what a crash right after each leaves:
//   recovery-signed     nothing: the new key's signature was in memory
//   recovery-committed  the entry is in the log with its checkpoint; the new token has no anchor, and the daemon does
//   not
//                       start: `finish` writes it
//   recovery-anchored   nothing is missing
//
// A restore that accepts a loss ends so too (kind "restored"): the token is there, and its anchor names entries that
// are gone. The custodians sign up to which tree they give them up, and the log goes on under another origin.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vault/base/clock.h"
#include "vault/ledger/recovery.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/seal/custody.h"
#include "vault/store/store.h"

namespace facekeep {

// A new main token, as it describes itself, with the log key that was made in it.
struct NewMainToken {
  ledger::TokenEvidence evidence;  // `root` is not looked at
  LogPublicKey log_key;
};

class TokenRecovery {
 public:
  // Reads the whole log back. The store must outlive it; nobody else writes to it. `unlogged`: the mark of a restore
  // that the log does not have yet (log::recover).
  static Result<TokenRecovery> open(store::Store& store, const std::optional<ledger::BehindBackup>& unlogged = {});

  [[nodiscard]] const ledger::State& state() const { return log_.state; }
  [[nodiscard]] std::uint64_t size() const { return log_.tree.size(); }

  // That nothing is missing here which a signed checkpoint of this log has: kIntegrity with both sizes.
  Status check_newest(std::string_view note) const;
  // The largest tree of these checkpoints and of the token's anchor: what is given up ends there. Those that the log
  // here reaches must be of it. kFailedPrecondition: nothing is missing.
  Result<ledger::TreeAt> newest_lost(const std::vector<std::string>& notes, const std::optional<Anchor>& anchor) const;

  // What the custodians are to sign, without their signatures; checked as far as it can be. Problem "bad-recovery".
  Result<ledger::Recovered> draw_up(const std::string& kind, const NewMainToken& token, UnixMillis now,
                                    const std::optional<ledger::Loss>& loss = {}) const;

  // The statement with signatures (armored SSHSIG), each given to the custodian whose key made it. kPermissionDenied
  // for one of nobody; kInvalidArgument for a statement of another vault.
  Result<ledger::Recovered> with_signatures(std::string_view statement, const std::vector<std::string>& armored) const;

  // Writes the entry, with the checkpoint that the new key signs, and then the anchor. `point`: fault tests stop here.
  using Point = std::function<void(const char*)>;
  Status carry_out(const ledger::Recovered& e, Custody& token, const Instant& now, const Point& point = {});

  // True if the log's newest key is one that a recovery put there, and `keys` has it.
  [[nodiscard]] Result<bool> is_done_with(const std::vector<LogPublicKey>& keys) const;
  // What a crash left of it: the anchor, if the token has none, or one of entries that were given up. kIntegrity if the
  // log has gone on without it, or the token has seen more than was given up.
  Status finish(Custody& token, const Instant& now, const Point& point = {}) const;

 private:
  TokenRecovery(store::Store& store, log::Recovered log) : store_(&store), log_(std::move(log)) {}

  store::Store* store_;
  log::Recovered log_;
};

}  // namespace facekeep
