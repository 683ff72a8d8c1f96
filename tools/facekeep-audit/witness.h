// A witness: cosigns checkpoints that extend all that it cosigned before (C2SP tlog-witness), and remembers on disk
// before it answers.
//
//   DIR/<SHA-256 of the origin, hex>        the latest checkpoint that was cosigned, as its log signed it
//   DIR/<SHA-256 of the origin, hex>.keys   the keys of that log (vault/log/log_keys.h)
//
// Whoever can write DIR can make the witness forget: it is as trusted as the key.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tools/common/dir_lock.h"
#include "tools/facekeep-audit/witness_key.h"
#include "vault/base/clock.h"
#include "vault/log/witness_rule.h"

namespace facekeep::tools {

class Witness {
 public:
  // One key a log. One that is not among those remembered is its person's word for a new one: it signs what comes
  // behind the latest checkpoint that was cosigned, which it must continue. Takes the lock of the folder and reads what
  // it remembers of these logs. `identity` and `clock` must outlive it. kConflict ("folder-in-use"); kIntegrity,
  // kMalformed: what is remembered is no checkpoint of its log. Nothing is then cosigned: a witness that forgot would
  // cosign another history.
  static Result<std::unique_ptr<Witness>> open(const std::string& dir, const std::vector<log::VerifierKey>& logs,
                                               const WitnessIdentity& identity, const Clock& clock);

  // Keys of a log that were followed from one of those that this witness has; those of other logs are left aside, and
  // of one that goes on under another name behind an accepted loss.
  // Thread safe. Remembered at once.
  Status learn(const log::LogKeys& keys);

  // The answer to a request body. One at a time; thread safe. 500 if it can't be remembered or signed: there is no
  // cosignature then.
  log::WitnessAnswer add_checkpoint(std::string_view body);

  // The latest that was cosigned; size 0 if there is none. Thread safe.
  [[nodiscard]] log::Checkpoint latest(const std::string& origin) const;

  // Checkpoints that their log signed and that were refused for want of a proof, since the last call: of a fork, or
  // genuine ones that somebody sent with a wrong proof. A mirror tells which. At most kMaxDoubtful. Thread safe.
  static constexpr std::size_t kMaxDoubtful = 16;
  std::vector<std::string> take_doubtful();

 private:
  Witness(std::string dir, const WitnessIdentity& identity, const Clock& clock)
      : dir_(std::move(dir)), identity_(identity), clock_(clock) {}
  [[nodiscard]] std::string path_of(const std::string& origin) const;
  [[nodiscard]] log::Checkpoint latest_of(const std::string& origin) const;
  Status load(const log::VerifierKey& key);
  Result<log::WitnessAnswer> cosign(const log::WitnessJudgement& judged);

  std::string dir_;
  const WitnessIdentity& identity_;
  const Clock& clock_;
  http::UniqueFd lock_;
  mutable std::mutex mutex_;  // what follows, and the files
  std::vector<log::LogKeys> logs_;
  std::map<std::string, log::Checkpoint> latest_;
  std::vector<std::string> doubtful_;
};

}  // namespace facekeep::tools
