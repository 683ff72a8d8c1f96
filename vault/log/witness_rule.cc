#include "vault/log/witness_rule.h"

#include <algorithm>

#include "vault/log/merkle.h"

namespace facekeep::log {
namespace {

WitnessJudgement refuse(WitnessVerdict verdict, std::string why) {
  return {verdict, std::move(why), {}, {}};
}

}  // namespace

WitnessJudgement judge_checkpoint(std::string_view body, std::span<const LogKeys> logs, const LatestCosigned& latest) {
  auto request = parse_witness_request(body);
  if (!request) return refuse(WitnessVerdict::kMalformed, request.error().message);
  const auto note = parse_note(request->checkpoint);
  const auto stated =
      note ? parse_checkpoint_text(note->text, Extensions::kTolerate) : Result<Checkpoint>(note.error());
  if (!stated) return refuse(WitnessVerdict::kMalformed, stated.error().message);
  const auto is_origins = [&](const LogKeys& keys) {
    return std::any_of(keys.chain().begin(), keys.chain().end(),
                       [&](const LogKey& k) { return k.key.name == stated->origin; });
  };
  if (std::none_of(logs.begin(), logs.end(), is_origins)) {
    return refuse(WitnessVerdict::kUnknownLog, "this witness does not know the log");
  }
  // A key of the origin that signed wrongly counts as one that did not sign.
  const bool is_signed = std::any_of(logs.begin(), logs.end(), [&](const LogKeys& keys) {
    return is_origins(keys) && open_checkpoint(request->checkpoint, keys, Extensions::kTolerate).has_value();
  });
  if (!is_signed) return refuse(WitnessVerdict::kUnsigned, "no key of the log signed the checkpoint");

  WitnessJudgement out{WitnessVerdict::kCosign, {}, *stated, std::move(request->checkpoint)};
  const Checkpoint before = latest(stated->origin);
  if (request->old_size != before.size) {
    out.verdict = WitnessVerdict::kOtherSize;
    out.why = "the old size is not that of the latest checkpoint that was cosigned";
  } else if (before.size > 0 && before.size == stated->size && before.root != stated->root) {
    out.verdict = WitnessVerdict::kOtherRoot;
    out.why = "another root was cosigned for this size";
  } else if (before.size > 0 &&
             !verify_consistency(before.size, before.root, stated->size, stated->root, request->proof)) {
    out.verdict = WitnessVerdict::kNoProof;
    out.why = "the proof does not lead from the latest checkpoint that was cosigned to this one";
  }
  return out;
}

WitnessAnswer refusal_of(const WitnessJudgement& j, std::uint64_t latest) {
  const auto plain = [&](int status) { return WitnessAnswer{status, "text/plain; charset=utf-8", j.why + "\n"}; };
  switch (j.verdict) {
    case WitnessVerdict::kUnknownLog: return plain(404);
    case WitnessVerdict::kUnsigned: return plain(403);
    case WitnessVerdict::kOtherSize: return {409, std::string(kTlogSizeType), format_witness_size(latest)};
    case WitnessVerdict::kOtherRoot: return plain(409);
    case WitnessVerdict::kNoProof: return plain(422);
    case WitnessVerdict::kCosign:
    case WitnessVerdict::kMalformed: break;
  }
  return plain(400);
}

}  // namespace facekeep::log
