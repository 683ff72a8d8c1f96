// The rows in which a site's key is stored, for the ceremony and for a site that a proposal opens.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "vault/seal/site_key.h"
#include "vault/store/store.h"

namespace facekeep {

namespace ledger {
class State;
}

// Adds the row of each token. `again`: beside the rows that are there, for other cards. kInvalidArgument for a site's
// name that no key has.
Status put_site_key(std::string_view site, std::uint32_t epoch, const seal::SealedSiteKey& sealed,
                    std::vector<store::Batch::Put>& puts, bool again = false);

// What the present cards open: the rows for other cards, where there are any; `before`: what those before them open,
// of keys that were drawn for them. None without a row for the main token.
Result<std::optional<seal::SealedSiteKey>> stored_site_key(const store::Store& store, std::string_view site,
                                                           std::uint32_t epoch, bool before = false);

// Where an opening finds the stored keys: sealed to the custodians' U, or to a restart ticket's.
using StoredKeys =
    std::function<Result<std::optional<seal::SealedSiteKey>>(const std::string& name, std::uint32_t epoch)>;

// Of a vault whose main token is lost: that every key which an unseal needs is sealed for the spare token too. Gives
// the rows of keys that stand in the way, since nothing opens them any more and nobody needs them: those of before a
// rotation that moved everybody and waits for its end. kFailedPrecondition.
Result<std::vector<Bytes>> rows_without_spare(const store::Store& store, const ledger::State& state);

// The spare token of this fingerprint, as stored; nothing without one. kIntegrity if its key is missing.
Result<std::optional<SpareToken>> stored_spare(const store::Store& store, const std::optional<Digest>& fingerprint);

}  // namespace facekeep
