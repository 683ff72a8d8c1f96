// The register of people: the names behind the log's numbers, each checked against the commitment in genesis.
//
//   {"people":{"property/1":{"name":"...","salt":"<64 hex>"},...}}
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "vault/audit/finding.h"
#include "vault/base/result.h"
#include "vault/ledger/genesis.h"

namespace facekeep::audit {

using Names = std::map<std::string, std::string>;  // principal -> name

// The names that fit; the others, and principals without one, are findings. kMalformed if it is no such document.
Result<Names> check_register(std::string_view json, const ledger::Genesis& genesis, Findings& findings);

}  // namespace facekeep::audit
