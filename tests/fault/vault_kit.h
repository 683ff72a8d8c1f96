// A vault made in another process, for tests that fork.
//
// A ceremony leaves threads of the store's engine in its process, and a forked child has none of them: it
// would wait for ever. So a process of its own holds the ceremony and keeps the folders until it is told
// to go; who forks knows only paths, cards and keys, and has opened nothing.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>

#include "tests/support/vault_fixture.h"

namespace facekeep::test {

class VaultKit {
 public:
  // Aborts with the reason if the vault can't be made. Preset small, whatever `options` says.
  explicit VaultKit(FixtureOptions options);
  ~VaultKit();  // the folders go
  VaultKit(const VaultKit&) = delete;
  VaultKit& operator=(const VaultKit&) = delete;

  [[nodiscard]] const std::string& dir() const { return dir_; }
  [[nodiscard]] const Digest& key(const std::string& principal) const { return keys_.at(principal); }
  [[nodiscard]] const Id128& vault() const { return vault_; }
  // The private key with which this custodian signs; the kit has it in memory alone.
  [[nodiscard]] EVP_PKEY* signing_key(const std::string& custodian) const { return signing_.at(custodian).get(); }
  // What opens the vault, by holder.
  using Cards = std::map<std::string, seal::SecretWords>;
  [[nodiscard]] const Cards& cards() const { return cards_; }

 private:
  friend class KitVault;
  void read_from(int fd);
  pid_t maker_ = -1;
  int hold_ = -1;  // the maker goes when this closes
  std::string dir_;
  std::string uri_;
  Id128 vault_{};
  std::map<std::string, Digest> keys_;
  std::map<std::string, http::KeyPtr> signing_;
  Cards cards_;
};

// The vault of a kit, opened in this process. One at a time.
class KitVault {
 public:
  explicit KitVault(const VaultKit& kit, Clock& clock) : kit_(kit), clock_(clock) {}
  ~KitVault() { stop(); }
  KitVault(const KitVault&) = delete;
  KitVault& operator=(const KitVault&) = delete;
  Status start(ServiceOptions options);
  // Both cards, of the ceremony's or of another set, then waits until every template is loaded or refused.
  Status unseal() { return unseal(kit_.cards()); }
  Status unseal(const VaultKit::Cards& cards);
  void stop();
  Service& operator*() const { return *service_; }
  Service* operator->() const { return service_.get(); }

  std::unique_ptr<store::RocksStore> store;
  std::unique_ptr<seal::SlotGenerations> slots;
  std::unique_ptr<hsm::TokenCustody> custody;

 private:
  const VaultKit& kit_;
  Clock& clock_;
  std::unique_ptr<Service> service_;
};

}  // namespace facekeep::test
