// A whole vault in a temporary directory: SoftHSM token, ceremony, store, slots, service. For tests of
// the service and of what happens to it.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "api/http/cert.h"
#include "hsm/token_custody.h"
#include "tests/support/softhsm.h"
#include "tools/facekeep/ceremony_vault.h"
#include "vault/service.h"
#include "vault/store/rocks_store.h"

namespace facekeep::test {

// A clock that tests set.
class TestClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return {wall.load(), uptime.load()}; }
  void advance(std::int64_t ms) {
    wall += ms;
    uptime += static_cast<std::uint64_t>(ms);
  }
  std::atomic<UnixMillis> wall{1795000000000};
  std::atomic<std::uint64_t> uptime{1};
};

// As large and as quick as budgets can be: for tests of something else, which ask more than people do.
ledger::SiteBudgets ample_budgets();

struct FixtureOptions {
  ledger::Preset preset = ledger::Preset::kStandard;
  std::uint32_t dimension = 64;
  std::int32_t verify_threshold = 500000;
  std::int32_t identify_threshold = 500000;
  std::uint32_t erase_daily = 50;
  bool hide_subject = false;
  std::uint32_t access_log_days = 90;
  std::optional<ledger::SiteBudgets> budgets = ample_budgets();  // nothing: the defaults
  std::optional<ledger::Witnesses> witnesses;
  // camera/1 (P-256; main), camera/2 (Ed25519; main, south alone), camera/3 (Ed25519; annex); and what main asks of
  // probes.
  bool cameras = false;
  bool signed_probes_required = false;
  std::uint32_t min_pad = 0;
  std::string module;  // another PKCS#11 module in front of the token; empty: SoftHSM's own
  bool spare = false;  // a spare token (kSpareToken), whose key genesis names
};

// Principals: property/1..3, residents/1..3, operator/1 (site main), operator/2 (site annex), door/1 (main:
// north, south), door/2 (annex: side), auditor/1. Models face and other, both of the same dimension.
class VaultFixture {
 public:
  explicit VaultFixture(FixtureOptions options = {});
  ~VaultFixture();

  // Opens files, token and service (sealed). The fixture keeps the parts; one at a time.
  Result<std::unique_ptr<Service>> start(ServiceOptions options = {});
  // The same with the parts given back, as a process that ends does.
  void stop(std::unique_ptr<Service>& service);
  Status unseal(Service& service);
  // One custodian's own card, sealed to this start.
  Result<UnsealProgress> hand_in(Service& service, const std::string& who);
  Bytes sealed_share(Service& service, const std::string& card);
  // Logs in to the main token, or another of those that were made here. While the vault runs it has its own.
  Result<std::shared_ptr<hsm::SessionPool>> open_token() { return open_token(main_token); }
  Result<std::shared_ptr<hsm::SessionPool>> open_token(const std::string& label);
  static constexpr const char* kMainToken = "facekeep-test";
  static constexpr const char* kSpareToken = "facekeep-spare";
  std::string main_token = kMainToken;  // with which the vault is started
  bool spare_attends = false;           // at the next start

  [[nodiscard]] const Digest& key(const std::string& principal) const { return spki_.at(principal); }
  // Its TLS key; a custodian's approval key too.
  [[nodiscard]] EVP_PKEY* private_key(const std::string& principal) const { return keys_.at(principal).get(); }
  [[nodiscard]] const seal::SecretWords& card(const std::string& who) const { return cards_.at(who); }
  [[nodiscard]] std::string dir() const { return (dir_ / "vault").string(); }
  [[nodiscard]] const SoftHsm& token() const { return hsm_; }
  [[nodiscard]] const ledger::Genesis& genesis() const { return genesis_; }

  // A random unit vector, and one at the given cosine to `v`.
  static Vector random_face(std::uint32_t dimension, std::uint64_t seed);
  static Vector face_near(const Vector& v, double cosine, std::uint64_t seed);
  static Json consent(const std::string& until = "2030-12-31");

  TestClock clock;
  // What start() gives to the service instead of `store`: something around it, which must outlive the service.
  std::function<store::Store&(store::RocksStore&)> around_store;
  // The same for the token.
  std::function<Custody&(hsm::TokenCustody&)> around_custody;
  std::unique_ptr<store::RocksStore> store;
  std::unique_ptr<seal::SlotGenerations> slots;
  std::unique_ptr<hsm::TokenCustody> custody;

 private:
  tools::Plan make_plan(const FixtureOptions& options);
  Status hold_ceremony(const FixtureOptions& options);

  SoftHsm hsm_;
  std::filesystem::path dir_;
  std::string module_;
  std::map<std::string, http::KeyPtr> keys_;
  std::map<std::string, Digest> spki_;
  std::map<std::string, seal::SecretWords> cards_;
  ledger::Genesis genesis_;
};

}  // namespace facekeep::test
