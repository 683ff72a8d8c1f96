// Which key signs which checkpoint of a vault's own log, from its own state: the daemon's part of a handover. Verifiers
// who do not have the state follow the chain from outside (vault/log/FORMAT.md, "Log keys").
//
// The handover checkpoint is the one just behind the entry that names the new key: of size entry + 1, signed by the key
// before and by the new one; after a recovery by the new one alone, which also signs for a handover that it came upon
// unsigned. It is stored for ever, under its size.
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

// The token's keys sign it; each signature is checked. `recovery`: what comes right behind a handover whose own keys
// are gone; its key signs alone.
Result<std::string> sign_handover(const ledger::State::Handover& handover, const Digest& root, Custody& custody,
                                  const ledger::State::Handover* recovery = nullptr);

// kIntegrity unless this is the note of the i-th, with every signature, over that root (vault/log/handover_note.h).
Status check_handover(const std::vector<ledger::State::Handover>& all, std::size_t i, std::string_view note,
                      const Digest& root);

// How many of the state's handovers have their checkpoint stored: all, or all but the last, which a crash may have left
// unsigned. kIntegrity if another is missing or one is wrong. `root_at`: of the log as stored.
using RootAt = std::function<Result<Digest>(std::uint64_t size)>;
Result<std::size_t> check_stored_handovers(const store::Store& store, const ledger::State& state,
                                           const RootAt& root_at);

}  // namespace facekeep::log
