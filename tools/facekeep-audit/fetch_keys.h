// The keys of a log as a mirror follows them: handovers that the vault publishes, proven by its tiles, and for a
// recovery by a fold of every entry before it. One thread.
#pragma once

#include "tools/facekeep-audit/fetcher.h"
#include "vault/audit/proposal_checks.h"
#include "vault/log/handovers.h"

namespace facekeep::tools {

bool is_unknown_log_key(const Error& e);
bool is_lost_tree(const Error& e);
// The sentence of an error of log::open_checkpoint(.., LogKeys), in the language of this run.
Error say_log_key(const Error& e);

// Follows the handovers that are served with the checkpoint `served`, which `keys` can't open. Full bundles that the
// mirror has are not asked for again. kIntegrity ("handover"); errors of `get`.
Result<log::FollowedKeys> follow_served_keys(const log::LogKeys& keys, const std::string& served, const Mirror& mirror,
                                             const Get& get);

// kIntegrity ("no-anchor") where these keys go over a recovery, and neither a checkpoint that the mirror has seen nor
// one of `notes` shows that the log is the first key's: a log can name any key.
Status check_anchor(const log::LogKeys& keys, const Mirror& mirror, std::vector<std::string> notes,
                    const audit::RootAt& root_at);
// Keeps a checkpoint that `key` signed among those that the mirror has seen. `path`: the note, or a vault's notice that
// has it. Empty: nothing.
Status keep_given_checkpoint(const Mirror& mirror, const log::VerifierKey& key, const std::string& path);

// The keys of a mirror; of one that keeps none, like an exported log, as its own handover notes and entries come to.
// Where they come to nothing, the first key alone.
Result<log::LogKeys> keys_of(const Mirror& mirror);

}  // namespace facekeep::tools
