// Entries of the public log as a client proves them for itself: under a checkpoint whose signature and
// consistency it has checked, so that the vault's word is not taken for what its log says.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tools/facekeep/start_check.h"
#include "vault/log/tiles.h"

namespace facekeep::tools {

// Called in the log's order. After its first error no further entry is shown.
using VisitEntry = std::function<Status(std::uint64_t entry, ByteView bytes)>;
// Every entry from `from` on up to `head`, none left out, held against the root at the end: what was visited is proven
// once this succeeds, and worth nothing if it does not. `before`: the root of the first `from` entries, where it is
// known. kIntegrity: "bad-entries", "forked"; then the visit's own error.
Status read_entries(VaultApi& api, const log::Checkpoint& head, std::uint64_t from, const std::optional<Digest>& before,
                    const VisitEntry& visit);

// The hashes that a proof of inclusion of `entry` under `head` has to consist of, unproven.
Result<std::vector<Digest>> fetch_inclusion(VaultApi& api, const log::Checkpoint& head, std::uint64_t entry);

// The bytes of `entry`, out of the bundle of a tree of `size`, unproven. kIntegrity if there is no such entry.
Result<Bytes> fetch_entry(VaultApi& api, std::uint64_t size, std::uint64_t entry);

// That `entry` is in the log, under `head`: fetches it and its inclusion proof. What it is is for the caller to look
// at. kIntegrity.
Result<ledger::Leaf> prove_entry(VaultApi& api, const log::Checkpoint& head, std::uint64_t entry);

// The vault's genesis, entry 0 of the log, under `head`. kIntegrity ("bad-genesis"), and what prove_entry says else.
Result<ledger::Genesis> prove_genesis(VaultApi& api, const Notice& notice, const log::Checkpoint& head);

// That the tree of one checkpoint extends the other's, whichever is the larger. kIntegrity ("forked").
Status check_same_log(VaultApi& api, const log::Checkpoint& a, const log::Checkpoint& b);

}  // namespace facekeep::tools
