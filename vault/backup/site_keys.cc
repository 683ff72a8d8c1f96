#include "vault/backup/site_keys.h"

#include <string>
#include <utility>

#include "vault/seal/site_key.h"
#include "vault/store/keys.h"

namespace facekeep::backup {
namespace {

namespace keys = store::keys;

Error refused(std::string message, std::string hint) {
  return make_error(Errc::kFailedPrecondition, std::move(message), std::move(hint));
}

}  // namespace

Result<std::vector<Bytes>> rows_of_before(const store::Store& store, const ledger::State& state) {
  std::vector<Bytes> rows;
  FK_CHECK(store.scan(keys::prefix(keys::Kind::kSiteKey), {}, [&](ByteView row, ByteView) {
    const auto key = keys::parse_site_key(row);
    const bool goes = key && (key->epoch < state.root_epoch() || key->kind == keys::SiteKeyKind::kMainBefore);
    if (goes) rows.push_back(to_bytes(row));
    return true;
  }));
  return rows;
}

Status check_site_keys(const store::Store& store, const ledger::State& state) {
  FK_TRY(const Bytes own,
         keys::site_key(std::string(seal::kVaultKeyName), state.root_epoch(), keys::SiteKeyKind::kMain));
  FK_TRY(const auto register_key, store.get(own));
  if (!register_key) return refused("the key of the register of names is in no backup", "take another backup");
  for (const auto& site : state.current().sites) {
    FK_TRY(const Bytes key, keys::site_key(site.id, site.epoch, keys::SiteKeyKind::kMain));
    FK_TRY(const auto value, store.get(key));
    if (value) continue;
    return refused("the key of site " + site.id + " is in no backup: the site was opened behind them",
                   "take a backup that is newer; after a site is opened, one has to be taken");
  }
  return {};
}

}  // namespace facekeep::backup
