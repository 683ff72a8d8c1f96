// The start that a share goes to, as a person should see it, and as the log's witnesses do.
//
// Somebody with the token's PIN, a copy of the database and the server's key can append a start of their own to the
// genuine log, and it continues everything that was seen before. What such a start can't do is stay unseen: this
// machine says that it is new, and where the log names witnesses a quorum must have cosigned a tree with it, so that
// the genuine vault, which never had it, is found out to differ for ever.
#pragma once

#include "tools/facekeep/context.h"
#include "tools/facekeep/start_check.h"
#include "vault/ledger/state.h"

namespace facekeep::tools {

// Shows number, time and key of the start, and says when it is not the one of this person's last share.
Status show_start(const Context& context, const Notice& notice, const CheckedStart& start, Reporter& report);

// That the start event is the log's last one: a key of an earlier start may be one that somebody kept. `state` is the
// log folded up to the start's checkpoint. kIntegrity ("old-start").
Status check_last_start(const ledger::State& state, const CheckedStart& start);

// Where the log names witnesses: that a quorum has cosigned a checkpoint with the start in it, of the log that `start`
// was proven in. Waits context.witness_wait for it. Without one: kFailedPrecondition ("not-witnessed") if the policy
// says `closed` or nobody is at a terminal, else the person is asked. kIntegrity for cosignatures over another log.
Status check_start_witnessed(Context& context, const Notice& notice, VaultApi& api,
                             const std::optional<ledger::Witnesses>& witnesses, const CheckedStart& start,
                             Reporter& report);

}  // namespace facekeep::tools
