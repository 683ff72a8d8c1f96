// Which key signs which checkpoint of a vault's own log, from its own state: the daemon's part of a handover. Verifiers
// who do not have the state follow the chain from outside (vault/log/FORMAT.md, "Log keys").
//
// The handover checkpoint is the one just behind the entry that names the new key: of size entry + 1, signed by the key
// before and by the new one; after a recovery by the new one alone. It is stored for ever, under its size.
#pragma once

#include <string>

#include "vault/ledger/state.h"
#include "vault/log/checkpoint.h"
#include "vault/seal/custody.h"
#include "vault/store/store.h"

namespace facekeep::log {

// The key whose signature a checkpoint of that size has. At a handover's own size: the new one, which is the only one
// from there on. Precondition: the state has a genesis.
Result<VerifierKey> log_key_at(const ledger::State& state, std::uint64_t size);

// A checkpoint of this very log, verified under the key of its size. Errors of open_checkpoint.
Result<Checkpoint> open_own_checkpoint(const ledger::State& state, std::string_view note);

// The tokens' keys sign it; each signature is checked.
Result<std::string> sign_handover(const ledger::State::Handover& handover, const Digest& root, Custody& custody);

// kIntegrity unless this is the note of that handover, with every signature, over that root.
Status check_handover(const ledger::State::Handover& handover, std::string_view note, const Digest& root);

// How many of the state's handovers have their checkpoint stored: all, or all but the last, which a crash may have left
// unsigned. kIntegrity if another is missing or one is wrong. `root_at`: of the log as stored.
using RootAt = std::function<Result<Digest>(std::uint64_t size)>;
Result<std::size_t> check_stored_handovers(const store::Store& store, const ledger::State& state,
                                           const RootAt& root_at);

}  // namespace facekeep::log
