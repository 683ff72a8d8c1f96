// Whether a log's witnesses stand behind it: the newest checkpoint that a quorum of them has cosigned (C2SP
// tlog-cosignature), which the vault serves at /v1/log/cosigned. Pure, thread safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "vault/audit/finding.h"
#include "vault/base/clock.h"
#include "vault/base/result.h"
#include "vault/ledger/witness.h"
#include "vault/log/checkpoint.h"
#include "vault/log/cosign.h"

namespace facekeep::audit {

// A log that grew is cosigned again within minutes; longer than this behind is shown.
inline constexpr std::int64_t kCosignedBehind = 3600LL * 1000;

// The witness policies that a log brought, each from the entry on that carried it out.
class WitnessPolicies {
 public:
  // The policy after `entry`, whenever that may have changed it.
  void see(std::uint64_t entry, const std::optional<ledger::Witnesses>& policy);
  // In force for a tree of that size; nothing without witnesses.
  [[nodiscard]] std::optional<ledger::Witnesses> at(std::uint64_t size) const;

 private:
  std::vector<std::pair<std::uint64_t, std::optional<ledger::Witnesses>>> policies_;
};

// A log's head, and the roots of its tree at smaller sizes.
struct Head {
  log::Checkpoint checkpoint;
  std::function<Result<Digest>(std::uint64_t size)> root_at;
  UnixMillis time = 0;  // when the log had this head, at the earliest
};
// As findings: a checkpoint that no quorum cosigned, one that is not of this log, one that lies too far behind. `note`
// is empty where the vault showed none.
void check_witnesses(std::string_view note, const log::LogKeys& log_keys, const ledger::Witnesses& witnesses,
                     const Head& head, Findings& findings);

}  // namespace facekeep::audit
