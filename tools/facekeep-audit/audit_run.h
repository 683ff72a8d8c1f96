// One audit of a mirror: replay, findings, register. What `replay` and `report` share.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tools/common/frame.h"
#include "tools/facekeep-audit/mirror.h"
#include "vault/audit/register.h"
#include "vault/audit/replay.h"
#include "vault/audit/witnesses.h"

namespace facekeep::tools {

struct AuditOptions {
  std::string dir;
  bool public_only = false;  // leave openings aside, though they may be there
  std::string snapshot;      // a file; empty: from entry 0
};

// Made by run_audit. Neither copied nor moved: the replay refers to the findings.
struct AuditRun {
  AuditRun() = default;
  AuditRun(const AuditRun&) = delete;
  AuditRun& operator=(const AuditRun&) = delete;

  log::LogKeys keys;
  audit::Level level = audit::Level::kPublic;
  audit::Findings findings;
  std::unique_ptr<audit::Replay> replay;
  audit::Verified verified;
  std::uint64_t from = 0;  // entries that the snapshot stood for
  std::uint64_t milliseconds = 0;
  audit::LaterPeople later;
  audit::WitnessPolicies policies;
  audit::Names names;  // from register.json, checked; empty without it

  [[nodiscard]] const ledger::State& state() const { return replay->state(); }
  [[nodiscard]] const log::VerifierKey& key() const {
    return keys.key_for(verified.checkpoint.size)->key;  // in force
  }
};

// Holds the mirror's file `cosigned` against its checkpoint `head`, which the log had at `time` at the earliest, by the
// policy of that moment.
void check_mirrors_witnesses(const Mirror& mirror, const log::LogKeys& keys, const audit::WitnessPolicies& policies,
                             const log::Checkpoint& head, UnixMillis time, audit::Findings& findings);

// Takes into `policies` what `seen` may have changed of them.
void see_policy(const audit::Seen& seen, audit::WitnessPolicies& policies);
// The witness policies that the mirror's log of `size` entries brought, by its rules. The mirror's entries were checked
// up to their root. kIntegrity ("findings") where the log breaks the rules.
Result<audit::WitnessPolicies> policies_of(const Mirror& mirror, std::uint64_t size);

// Replays with progress on frame.err. kNotFound ("no-mirror"); kIntegrity where nothing can be checked at all.
Result<std::unique_ptr<AuditRun>> run_audit(Frame& frame, const AuditOptions& options, audit::Observer observer = {});

// What a run says, as lines and JSON fields.
void report_run(Frame& frame, Reporter& report, const AuditRun& run);
// kIntegrity ("findings") if the run has errors.
Status verdict(const AuditRun& run);

}  // namespace facekeep::tools
