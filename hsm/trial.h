// A trial of a token: everything that a vault asks of one, done with keys of a throw-away vault id by the code that a
// vault uses, and removed again, whatever happens but the end of the process.
//
// Throw-away ids begin with the eight bytes "fk-trial" (a vault's id is 128 random bits), so that what a killed trial
// left is known later. One trial at a time on a token: the next one takes it for leftovers.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "hsm/token_custody.h"

namespace facekeep::hsm {

// In the order in which they are tried.
enum class TrialStep : std::uint8_t {
  kRoot,      // the root key, made inside
  kLogKey,    // the log key, made inside
  kEvidence,  // the attributes that genesis would record
  kHidden,    // the token refuses to show a key's value
  kWrap,      // 1, 32 and 64 bytes, there and back
  kContext,   // wrong context, epoch or bit: refused
  kSign,      // a checkpoint; the signature verifies
  kAnchor,    // written, read, alternating, never back
  kRotate,    // a second root; the first, destroyed, opens nothing
  kSessions,  // two at once
  kOaep,      // an RSA pair as a spare token keeps it, and a root without AES-GCM
  kP256,      // a log key without Ed25519
  kRepeat,    // the same again and again, while speeds are taken
  kRemoved,   // nothing is left
};
std::string_view to_string(TrialStep step) noexcept;  // "root", "log-key", ...

enum class Finding : std::uint8_t {
  kWorks,
  kFallback,  // by a documented second way
  kRefused,   // and no vault works without it
  kMissing,   // this token does not need it
  kNotTried,  // what it needs was refused, or the trial was interrupted
};
std::string_view to_string(Finding finding) noexcept;  // "works", "fallback", "refused", "missing", "not-tried"

struct TrialRow {
  TrialStep step = TrialStep::kRoot;
  Finding finding = Finding::kNotTried;
  std::string detail;  // mechanism, attributes or the token's refusal; may be empty
};

struct TrialSpeed {
  std::string_view operation;  // "wrap", "unwrap", "sign", "anchor-write", "anchor-read", "oaep-unwrap"
  double per_second = 0;
};

struct TrialReport {
  std::vector<TrialRow> rows;  // one a step that was asked for
  std::optional<KeyEvidence> root;
  std::optional<KeyEvidence> log_key;
  std::vector<TrialSpeed> speeds;
  std::size_t removed = 0;  // objects that were made and taken away
  bool interrupted = false;
  std::optional<Error> left;  // why objects may be left in the token
  std::string prefix;         // of their labels

  [[nodiscard]] const TrialRow* refusal() const;  // the first; null if there is none
  [[nodiscard]] bool fallbacks() const;
  [[nodiscard]] bool usable() const { return refusal() == nullptr && !interrupted && !left; }
};

struct TrialOptions {
  bool whole = true;                       // false: only what the ceremony is about to use
  std::chrono::milliseconds a_speed{500};  // how long each operation is repeated; 0: no speeds
  bool anchor_speed =
      true;  // a token that writes to flash wears by it, and keeps a vault's own anchor waiting meanwhile
  std::function<bool()> interrupted;  // asked between steps, and while speeds are taken
};

TrialReport try_token(const std::shared_ptr<SessionPool>& pool, const TrialOptions& options = {});

// Refuses a token that can't keep a vault, in one sentence, before anybody copies a card. kHsm.
Status require_able(const std::shared_ptr<SessionPool>& pool);

// Whose objects the token holds. Ids in hexadecimal.
struct TokenContents {
  std::set<std::string> vaults;
  std::set<std::string> trials;  // that ended without removing theirs
};
Result<TokenContents> token_contents(SessionPool& pool);
// Pure: the id in a label "facekeep/<32 hex digits>/...", or nothing.
std::optional<std::string> vault_of_label(std::string_view label);
// Destroys what earlier trials left; how many objects.
Result<std::size_t> remove_trials(SessionPool& pool);

}  // namespace facekeep::hsm
