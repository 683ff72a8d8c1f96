// Recovery: the log as stored, read back, hashed and folded.
//
// Nothing is taken on trust: the tree is rebuilt from the stored entries, every stored tile is compared
// with it, every custody opening with its commitment; every access event's sealed opening must be there. The daemon
// runs this before it signs anything; `facekeepd check` and the fault tests run it on a stopped vault.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "vault/ledger/state.h"
#include "vault/log/checkpoint.h"
#include "vault/log/tiles.h"
#include "vault/seal/custody.h"
#include "vault/store/store.h"

namespace facekeep::log {

// Stored openings (store key 'o' || position). Byte 0 tells which.
inline constexpr std::uint8_t kOpeningClear = 0x01;   // custody: salt (32) || canonical event
inline constexpr std::uint8_t kOpeningSealed = 0x02;  // access: see access_opening.h

struct Recovered {
  ledger::State state;
  TileTree tree;
  std::optional<Checkpoint> checkpoint;  // the latest published one, verified
  std::string checkpoint_note;
  std::optional<Checkpoint> cosigned;  // the newest that a quorum of witnesses cosigned, as far as it is stored
  std::string cosigned_note;
  std::size_t handovers = 0;  // of the state's: those whose checkpoint is stored (handover.h)
};

// kIntegrity names the first entry that is wrong. `progress` is told entries done and the total. Access entries behind
// a backup from which the vault was restored have no opening: the log says so (`restored`), or, before the first start
// after a restore, `unlogged`.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;
Result<Recovered> recover(const store::Store& store, const Progress& progress = {},
                          const std::optional<ledger::BehindBackup>& unlogged = {});

// Folds the entry at state.size(), a custody event through its opening. True for an access event, whose opening is
// looked at by nobody here. kIntegrity as above.
Result<bool> fold_entry(ledger::State& state, ByteView entry, const std::optional<Bytes>& opening);

// True if the log says that this entry is behind a backup from which the vault was restored.
bool is_behind_backup(const ledger::State& state, std::uint64_t entry);

// The clear opening of a custody event, checked against its leaf.
Result<ledger::Event> open_custody(const ledger::PrivateLeaf& leaf, ByteView opening);

// kIntegrity, naming both positions, if the token has seen a longer log, or another one.
Status check_anchor(const Anchor& anchor, const TileTree& tree, const TileReader& stored);

// Reads full tiles from the store.
TileReader tile_reader(const store::Store& store);

}  // namespace facekeep::log
