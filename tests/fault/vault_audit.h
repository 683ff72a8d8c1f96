// What the store, the key slots and the state of a vault must agree on, whatever happened to it: no
// operation is there by half. For the suites that kill, starve and alter vaults.
#pragma once

#include <string>
#include <vector>

#include "vault/ledger/state.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/seal/slot_generations.h"
#include "vault/store/store.h"

namespace facekeep::test {

// Each disagreement in words; none: the vault is whole. Precondition: nothing is being committed.
//   - every live subject has its record and templates, with the digests of the log, and a whole key slot
//   - no record, template or index entry belongs to a subject that is not live; each subject is indexed once
//   - no key slot is in use that the state does not own
//   - the log verifies from its stored bytes, and folds to the same state
std::vector<std::string> audit_vault(const store::Store& store, seal::SlotGenerations& slots,
                                     const ledger::State& state);
// The same with log::recover() done by the caller.
std::vector<std::string> audit_vault(const store::Store& store, seal::SlotGenerations& slots,
                                     const ledger::State& state, const Result<log::Recovered>& recovered);

// Both key-slot files under `dir` (the "keys" folder of a vault), one after the other.
std::string read_key_files(const std::string& dir);
bool holds(const std::string& bytes, ByteView needle);

}  // namespace facekeep::test
