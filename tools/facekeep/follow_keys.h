// The keys of the vault's log as this machine follows them: from the notice's key, or the one that it remembers, to the
// one that signs now. A recovery takes a fold of the whole log, which checks the custodians' signatures.
#pragma once

#include <string>

#include "tools/common/client_memory.h"
#include "tools/facekeep/context.h"
#include "tools/facekeep/vault_api.h"

namespace facekeep::tools {

// notice.keys() as remembered, if they are. kIntegrity ("bad-memory"): what is remembered are no keys.
Status use_remembered_keys(const ClientMemory& memory, const Notice& notice);

// Brings notice.keys() to where they open the served checkpoint, if handovers lead there, and says so on context.err.
// A checkpoint that stays closed is for the caller to refuse, and so is a log that only names these keys: whether it is
// the one that the notice is about, check_continuity() tells. kIntegrity ("handover", "other-log-key": the notice's key
// is none of the log's), and errors of a fold.
Status follow_keys(const Context& context, const Notice& notice, VaultApi& api, const std::string& served);

// Remembers notice.keys().
Status remember_keys(const ClientMemory& memory, const Notice& notice);

}  // namespace facekeep::tools
