// The log as this machine folds it: every entry up to a checkpoint is read, held against the checkpoint's root and put
// through the vault's own rules, without openings, as an auditor of the public log does. Who may act, by which rule,
// how a proposal stands and who the witnesses are is read off that state; a vault's answers are not asked for it.
#pragma once

#include "tools/facekeep/context.h"
#include "tools/facekeep/start_check.h"
#include "tools/facekeep/vault_api.h"
#include "vault/ledger/proposal.h"
#include "vault/ledger/state.h"
#include "vault/log/checkpoint.h"

namespace facekeep::tools {

// The state after the last entry under `head`. Goes on from what this machine folded last, which it keeps beside its
// checkpoints; the first call for a log of a million entries makes 4,000 requests, and shows progress on context.err.
// What people signed, votes and recoveries, must name a tree of this log. kIntegrity: "bad-entries" (not those under
// the root), "bad-genesis" (another vault's), "bad-rules" (an entry that the vault's rules don't allow), "forked".
Result<ledger::State> fold_log(const Context& context, const Notice& notice, VaultApi& api,
                               const log::Checkpoint& head);

// The same of a head that no key known here signed: takes nothing from what this machine folded, and leaves nothing
// behind, whatever it finds.
Result<ledger::State> fold_unproven(const Context& context, const Notice& notice, VaultApi& api,
                                    const log::Checkpoint& head);

// check_vault_now(), and the state under its checkpoint.
struct FoldedVault {
  CheckedVault checked;
  ledger::State state;
};
Result<FoldedVault> fold_vault_now(const Context& context, const Notice& notice, VaultApi& api);

// The moment of the last entry: by it stages and end dates are read, so that no clock but the log's counts.
ledger::Moment last_moment(const ledger::State& state);

}  // namespace facekeep::tools
