// What a witness does with an add-checkpoint request: the checks of C2SP tlog-witness, in their order. Pure, thread
// safe; remembering and signing are the caller's.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "vault/log/log_keys.h"
#include "vault/log/witness_request.h"

namespace facekeep::log {

enum class WitnessVerdict : std::uint8_t {
  kCosign,      // 200, once the checkpoint is on stable storage
  kMalformed,   // 400: not such a request, or an old size above the checkpoint's
  kUnknownLog,  // 404: no key for this origin
  kUnsigned,    // 403: no key of this origin signed it
  kOtherSize,   // 409 with the size of the latest one that was cosigned
  kOtherRoot,   // 409: the log signed two roots for one size. That is proof of a fork
  kNoProof,     // 422: a fork, or a proof that somebody else made up
};

struct WitnessJudgement {
  WitnessVerdict verdict = WitnessVerdict::kMalformed;
  std::string why;          // a sentence; empty for kCosign
  Checkpoint checkpoint{};  // signed by its log, from kOtherSize on; else empty
  std::string note;         // the same as it came, with all its signatures
};

// The latest checkpoint of this origin that was cosigned; size 0 if there is none.
using LatestCosigned = std::function<Checkpoint(const std::string& origin)>;

// `logs`: the keys of the logs that are cosigned; one origin may have several chains. Between this call and remembering
// the checkpoint nothing else may be remembered.
WitnessJudgement judge_checkpoint(std::string_view body, std::span<const LogKeys> logs, const LatestCosigned& latest);

// The answer to everything but kCosign. `latest`: the size that was cosigned.
WitnessAnswer refusal_of(const WitnessJudgement& judgement, std::uint64_t latest);

}  // namespace facekeep::log
