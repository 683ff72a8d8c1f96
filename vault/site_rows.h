// The rows in which a site's key is stored, for the ceremony and for a site that a proposal opens.
#pragma once

#include <string_view>
#include <vector>

#include "vault/seal/site_key.h"
#include "vault/store/store.h"

namespace facekeep {

// Adds the row of each token. kInvalidArgument for a site's name that no key has.
Status put_site_key(std::string_view site, std::uint32_t epoch, const seal::SealedSiteKey& sealed,
                    std::vector<store::Batch::Put>& puts);

}  // namespace facekeep
