#include "tools/facekeep/ceremony_vault.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "api/http/cert.h"
#include "hsm/spare.h"
#include "vault/base/digest.h"
#include "vault/log/note.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/seal/blob.h"
#include "vault/seal/hpke.h"
#include "vault/site_rows.h"
#include "vault/store/keys.h"
#include "vault/store/rocks_store.h"

namespace facekeep::tools {
namespace {

namespace fs = std::filesystem;
namespace keys = store::keys;

ledger::KeyEvidence evidence(const hsm::KeyEvidence& e) {
  return {e.mechanism, e.local, e.sensitive, e.always_sensitive, e.extractable, e.never_extractable};
}

Result<Digest> own_program() {
  FK_TRY(const std::string bytes, read_small_file("/proc/self/exe", std::size_t{512} << 20));
  return sha256(as_bytes(bytes));
}

Status make_dir(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return make_error(Errc::kIo, "the folder " + path + " can't be made: " + std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<NewVault>> NewVault::draw(const Plan& plan, std::shared_ptr<hsm::SessionPool> token,
                                                 bool rehearsal) {
  std::unique_ptr<NewVault> v(new NewVault(plan, std::move(token)));
  ledger::Genesis& g = v->genesis_;
  g.vault = random_array<16>();
  g.origin = plan.origin.empty() ? "facekeep/" + to_hex(g.vault) : plan.origin;
  g.rehearsal = rehearsal;
  g.preset = plan.preset;
  g.models = plan.models;
  g.rules = plan.rules;
  FK_TRY(g.program, own_program());
  FK_TRY(const auto made, hsm::provision(*v->token_, g.vault, 1));
  FK_TRY(v->custody_, hsm::TokenCustody::open(v->token_, g.vault));
  g.token = {made.token.manufacturer, made.token.model,    made.token.serial,     made.token.firmware,
             made.token.token_class,  evidence(made.root), evidence(made.log_key)};
  FK_TRY(const auto vkey,
         log::make_verifier_key(g.origin, static_cast<log::SignatureType>(made.log_key_type), made.log_public_key));
  g.log_key = log::format_vkey(vkey);
  FK_CHECK(v->draw_cards());
  v->add_principals();
  FK_CHECK(v->draw_keys());
  // Everything that does not depend on the conversation is checked now, before anybody copies a card.
  if (auto ok = ledger::check_genesis(g); !ok) {
    ok.error().message = "the plan does not make a vault: " + ok.error().message;
    return std::move(ok).error();
  }
  return v;
}

NewVault::~NewVault() {
  if (committed_ || !token_) return;
  custody_.reset();
  static_cast<void>(hsm::unprovision(*token_, genesis_.vault));
}

Status NewVault::draw_cards() {
  const bool small = plan_.preset == ledger::Preset::kSmall;
  const std::size_t least = small ? 1 : plan_.preset == ledger::Preset::kStandard ? 3 : 2;
  const std::size_t most = small ? 1 : ledger::kMaxSharesPerGroup;
  for (const PlannedGroup& group : plan_.groups) {
    const std::size_t count = first_holders(group).size();
    if (count >= least && count <= most) continue;
    return make_error(Errc::kInvalidArgument,
                      "group \"" + group.id + "\" of the plan has " + std::to_string(count) +
                          " custodians who are not deputies; preset " + std::string(to_string(plan_.preset)) +
                          " takes " + std::to_string(least) + (most > least ? " to " + std::to_string(most) : ""),
                      "change the group or the preset");
  }
  FK_TRY(DrawnSet set, draw_set(plan_.groups, std::vector<std::uint32_t>(plan_.groups.size(), small ? 1 : 2)));
  genesis_.unseal_key = set.unseal_key;
  genesis_.share_set = set.share_set;
  genesis_.groups = std::move(set.groups);
  cards_ = std::move(set.cards);
  return {};
}

void NewVault::add_principals() {
  const auto add = [&](ledger::PrincipalRecord p, const std::string& name) {
    const ledger::PersonName person{name, random_array<32>()};
    p.name = ledger::name_commitment(person);
    register_[p.id] = person;
    genesis_.principals.push_back(std::move(p));
  };
  for (const auto& group : plan_.groups) {
    for (const auto& c : group.custodians) {
      ledger::PrincipalRecord p;
      p.id = c.id;
      p.role = ledger::Role::kCustodian;
      p.key = c.key;
      p.approval_key = c.approval_key;
      p.deputy = c.deputy;
      add(std::move(p), c.name);
    }
  }
  for (const auto& m : plan_.machines) add(m.record, m.name);
}

Status NewVault::draw_keys() {
  genesis_.witnesses = plan_.witnesses;
  std::optional<SpareToken> spare;
  if (!plan_.spare_key_pem.empty()) {
    FK_TRY(const hsm::SpareKey key, hsm::import_spare(plan_.spare_key_pem));
    spare = {plan_.spare_key_pem, key.fingerprint};
    genesis_.spare_key = key.fingerprint;
  }
  const auto seal_key = [&](const std::string& name, const seal::SiteKey& key) -> Status {
    const seal::SiteKeyPlace place{genesis_.vault, name, 1};
    FK_TRY(auto sealed, seal::seal_site_key_for_all(*custody_, place, genesis_.unseal_key, spare, key));
    sealed_keys_.emplace_back(name, std::move(sealed));
    return {};
  };
  for (ledger::Site site : plan_.sites) {
    const seal::SiteKey key = seal::SiteKey::generate();
    site.check = key.check();
    FK_CHECK(seal_key(site.id, key));
    genesis_.sites.push_back(std::move(site));
  }
  const seal::SiteKey vault_key = seal::SiteKey::generate();
  genesis_.register_check = vault_key.check();
  FK_CHECK(seal_key(std::string(seal::kVaultKeyName), vault_key));
  register_key_ = vault_key.aead(seal::SiteSubkey::kRegister, 0);

  FK_TRY(const auto tls, http::generate_key(http::KeyType::kP256));
  FK_TRY(genesis_.server_key, http::spki_digest(tls.get()));
  FK_TRY(server_key_pem_, http::private_key_pem(tls.get()));
  return {};
}

Status NewVault::write_files(const std::string& dir, const Clock& clock) {
  for (const auto& d : {dir, dir + "/db", dir + "/keys", dir + "/tls"}) FK_CHECK(make_dir(d));
  store::RocksOptions options;
  options.dir = dir + "/db";
  options.create_if_missing = true;
  FK_TRY(const auto db, store::RocksStore::open(options));
  FK_TRY(const std::uint64_t head, db->head());
  if (head != 0)
    return make_error(Errc::kAlreadyExists, "the directory " + dir + " holds a vault already",
                      "choose an empty directory");
  FK_TRY(const auto slots, seal::SlotGenerations::create(dir + "/keys", genesis_.vault));
  FK_CHECK(http::save_private_file(dir + "/tls/server.key", server_key_pem_.view()));

  FK_TRY(const std::string names, canonical_json(ledger::to_json(register_)));
  FK_TRY(const seal::Aad aad, seal::make_aad({genesis_.vault, seal::kVaultKeyName}, 1, seal::Purpose::kRegister, {}));
  FK_TRY(const Bytes sealed_register, seal::seal_blob(*register_key_, aad, as_bytes(names)));

  FK_TRY(const auto sequencer, log::Sequencer::open(*db, *custody_, *slots, clock, {}));
  FK_TRY(const auto receipt, sequencer->submit([&](const log::Turn&) -> Result<log::Write> {
    log::Write w;
    w.drafts.push_back({genesis_, {}});
    w.puts.push_back({keys::meta_vault(), to_bytes(genesis_.vault)});
    w.puts.push_back({keys::names(0), sealed_register});
    if (genesis_.spare_key) w.puts.push_back({keys::meta_spare(), to_bytes(plan_.spare_key_pem)});
    for (const auto& [site, sealed] : sealed_keys_) FK_CHECK(put_site_key(site, 1, sealed, w.puts));
    w.checkpoint = true;
    return w;
  }));
  static_cast<void>(receipt);
  checkpoint_ = sequencer->checkpoint();
  return {};
}

Status NewVault::commit(const std::string& dir, const Clock& clock) {
  FK_CHECK(ledger::check_genesis_signatures(genesis_));
  // A software token never syncs its files itself: everything that entry 0 relies on goes to disk first.
  sync();
  FK_CHECK(write_files(dir, clock));
  committed_ = true;
  sync();
  return {};
}

Json NewVault::notice() const {
  Json groups = Json::array();
  Json shares = Json::array();
  for (const auto& g : genesis_.groups) {
    groups.push_back({{"id", g.id}, {"shares", g.shares.size()}, {"threshold", g.threshold}});
    for (const auto& s : g.shares) {
      shares.push_back({{"commitment", to_hex(s.commitment)}, {"group", g.id}, {"number", s.number}});
    }
  }
  Json custodians = Json::array();
  for (const auto& p : genesis_.principals) {
    if (p.role != ledger::Role::kCustodian) continue;
    custodians.push_back({{"approval_key", p.approval_key}, {"id", p.id}, {"key", to_hex(p.key)}});
  }
  return {{"api", plan_.api},
          {"checkpoint", checkpoint_},
          {"custodians", std::move(custodians)},
          {"groups", std::move(groups)},
          {"name", plan_.name},
          {"origin", genesis_.origin},
          {"preset", std::string(to_string(genesis_.preset))},
          {"public", plan_.public_url},
          {"rehearsal", genesis_.rehearsal},
          {"server_key", to_hex(genesis_.server_key)},
          {"shares", std::move(shares)},
          {"token_class", genesis_.token.token_class},
          {"vault", to_hex(genesis_.vault)},
          {"vkey", genesis_.log_key}};
}

}  // namespace facekeep::tools
