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

Result<ledger::TokenEvidence> read_token(const store::Store& store, const ledger::Genesis& genesis) {
  ledger::TokenEvidence out = genesis.token;
  Status failed;
  // The checkpoints of handovers are stored in the order of the log, each just behind its entry.
  FK_CHECK(store.scan(store::keys::prefix(store::keys::Kind::kCheckpoint), {}, [&](ByteView key, ByteView) {
    const auto size = store::keys::parse_checkpoint_at(key);
    if (!size || *size == 0) return true;
    const auto entry = store.get(store::keys::entry(*size - 1));
    const auto leaf = entry && *entry ? ledger::decode_leaf(as_chars(**entry)) : Result<ledger::Leaf>(no_vault(""));
    if (!entry) failed = entry.error();
    const auto* event = leaf ? std::get_if<ledger::Event>(&*leaf) : nullptr;
    const auto* recovered = event == nullptr ? nullptr : std::get_if<ledger::Recovered>(&event->body);
    if (recovered != nullptr) out = recovered->token;
    return failed.has_value();
  }));
  FK_CHECK(std::move(failed));
  return out;
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
  FK_TRY(out.token, read_token(*out.store, out.genesis));
  FK_TRY(out.slots, seal::SlotGenerations::open(config.data_dir + "/keys", out.genesis.vault));
  return out;
}

}  // namespace facekeep::daemon
