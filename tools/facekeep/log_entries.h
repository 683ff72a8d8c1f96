// Entries of the public log as a client proves them for itself: under a checkpoint whose signature and
// consistency it has checked, so that the vault's word is not taken for what its log says.
#pragma once

#include <functional>
#include <span>

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

// That `entry` is in the log, under `head`: fetches it and its inclusion proof. What it is is for the caller to look
// at. kIntegrity.
Result<ledger::Leaf> prove_entry(VaultApi& api, const log::Checkpoint& head, std::uint64_t entry);

// The end of a command that changed the vault: checks the log's head, remembers it, proves `entry` in it, and says so.
// `expected` tells whether the leaf is of the kind that the vault claims. A vault that can't be asked now is a warning
// (the change was acknowledged); a proof that fails is kIntegrity.
Status report_logged(const Context& context, const Notice& notice, VaultApi& api, const Json& entry,
                     const std::function<bool(const ledger::Leaf&)>& expected, Reporter& report);

}  // namespace facekeep::tools
