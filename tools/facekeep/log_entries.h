// Entries of the public log as a client proves them for itself: under a checkpoint whose signature and
// consistency it has checked, so that the vault's word is not taken for what its log says.
#pragma once

#include <functional>
#include <string>

#include "tools/facekeep/start_check.h"
#include "vault/log/tiles.h"

namespace facekeep::tools {

// The bytes of an entry bundle: GET /tile/entries/...
using FetchBundle = std::function<Result<Bytes>(const log::BundleId& id)>;
FetchBundle bundles_of(VaultApi& api);

// More entries than this behind a start event are not fetched: a seal writes a new one.
inline constexpr std::uint64_t kMaxAfterStart = 262'144;

// That the start event is the log's last one: every entry behind it up to the checkpoint is fetched, held
// against the checkpoint's root, and none of them is a start. A key of an earlier start may be one that
// somebody kept. Precondition: check_start() took `status`. kIntegrity, and what `fetch` says.
Status check_last_start(const SealStatusView& status, const CheckedStart& start, const FetchBundle& fetch);

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
