// The keys of one log, from the one that a reader trusted first: each with the sizes of the trees that it may sign.
//
// A key hands over in a proposal-done with `log_key`, entry n: the checkpoint of size n + 1 is signed by both keys (the
// handover note), and those of larger sizes by the new one alone. Custodians put a key in place with `recovered`, entry
// n: its handover note is signed by the new key alone, and only a fold of all entries shows that it is theirs. A
// checkpoint by a key beyond its last size is evidence of a second log. Format: vault/log/FORMAT.md, "Log keys".
// Pure; values, one thread each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/log/checkpoint.h"
#include "vault/log/note.h"

namespace facekeep::ledger {
class State;
}

namespace facekeep::log {

inline constexpr std::size_t kMaxHandovers = 1000;  // that a reader follows in one log

struct LogKey {
  VerifierKey key;
  std::uint64_t from = 0;           // sizes of trees that it may sign: the first,
  std::uint64_t upto = UINT64_MAX;  // and the last
  std::uint64_t lost_upto = 0;      // larger ones, up to here, are known to be lost (a restore accepted it)
  bool recovered = false;           // put in place by the custodians, not by the key before
  friend bool operator==(const LogKey&, const LogKey&) = default;
};

class LogKeys {
 public:
  LogKeys() = default;  // none: nothing is signed by any
  // A log that has had no handover since the reader began to trust its key.
  LogKeys(VerifierKey first);  // NOLINT(google-explicit-constructor): one key is a chain of one
  // All keys of the log that was folded. kMalformed: what stands for a key in it is none. Precondition: not kNew.
  static Result<LogKeys> of(const ledger::State& state);

  [[nodiscard]] const std::vector<LogKey>& chain() const { return chain_; }
  [[nodiscard]] const VerifierKey& first() const { return chain_.front().key; }  // precondition of both: one is there
  [[nodiscard]] const VerifierKey& newest() const { return chain_.back().key; }
  // How many handovers of the log came before the first key here is for the reader to know; these came after it.
  [[nodiscard]] std::size_t handovers() const { return chain_.empty() ? 0 : chain_.size() - 1; }
  [[nodiscard]] bool has(const VerifierKey& key) const;
  // True if custodians put a key in place behind `key`, or if it is none of these. Nothing that `key` signed vouches
  // for such a log: it says itself who its custodians are.
  [[nodiscard]] bool recovered_since(const VerifierKey& key) const;
  // The key in force for trees of that size; nothing without any.
  [[nodiscard]] const LogKey* key_for(std::uint64_t size) const;

  // Takes the next handover: `note` as the vault publishes it, `entry` the last entry of its tree with its inclusion
  // proof. The one that brought the newest key here changes nothing. kMalformed; kCrypto ("recovered") where that key
  // did not sign it: the custodians may have, which follow() tells; kIntegrity ("handover") for everything that is
  // none.
  Status hand_over(std::string_view note, ByteView entry, std::span<const Digest> proof);
  // Takes all keys behind the newest one here, recoveries among them, each as the note of its handover says
  // (handover_note.h). `notes`: of all handovers, in order. `state` is the fold of exactly the entries under the last
  // one: the caller compared its root, those that recoveries name, and those of the other notes. Errors as above.
  Status follow(std::span<const std::string> notes, const ledger::State& state);

  // Takes the word of the reader's own person that `key` signs trees behind that of `size` entries. kIntegrity
  // ("handover"): it is one of these, or of another log.
  Status given(const VerifierKey& key, std::uint64_t size);

  // One line a key: from, upto ("-": no end yet), lost_upto, "signed" or "recovered", vkey. For the reader's own disk.
  [[nodiscard]] std::string format() const;
  // kMalformed.
  static Result<LogKeys> parse(std::string_view text);

  friend bool operator==(const LogKeys&, const LogKeys&) = default;

 private:
  Status append(const Checkpoint& note, LogKey next, std::uint64_t old_upto);
  std::vector<LogKey> chain_;
};

// As open_checkpoint() of one key, by the key in force for the checkpoint's size. kCrypto ("unknown-log-key"): signed
// by none of them, which a handover may explain. kIntegrity ("old-log-key"): by one beyond its last size;
// ("lost-tree"): beyond it, and known to be lost.
Result<Checkpoint> open_checkpoint(std::string_view note, const LogKeys& keys,
                                   Extensions extensions = Extensions::kRefuse);

}  // namespace facekeep::log
