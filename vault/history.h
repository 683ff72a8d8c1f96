// What an unseal reads back from the log's openings, newest first: the part of the state that access events feed. Each
// runs beside the serving threads, and ends early when vault.closing is set.
#pragma once

#include "vault/base/clock.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/match_budgets.h"
#include "vault/open_vault.h"
#include "vault/probe/nonces.h"
#include "vault/request_marks.h"
#include "vault/store/store.h"

namespace facekeep {

// Folds the budgets: of the last day of running, or as many days more as it takes until what was before does not matter
// (kMaxBudgetDays at most). Behind an access whose opening a restore lost every bucket begins empty: what was asked
// there can't be known.
void fold_match_budgets(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store,
                        MatchBudgets& budgets);
inline constexpr std::uint64_t kMaxBudgetDays = 32;

// What the entries of the last minute feed: Request-Ids, and the nonces of signed probes. The minute is over where both
// the wall clock and the time that daemons ran say so. If an entry in it can't be read, or it has more than `most`,
// nonces are not trusted (Nonces::distrust).
void fold_last_minute(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store, UnixMillis now,
                      RequestMarks& marks, probe::Nonces& nonces, std::uint64_t most = kMaxRequestMarks);

}  // namespace facekeep
