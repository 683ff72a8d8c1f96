// The root key that a backup hangs on, and whether the vault still has it: the erasure horizon.
#pragma once

#include <cstdint>
#include <optional>

#include "vault/base/result.h"
#include "vault/ledger/state.h"

namespace facekeep::backup {

// kFailedPrecondition if a backup was sealed under another root key than the vault has now: its keys can't be opened.
// `rotation`: one that the log has not ended, as State has it.
Status check_root_epoch(std::uint32_t of_backup, std::uint32_t now,
                        const std::optional<ledger::State::Rotation>& rotation = {});

}  // namespace facekeep::backup
