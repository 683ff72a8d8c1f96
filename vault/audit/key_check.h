// The keys of a log, as an auditor looks at them once the fold has told which there were: those that the reader trusts,
// the handover notes, and who signed the checkpoints that somebody saw. Pure.
#pragma once

#include <vector>

#include "vault/audit/log_replay.h"

namespace facekeep::audit {

// A finding for a checkpoint that a key signed beyond its last size, unless that tree is known to be lost. False: the
// note does not open for another reason.
bool old_key_finding(const SeenCheckpoint& seen, const log::LogKeys& keys, Findings& findings);

// The reader's keys are the log's, in their places. `folded`: the state has every handover; else genesis alone counts.
void check_log_keys(const ledger::State& state, const log::LogKeys& trusted, bool folded, Findings& findings);

// No checkpoint is by a key that the fold says had ended, though the reader does not know that yet. Precondition:
// folded.
void check_signers(const ledger::State& state, const log::LogKeys& trusted, const SeenCheckpoint& latest,
                   const std::vector<SeenCheckpoint>& seen, Findings& findings);

// Whether more than the log itself says that it is the one of `trusted`. Each key behind that one is signed in by the
// one before, by a note of this log. Where custodians put a key in place instead, a checkpoint of this log is by a key
// in front of that: one of the notes, or the last of a log whose entries are lost. A log can name any key, and any
// custodians.
bool is_anchored(const log::LogKeys& keys, const log::VerifierKey& trusted, const std::vector<std::string>& notes,
                 const RootAt& root_at, const std::vector<LostLog>& lost = {});

// Each handover that the fold has is there as a note of this log's tree, signed as it must be. Precondition: folded.
// Errors of `files`.
Status check_handover_notes(const ledger::State& state, const LogFiles& files, const RootAt& root_at,
                            Findings& findings);

}  // namespace facekeep::audit
