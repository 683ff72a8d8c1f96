// The data directory, as the daemon and its offline check open it.
#pragma once

#include <memory>
#include <string>

#include "tools/facekeepd/config.h"
#include "vault/ledger/genesis.h"
#include "vault/seal/slot_generations.h"
#include "vault/store/rocks_store.h"

namespace facekeep::daemon {

// db/ and keys/ of one vault, held by this process alone.
struct VaultFiles {
  std::unique_ptr<store::RocksStore> store;
  std::unique_ptr<seal::SlotGenerations> slots;
  ledger::Genesis genesis;  // entry 0, as stored: recovery checks it against the log
  // That of genesis, or of the newest recovery, likewise: whose PIN is asked for is known before the log is read.
  ledger::TokenEvidence token;
};

// kFailedPrecondition if there is no vault in the directory yet.
Result<VaultFiles> open_vault_files(const Config& config);

}  // namespace facekeep::daemon
