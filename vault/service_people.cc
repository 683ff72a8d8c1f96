// The sealed register of people: the names behind the log's numbers. Those of genesis are in its part 0; each proposal
// that registers somebody brings its own, at its entry, whether it is carried out or not.
#include "vault/open_vault.h"
#include "vault/seal/blob.h"
#include "vault/service.h"
#include "vault/store/keys.h"

namespace facekeep {
namespace {

namespace keys = store::keys;

Result<seal::Aad> register_aad(const Id128& vault, std::uint32_t epoch, std::uint64_t entry) {
  Bytes id;
  if (entry != 0) append_be64(id, entry);
  return seal::make_aad({vault, seal::kVaultKeyName}, epoch, seal::Purpose::kRegister, id);
}

}  // namespace

// In the sequencer's thread, so it may not ask the state: the epoch is the vault's that is open.
Result<Bytes> Service::seal_names(OpenVault& vault, std::uint64_t entry, const ledger::PeopleNames& names) const {
  FK_TRY(const std::string text, canonical_json(ledger::to_json(names)));
  FK_TRY(const seal::Aad aad, register_aad(vault.vault(), vault.register_epoch(), entry));
  return seal::seal_blob(vault.register_key(), aad, as_bytes(text));
}

Result<ledger::PeopleNames> Service::open_names(const OpenVault& vault, std::uint64_t entry, ByteView blob) const {
  FK_TRY(const seal::Aad aad, register_aad(vault.vault(), vault.register_epoch(), entry));
  FK_TRY(const SecretBytes plain, seal::open_blob(vault.register_key(), aad, blob));
  FK_TRY(const Json json, parse_canonical_json(as_chars(plain.view())));
  return ledger::people_names_from_json(json, "the register of people");
}

Result<Service::Register> Service::people(const Digest& spki) {
  FK_TRY(const auto vault, open_vault());
  FK_CHECK(log_openings_read(spki, {"", "register", std::nullopt}));
  Register out;
  Status opened;
  FK_CHECK(parts_.store.scan(keys::prefix(keys::Kind::kNames), {}, [&](ByteView row, ByteView blob) {
    const auto entry = keys::parse_names(row);
    auto names = entry ? open_names(*vault, *entry, blob) : Result<ledger::PeopleNames>(entry.error());
    if (!names) {
      opened = names.error();
      return false;
    }
    out.emplace(*entry, std::move(*names));
    return true;
  }));
  FK_CHECK(opened);
  if (!out.contains(0)) {
    return make_error(Errc::kIntegrity, "the sealed register of people is missing from the database");
  }
  return out;
}

}  // namespace facekeep
