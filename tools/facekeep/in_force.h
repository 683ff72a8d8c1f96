// What is in force, proven from the log: a registration, and the witness policy. The vault says where to look; nothing
// else of its word is taken.
#pragma once

#include <optional>
#include <string>

#include "tools/facekeep/context.h"
#include "tools/facekeep/vault_api.h"
#include "vault/ledger/event.h"
#include "vault/log/checkpoint.h"

namespace facekeep::tools {

// The registration of principal `id` in the proposal at `entry`, or in genesis if that is 0. kIntegrity
// ("other-registration") if that entry has none. That the proposal was carried out is the vault's word.
Result<ledger::PrincipalRecord> prove_registration(VaultApi& api, const Notice& notice, const log::Checkpoint& head,
                                                   const std::string& id, std::uint64_t entry);

// The witness policy. One that a proposal brought must have been carried out, and signed by two people at least, of two
// groups where the vault has two, each with the approval key of the moment: no rule asks for less, so that whoever can
// only append to the log can't give it other witnesses. Never an older policy than this machine proved before.
// kIntegrity ("bad-witness-policy").
Result<std::optional<ledger::Witnesses>> prove_witnesses(const Context& context, const Notice& notice, VaultApi& api,
                                                         const log::Checkpoint& head);

}  // namespace facekeep::tools
