#include "tests/support/vault_fixture.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "hsm/spare.h"
#include "tools/common/sshsig_sign.h"
#include "vault/base/digest.h"
#include "vault/ledger/sshsig.h"
#include "vault/seal/share_envelope.h"

namespace facekeep::test {
namespace {

// A fixture that can't be made is no test result: it ends the program with the reason.
template <class T>
T must(Result<T> r, const char* what) {
  if (r) return std::move(*r);
  std::fprintf(stderr, "fixture: %s: %s\n", what, r.error().message.c_str());
  std::abort();
}
void must(const Status& s, const char* what) {
  if (s) return;
  std::fprintf(stderr, "fixture: %s: %s\n", what, s.error().message.c_str());
  std::abort();
}

void normalise(Vector& v) {
  double norm = 0;
  for (const float x : v) norm += static_cast<double>(x) * x;
  for (float& x : v) x = static_cast<float>(x / std::sqrt(norm));
}

}  // namespace

ledger::SiteBudgets ample_budgets() {
  constexpr ledger::Budget kAmple{ledger::kMaxBurst, 1};
  return {kAmple, kAmple, kAmple, kAmple, 1, 1};
}

VaultFixture::VaultFixture(FixtureOptions options) {
  std::string pattern = (std::filesystem::temp_directory_path() / "facekeep-vault-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) must(make_error(Errc::kIo, "mkdtemp"), "directory");
  dir_ = pattern;
  module_ = options.module.empty() ? SoftHsm::module_path() : options.module;
  if (options.spare) hsm_.add_token(kSpareToken);
  must(hold_ceremony(options), "ceremony");
}

VaultFixture::~VaultFixture() {
  store.reset();
  slots.reset();
  custody.reset();
  std::error_code ec;
  std::filesystem::remove_all(dir_, ec);
}

Result<std::shared_ptr<hsm::SessionPool>> VaultFixture::open_token(const std::string& label) {
  return hsm::open_token(SoftHsm::uri_of(label, module_), SoftHsm::pin());
}

tools::Plan VaultFixture::make_plan(const FixtureOptions& o) {
  const auto new_key = [&](const std::string& id, http::KeyType type = http::KeyType::kP256) {
    keys_[id] = must(http::generate_key(type), "key");
    spki_[id] = must(http::spki_digest(keys_[id].get()), "spki");
    return spki_[id];
  };
  tools::Plan plan;
  plan.name = "test vault";
  plan.api = "https://127.0.0.1:8443";
  plan.public_url = "https://127.0.0.1:8444";
  plan.preset = o.preset;
  std::vector<std::string> groups = {"property", "residents"};
  if (o.preset == ledger::Preset::kOneGroup) groups = {"property"};
  for (const std::string& group : groups) {
    tools::PlannedGroup g{group, {}};
    for (int i = 1; i <= (o.preset == ledger::Preset::kSmall ? 2 : 3); ++i) {
      tools::PlannedCustodian c;
      c.id = group + "/" + std::to_string(i);
      c.name = "Custodian " + c.id;
      c.key = new_key(c.id);
      c.approval_key = ledger::format_ssh_key_line(must(ledger::ssh_key_from_evp(keys_[c.id].get()), "ssh key"));
      c.deputy = o.preset == ledger::Preset::kSmall && i == 2;
      g.custodians.push_back(std::move(c));
    }
    plan.groups.push_back(std::move(g));
  }
  const auto machine = [&](const std::string& id, ledger::Role role, std::vector<std::string> sites,
                           std::vector<std::string> doors) {
    tools::PlannedMachine m;
    m.name = "Machine " + id;
    m.record.id = id;
    m.record.role = role;
    m.record.key = new_key(id);
    m.record.sites = std::move(sites);
    m.record.doors = std::move(doors);
    plan.machines.push_back(std::move(m));
  };
  machine("operator/1", ledger::Role::kOperator, {"main"}, {});
  machine("operator/2", ledger::Role::kOperator, {"annex"}, {});
  machine("door/1", ledger::Role::kDoor, {"main"}, {"north", "south"});
  machine("door/2", ledger::Role::kDoor, {"annex"}, {"side"});
  machine("auditor/1", ledger::Role::kAuditor, {}, {});
  const auto camera = [&](const std::string& id, http::KeyType type, const std::string& site,
                          std::vector<std::string> doors) {
    tools::PlannedMachine m;
    m.name = "Machine " + id;
    m.record.id = id;
    m.record.role = ledger::Role::kCamera;
    m.record.key = new_key(id, type);
    m.record.signing_key = ledger::format_ssh_key_line(must(ledger::ssh_key_from_evp(keys_[id].get()), "ssh key"));
    m.record.sites = {site};
    m.record.doors = std::move(doors);
    plan.machines.push_back(std::move(m));
  };
  if (o.cameras) {
    camera("camera/1", http::KeyType::kP256, "main", {});
    camera("camera/2", http::KeyType::kEd25519, "main", {"south"});
    camera("camera/3", http::KeyType::kEd25519, "annex", {});
  }
  for (const auto& [id, doors] :
       {std::pair<std::string, std::vector<std::string>>{"main", {"north", "south"}}, {"annex", {"side"}}}) {
    ledger::Site s;
    s.id = id;
    s.purpose = "entry-control";
    s.alternative = "key-card";
    s.assessment_date = "2026-01-31";
    s.erase_daily = o.erase_daily;
    s.hide_subject = o.hide_subject;
    s.access_log_days = o.access_log_days;
    s.budgets = o.budgets;
    s.signed_probes_required = id == "main" && o.signed_probes_required;
    s.min_pad = id == "main" ? o.min_pad : 0;
    for (const auto& d : doors) s.doors.push_back({d, "entrance"});
    plan.sites.push_back(std::move(s));
  }
  for (const char* id : {"face", "other"})
    plan.models.push_back({id, 1, o.dimension, o.verify_threshold, o.identify_threshold});
  plan.rules = tools::default_rules(plan);
  plan.witnesses = o.witnesses;
  return plan;
}

Status VaultFixture::hold_ceremony(const FixtureOptions& options) {
  tools::Plan plan = make_plan(options);
  FK_TRY(auto pool, open_token());
  if (options.spare) {
    FK_TRY(const auto spare, open_token(kSpareToken));
    FK_TRY(const auto made, hsm::provision_spare(*spare, random_array<16>(), 1));
    plan.spare_key_pem = made.key.public_key.to_pem();
  }
  FK_TRY(const auto vault, tools::NewVault::draw(plan, pool, true));
  for (auto& card : vault->cards()) {
    for (const auto holder : card.holders) cards_[plan.groups[card.group].custodians[holder].id] = card.words.clone();
  }
  vault->forget_cards();
  FK_TRY(const std::string statement, ledger::genesis_statement(vault->genesis()));
  std::vector<ledger::GenesisSignature> signatures;
  for (const auto& g : plan.groups) {
    for (const auto& c : g.custodians) {
      FK_TRY(const Bytes blob, tools::make_sshsig(keys_[c.id].get(), ledger::kCeremonyNamespace, as_bytes(statement)));
      signatures.push_back({c.id, ledger::armor_sshsig(blob)});
    }
  }
  vault->set_signatures(std::move(signatures));
  FK_CHECK(vault->commit(dir(), clock));
  genesis_ = vault->genesis();
  return {};
}

Result<std::unique_ptr<Service>> VaultFixture::start(ServiceOptions options) {
  store::RocksOptions rocks;
  rocks.dir = dir() + "/db";
  FK_TRY(store, store::RocksStore::open(rocks));
  FK_TRY(slots, seal::SlotGenerations::open(dir() + "/keys", genesis_.vault));
  FK_TRY(auto pool, open_token());
  FK_TRY(custody, hsm::TokenCustody::open(std::move(pool), genesis_.vault));
  if (spare_attends) custody->attach_spare(open_token(kSpareToken));
  options.version = "test";
  if (options.export_dir.empty()) options.export_dir = dir() + "/exports";
  if (options.backup_dir.empty()) options.backup_dir = dir() + "/backups";
  options.allow_unlocked_memory = true;
  store::Store& used = around_store ? around_store(*store) : *store;
  Custody& token = around_custody ? around_custody(*custody) : *custody;
  return Service::start({used, token, *slots, clock}, std::move(options));
}

void VaultFixture::stop(std::unique_ptr<Service>& service) {
  service.reset();
  store.reset();
  slots.reset();
  custody.reset();
}

Bytes VaultFixture::sealed_share(Service& service, const std::string& card) {
  const auto to = service.sequencer().read([](const ledger::State& st) { return st.start().unseal_to; });
  return must(seal::seal_share(to, genesis_.vault, cards_.at(card)), "seal share");
}

Result<UnsealProgress> VaultFixture::hand_in(Service& service, const std::string& who) {
  return service.unseal(key(who), sealed_share(service, who));
}

Status VaultFixture::unseal(Service& service) {
  std::vector<std::string> who;
  for (const auto& g : genesis_.groups) {
    for (std::uint32_t i = 1; i <= g.threshold; ++i) who.push_back(g.id + "/" + std::to_string(i));
  }
  for (const auto& w : who)
    FK_CHECK([&]() -> Status {
      auto p = hand_in(service, w);
      return p ? Status() : Status(p.error());
    }());
  // Matching answers "refer" until the galleries are loaded.
  for (int i = 0; i < 5000; ++i) {
    FK_TRY(const SealStatus s, service.seal_status());
    if (s.templates_ready) return {};
    usleep(2000);
  }
  return make_error(Errc::kInternal, "the galleries did not load");
}

Vector VaultFixture::random_face(std::uint32_t dimension, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::normal_distribution<float> normal;
  Vector v(dimension);
  for (float& x : v) x = normal(rng);
  normalise(v);
  return v;
}

Vector VaultFixture::face_near(const Vector& v, double cosine, std::uint64_t seed) {
  Vector other = random_face(static_cast<std::uint32_t>(v.size()), seed);
  double dot = 0;
  for (std::size_t i = 0; i < v.size(); ++i) dot += static_cast<double>(v[i]) * other[i];
  for (std::size_t i = 0; i < v.size(); ++i) other[i] -= static_cast<float>(dot) * v[i];
  normalise(other);
  Vector out(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    out[i] = static_cast<float>(cosine * v[i] + std::sqrt(1 - cosine * cosine) * other[i]);
  }
  return out;
}

Json VaultFixture::consent(const std::string& until) {
  const std::string digest(64, 'a');
  return {{"controller", "Test Residents' Association"},
          {"purpose", "entry to the compound"},
          {"scopes", {"verify", "identify", "off_device_storage"}},
          {"notice", {{"digest", digest}, {"version", "1"}}},
          {"given_at", "2026-01-31T10:00:00Z"},
          {"means", "signed form"},
          {"evidence", digest},
          {"until", until},
          {"minor", false}};
}

}  // namespace facekeep::test
