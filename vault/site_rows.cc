#include "vault/site_rows.h"

#include <utility>

#include "vault/ledger/state.h"
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

Result<std::vector<Bytes>> rows_without_spare(const store::Store& store, const ledger::State& state) {
  const auto sealed_for_spare = [&](std::string_view name, std::uint32_t epoch) -> Result<bool> {
    FK_TRY(const auto stored, stored_site_key(store, name, epoch));
    return !stored || !stored->spare.empty();
  };
  const auto refused = [](const std::string& name, const std::string& why) {
    return make_error(Errc::kFailedPrecondition,
                      "the key \"" + name + "\" " + why + " was not sealed for the spare token",
                      "without its main token nothing opens it any more");
  };
  std::vector<std::pair<std::string, std::uint32_t>> in_force = {
      {std::string(seal::kVaultKeyName), state.root_epoch()}};
  for (const auto& site : state.current().sites) in_force.emplace_back(site.id, site.epoch);
  bool in_the_way = false;
  const auto& rotation = state.rotation();
  for (const auto& [name, epoch] : in_force) {
    FK_TRY(const bool now, sealed_for_spare(name, epoch));
    if (!now) return refused(name, "in force");
    FK_TRY(const bool before, rotation ? sealed_for_spare(name, rotation->from) : Result<bool>(true));
    if (before) continue;
    if (rotation->cards_untried || rotation->upto != ledger::kAllRefs) return refused(name, "of before the rotation");
    in_the_way = true;
  }
  std::vector<Bytes> rows;
  if (!in_the_way) return rows;
  // Those of everybody: an unseal that finds one of them asks for all.
  FK_CHECK(store.scan(store::keys::prefix(store::keys::Kind::kSiteKey), {}, [&](ByteView row, ByteView) {
    const auto key = store::keys::parse_site_key(row);
    if (key && key->epoch == rotation->from) rows.push_back(to_bytes(row));
    return true;
  }));
  return rows;
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
