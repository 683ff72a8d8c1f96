// What a key ceremony makes, apart from the conversation: secrets drawn, genesis built, the vault
// committed. Nothing is durable before commit(); until then abandon() leaves no trace in the token.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hsm/token_custody.h"
#include "tools/facekeep/ceremony_cards.h"
#include "vault/ledger/person_name.h"
#include "vault/seal/site_key.h"

namespace facekeep::tools {

class NewVault {
 public:
  // Makes the token's keys and draws the vault's secrets. Nothing of it is in a file yet.
  static Result<std::unique_ptr<NewVault>> draw(const Plan& plan, std::shared_ptr<hsm::SessionPool> token,
                                                bool rehearsal);
  ~NewVault();  // takes the token's objects back unless committed

  [[nodiscard]] const ledger::Genesis& genesis() const { return genesis_; }
  [[nodiscard]] std::vector<DrawnCard>& cards() { return cards_; }
  void set_transcript(const Digest& digest) { genesis_.transcript = digest; }
  void set_signatures(std::vector<ledger::GenesisSignature> signatures) { genesis_.signatures = std::move(signatures); }

  // Every card must be proven before; forgets the words.
  void forget_cards() { cards_.clear(); }

  // Writes the vault: key slots, site keys, register, server key, entry 0, checkpoint, anchor; synced to
  // disk, the token's files included. kAlreadyExists if the directory holds a vault.
  // Commit points: a crash before entry 0 is durable leaves a directory that no daemon opens (remove it
  // and hold the ceremony again); after it the vault exists.
  Status commit(const std::string& dir);

  // The public notice (JSON): vault, origin, vkey, addresses, pin, groups, card commitments, and the first checkpoint,
  // so that a client's first contact is already held to this genesis.
  [[nodiscard]] Json notice() const;

 private:
  NewVault(const Plan& plan, std::shared_ptr<hsm::SessionPool> token) : plan_(plan), token_(std::move(token)) {}
  Status draw_cards();
  Status draw_keys();
  void add_principals();
  Status write_files(const std::string& dir);

  const Plan& plan_;
  const std::shared_ptr<hsm::SessionPool> token_;
  std::unique_ptr<hsm::TokenCustody> custody_;
  ledger::Genesis genesis_;
  std::vector<DrawnCard> cards_;
  std::vector<std::pair<std::string, seal::SealedSiteKey>> sealed_keys_;  // by site
  std::optional<seal::AeadKey> register_key_;
  ledger::PeopleNames register_;
  SecretBytes server_key_pem_;
  std::string checkpoint_;  // over entry 0
  bool committed_ = false;
};

}  // namespace facekeep::tools
