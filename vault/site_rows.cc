#include "vault/site_rows.h"

#include <utility>

#include "vault/store/keys.h"

namespace facekeep {

using store::keys::SiteKeyKind;

Status put_site_key(std::string_view site, std::uint32_t epoch, const seal::SealedSiteKey& sealed,
                    std::vector<store::Batch::Put>& puts, bool again) {
  FK_TRY(Bytes main, store::keys::site_key(site, epoch, again ? SiteKeyKind::kMainAgain : SiteKeyKind::kMain));
  puts.push_back({std::move(main), sealed.main});
  if (sealed.spare.empty()) return {};
  FK_TRY(Bytes spare, store::keys::site_key(site, epoch, again ? SiteKeyKind::kSpareAgain : SiteKeyKind::kSpare));
  puts.push_back({std::move(spare), sealed.spare});
  return {};
}

Result<std::optional<seal::SealedSiteKey>> stored_site_key(const store::Store& store, std::string_view site,
                                                           std::uint32_t epoch, bool before) {
  for (const auto& [main_kind, spare_kind] : {std::pair(SiteKeyKind::kMainAgain, SiteKeyKind::kSpareAgain),
                                              std::pair(SiteKeyKind::kMain, SiteKeyKind::kSpare)}) {
    if (before && main_kind == SiteKeyKind::kMainAgain) continue;
    FK_TRY(const Bytes main, store::keys::site_key(site, epoch, main_kind));
    FK_TRY(const Bytes spare, store::keys::site_key(site, epoch, spare_kind));
    FK_TRY(auto stored, store.get(main));
    FK_TRY(auto stored_spare, store.get(spare));
    if (stored)
      return std::optional(seal::SealedSiteKey{std::move(*stored), std::move(stored_spare).value_or(Bytes())});
  }
  return std::optional<seal::SealedSiteKey>();
}

Result<std::optional<SpareToken>> stored_spare(const store::Store& store, const std::optional<Digest>& fingerprint) {
  if (!fingerprint) return std::optional<SpareToken>();
  FK_TRY(const auto pem, store.get(store::keys::meta_spare()));
  if (!pem) {
    return make_error(Errc::kIntegrity, "the public key of the spare token is missing from the database",
                      "restore the database");
  }
  return std::optional(SpareToken{std::string(as_chars(*pem)), *fingerprint});
}

}  // namespace facekeep
