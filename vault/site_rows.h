// The rows in which a site's key is stored, for the ceremony and for a site that a proposal opens.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "vault/seal/site_key.h"
#include "vault/store/store.h"

namespace facekeep {

// Adds the row of each token. kInvalidArgument for a site's name that no key has.
Status put_site_key(std::string_view site, std::uint32_t epoch, const seal::SealedSiteKey& sealed,
                    std::vector<store::Batch::Put>& puts);

// Adds the names of both rows.
Status drop_site_key(std::string_view site, std::uint32_t epoch, std::vector<Bytes>& deletes);

// The spare token of this fingerprint, as stored; nothing without one. kIntegrity if its key is missing.
Result<std::optional<SpareToken>> stored_spare(const store::Store& store, const std::optional<Digest>& fingerprint);

}  // namespace facekeep
