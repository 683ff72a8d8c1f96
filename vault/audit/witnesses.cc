#include "vault/audit/witnesses.h"

#include <string>

namespace facekeep::audit {

void WitnessPolicies::see(std::uint64_t entry, const std::optional<ledger::Witnesses>& policy) {
  if (policies_.empty() || policies_.back().second != policy) policies_.emplace_back(entry, policy);
}

std::optional<ledger::Witnesses> WitnessPolicies::at(std::uint64_t size) const {
  std::optional<ledger::Witnesses> out;
  for (const auto& [entry, policy] : policies_) {
    if (entry < size) out = policy;
  }
  return out;
}

void check_witnesses(std::string_view note, const log::LogKeys& log_keys, const ledger::Witnesses& witnesses,
                     const Head& head, Findings& findings) {
  const std::string entries = std::to_string(head.checkpoint.size);
  const bool closed = witnesses.on_missing == ledger::OnMissing::kClosed;
  const Code behind = closed ? Code::kWitnessesRequired : Code::kWitnessesBehind;
  if (note.empty()) {
    findings.add(behind, 0, {"0", entries, "-"});
    return;
  }
  const auto cosigned = log::open_cosigned(note, log_keys, witnesses);
  if (!cosigned) {
    findings.add(Code::kCosignedWrong, 0, {cosigned.error().message});
    return;
  }
  const std::uint64_t size = cosigned->checkpoint.size;
  const std::string seen = std::to_string(size);
  if (size > head.checkpoint.size) {
    findings.add(Code::kCheckpointBeyond, head.checkpoint.size, {entries, seen, "cosigned"});
    return;
  }
  const auto root = head.root_at(size);
  if (!root) {
    findings.add(Code::kCosignedWrong, 0, {root.error().message});
  } else if (*root != cosigned->checkpoint.root) {
    findings.add(Code::kHistoryDiffers, 0, {seen, "cosigned"});
  } else if (size < head.checkpoint.size && head.time - cosigned->time > kCosignedBehind) {
    findings.add(behind, size, {seen, entries, format_time(cosigned->time)});
  }
}

}  // namespace facekeep::audit
