#include "tools/facekeepd/files.h"

#include "vault/ledger/event.h"
#include "vault/store/keys.h"

namespace facekeep::daemon {
namespace {

Error no_vault(const std::string& dir) {
  return make_error(Errc::kFailedPrecondition, "there is no vault in " + dir,
                    "hold a key ceremony first: `facekeep ceremony`");
}

Result<ledger::Genesis> read_genesis(const store::Store& store, const std::string& dir) {
  FK_TRY(const auto leaf, store.get(store::keys::entry(0)));
  if (!leaf) return no_vault(dir);
  FK_TRY(ledger::Leaf decoded, ledger::decode_leaf(as_chars(*leaf)));
  auto* event = std::get_if<ledger::Event>(&decoded);
  auto* genesis = event == nullptr ? nullptr : std::get_if<ledger::Genesis>(&event->body);
  if (genesis == nullptr) {
    return make_error(Errc::kIntegrity, "the log's first entry is not a genesis", "restore the database from a backup");
  }
  return std::move(*genesis);
}

}  // namespace

Result<VaultFiles> open_vault_files(const Config& config) {
  VaultFiles out;
  store::RocksOptions options;
  options.dir = config.data_dir + "/db";
  auto store = store::RocksStore::open(options);
  if (!store) {
    if (store.error().code == Errc::kNotFound) return no_vault(config.data_dir);
    return std::move(store).error();
  }
  out.store = std::move(*store);
  FK_TRY(out.genesis, read_genesis(*out.store, config.data_dir));
  FK_TRY(out.slots, seal::SlotGenerations::open(config.data_dir + "/keys", out.genesis.vault));
  return out;
}

}  // namespace facekeep::daemon
