// Custody over a PKCS#11 token, and the steps of the key ceremony in it.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "hsm/keys.h"
#include "hsm/log_key.h"
#include "hsm/session_pool.h"
#include "vault/seal/custody.h"

namespace facekeep::hsm {

struct OpenOptions {
  std::string module_path;                // where the URI has no module-path
  std::optional<ExpectedToken> expected;  // the vault's token, from genesis; nothing at the ceremony
  PoolOptions pool;
};

// Module, token and pool in one step: parses the URI, loads the module, finds the token, checks that
// it is the expected one, and only then logs in, with one try of the PIN.
Result<std::shared_ptr<SessionPool>> open_token(std::string_view uri, SecretBytes pin, const OpenOptions& options = {});

struct ProvisionOptions {
  bool force_rsa = false;   // RSA-OAEP although the token has AES-GCM
  bool force_p256 = false;  // ECDSA P-256 although the token has EdDSA
};

// What genesis records of the token and its keys.
struct Provisioned {
  TokenIdentity token;
  KeyEvidence root;
  KeyEvidence log_key;
  NoteKeyType log_key_type = NoteKeyType::kEd25519;
  Bytes log_public_key;  // as LogPublicKey::bytes
};

// Makes root-<epoch> and the log key of a new vault. On failure, destroys what it made. kAlreadyExists
// (and nothing touched) if the token has an object of either label. On a token made of files, sync the
// file system before the ceremony commits.
Result<Provisioned> provision(SessionPool& pool, const Id128& vault, std::uint32_t epoch,
                              const ProvisionOptions& options = {});
// Destroys every object of this vault in the token (a ceremony that was given up); how many.
Result<std::size_t> unprovision(SessionPool& pool, const Id128& vault);
// Makes a further root key (rotation). kAlreadyExists if the token has one of this epoch.
Result<KeyEvidence> provision_root(SessionPool& pool, const Id128& vault, std::uint32_t epoch, bool force_rsa = false);

class TokenCustody final : public Custody {
 public:
  // Finds and checks the log keys of this vault: kNotFound if the token has none, kIntegrity if the
  // attributes of one are wrong. Root and ticket keys are found and checked when first used, and
  // again after a loss.
  static Result<std::unique_ptr<TokenCustody>> open(std::shared_ptr<SessionPool> pool, const Id128& vault);

  Result<Bytes> wrap(std::uint32_t epoch, ByteView secret, ByteView context) override;
  Result<SecretBytes> unwrap(std::uint32_t epoch, ByteView blob, ByteView context) override;
  Result<RootEvidence> make_root(std::uint32_t epoch) override;
  Status destroy_root(std::uint32_t epoch) override;
  Result<bool> has_root(std::uint32_t epoch) override;
  Status make_ticket_key(std::uint32_t number) override;
  Status destroy_ticket_key(std::uint32_t number) override;
  Result<bool> has_ticket_key(std::uint32_t number) override;
  Result<Bytes> wrap_half(std::uint32_t number, ByteView half, ByteView context) override;
  Result<SecretBytes> unwrap_half(std::uint32_t number, ByteView blob, ByteView context) override;
  Result<Bytes> wrap_to_spare(const SpareToken& spare, std::uint32_t epoch, ByteView secret, ByteView context) override;
  Result<SecretBytes> unwrap_spare(std::uint32_t epoch, ByteView blob, ByteView context) override;
  Result<std::vector<LogPublicKey>> log_keys() override;
  Result<LogPublicKey> make_log_key() override;
  Status destroy_log_key(ByteView public_key) override;
  Result<Bytes> sign_checkpoint(ByteView public_key, ByteView message) override;
  Result<std::optional<Anchor>> read_anchor() override;
  Status write_anchor(const Anchor& anchor) override;
  Status restart_anchor(const Anchor& anchor) override;
  Status ping() override;

  // The spare token for unwrap_spare, or why it is not open. Before other threads use this object.
  void attach_spare(Result<std::shared_ptr<SessionPool>> spare) { spare_ = std::move(spare); }

  // Evidence of root-<epoch>, read from the token now.
  Result<KeyEvidence> root_evidence(std::uint32_t epoch);
  [[nodiscard]] const TokenIdentity& token_identity() const { return pool_->token().identity(); }
  // Why the token is down, or nothing; asks nobody.
  [[nodiscard]] std::optional<Error> down() const { return pool_->down(); }

 private:
  template <class Key>
  struct Cached {
    std::uint64_t pool_epoch;
    std::shared_ptr<const Key> key;
  };
  TokenCustody(std::shared_ptr<SessionPool> pool, const Id128& vault) : pool_(std::move(pool)), vault_(vault) {}
  // Of root and ticket keys alike, by label; `number` is in the blob's header.
  Result<std::shared_ptr<const WrapKey>> wrap_key(Session& session, const std::string& label);
  Result<Bytes> wrap_under(const std::string& label, std::uint32_t number, ByteView secret, ByteView context);
  Result<SecretBytes> unwrap_under(const std::string& label, std::uint32_t number, ByteView blob, ByteView context);
  Status destroy_labelled(const std::string& label);
  Result<bool> has_labelled(const std::string& label);
  Result<std::shared_ptr<const LogKey>> log_key(Session& session, ByteView public_key);
  void forget_keys();
  template <class F>
  auto run_with_keys(F&& operation) -> std::invoke_result_t<F&, Session&>;

  const std::shared_ptr<SessionPool> pool_;
  const Id128 vault_;
  std::optional<Result<std::shared_ptr<SessionPool>>> spare_;
  std::mutex keys_mutex_;                             // wrap_keys_, log_keys_
  std::map<std::string, Cached<WrapKey>> wrap_keys_;  // by label
  std::map<Bytes, Cached<LogKey>> log_keys_;
  std::mutex anchor_mutex_;   // one anchor write at a time
  std::mutex log_key_mutex_;  // one is made or destroyed at a time
};

}  // namespace facekeep::hsm
