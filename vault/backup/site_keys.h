// The site keys that a restore has written, before it says what they are worth.
#pragma once

#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/ledger/state.h"
#include "vault/store/store.h"

namespace facekeep::backup {

// Rows of epochs before the one in force, and those for cards before.
Result<std::vector<Bytes>> rows_of_before(const store::Store& store, const ledger::State& state);

// Every site of the state, and the register of names, has its key. kFailedPrecondition.
Status check_site_keys(const store::Store& store, const ledger::State& state);

}  // namespace facekeep::backup
