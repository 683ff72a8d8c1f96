#include "vault/site_rows.h"

#include "vault/store/keys.h"

namespace facekeep {

Status put_site_key(std::string_view site, std::uint32_t epoch, const seal::SealedSiteKey& sealed,
                    std::vector<store::Batch::Put>& puts) {
  using store::keys::SiteKeyKind;
  FK_TRY(Bytes main, store::keys::site_key(site, epoch, SiteKeyKind::kMain));
  puts.push_back({std::move(main), sealed.main});
  if (sealed.spare.empty()) return {};
  FK_TRY(Bytes spare, store::keys::site_key(site, epoch, SiteKeyKind::kSpare));
  puts.push_back({std::move(spare), sealed.spare});
  return {};
}

}  // namespace facekeep
