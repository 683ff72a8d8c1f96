// Following a log's handovers, from the key that a reader trusts to the one that signs now. Pure: what it reads comes
// through functions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vault/log/log_keys.h"

namespace facekeep::log {

// How a reader gets at a log whose newest checkpoint it can't open yet. Nothing of it is trusted.
struct HandoverSource {
  // The n-th handover note, from 1. kNotFound: the log has had fewer.
  std::function<Result<std::string>(std::uint64_t n)> note;
  // The last entry of that tree, and its inclusion proof.
  struct Last {
    Bytes entry;
    std::vector<Digest> proof;
  };
  std::function<Result<Last>(const Checkpoint& tree)> last;
  // The fold of the entries of that tree, whose root, and those that recoveries in it name, the source has compared.
  std::function<Result<ledger::State>(const Checkpoint& tree)> fold;
  // That the log of `tree` goes on from `seen`.
  std::function<Status(const Checkpoint& seen, const Checkpoint& tree)> goes_on;
};

struct FollowedKeys {
  LogKeys keys;
  std::vector<std::string> notes;  // all handovers of the log, from the first
};
// Every handover that the log shows and `keys` do not know. Errors of the source and of LogKeys; kIntegrity
// ("handover").
Result<FollowedKeys> follow_handovers(LogKeys keys, const HandoverSource& source);

}  // namespace facekeep::log
