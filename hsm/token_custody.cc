#include "hsm/token_custody.h"

#include <unistd.h>

#include <algorithm>

#include "hsm/anchor.h"
#include "hsm/spare.h"
#include "hsm/wrap.h"

namespace facekeep::hsm {

Result<std::shared_ptr<SessionPool>> open_token(std::string_view text, SecretBytes pin, const OpenOptions& options) {
  FK_TRY(TokenUri uri, parse_token_uri(text));
  const std::string& path = uri.module_path.empty() ? options.module_path : uri.module_path;
  if (path.empty()) {
    return make_error(Errc::kInvalidArgument, "nothing says which PKCS#11 module serves the token",
                      "add module-path=/... to the token's URI");
  }
  FK_TRY(auto module, Module::load(path));
  FK_TRY(auto token, Token::open(std::move(module), std::move(uri), std::move(pin), options.expected));
  return SessionPool::open(std::move(token), options.pool);
}

Result<Provisioned> provision(SessionPool& pool, const Id128& vault, std::uint32_t epoch,
                              const ProvisionOptions& options) {
  FK_CHECK(pool.run(Repeat::kSafe, [&](Session& s) -> Status {
    FK_CHECK(require_free_label(s, root_label(vault, epoch)));
    return require_free_label(s, log_label(vault));
  }));
  FK_TRY(auto root, create_wrap_key(pool, root_label(vault, epoch), options.force_rsa));
  auto log_key = create_log_key(pool, vault, options.force_p256);
  if (!log_key) {
    (void)destroy_key(pool, root_label(vault, epoch));
    return std::move(log_key).error();
  }
  return Provisioned{pool.token().identity(), std::move(root.evidence), std::move(log_key->evidence), log_key->type,
                     std::move(log_key->public_key)};
}

Result<std::size_t> unprovision(SessionPool& pool, const Id128& vault) {
  return destroy_all(pool, vault);
}

Result<KeyEvidence> provision_root(SessionPool& pool, const Id128& vault, std::uint32_t epoch, bool force_rsa) {
  FK_TRY(auto root, create_wrap_key(pool, root_label(vault, epoch), force_rsa));
  return std::move(root.evidence);
}

Result<std::unique_ptr<TokenCustody>> TokenCustody::open(std::shared_ptr<SessionPool> pool, const Id128& vault) {
  std::unique_ptr<TokenCustody> custody(new TokenCustody(std::move(pool), vault));
  FK_CHECK(custody->log_keys());
  return custody;
}

Result<std::shared_ptr<const WrapKey>> TokenCustody::wrap_key(Session& s, const std::string& label) {
  {
    const std::lock_guard lock(keys_mutex_);
    const auto it = wrap_keys_.find(label);
    if (it != wrap_keys_.end() && it->second.pool_epoch == s.epoch) return std::shared_ptr(it->second.key);
  }
  FK_TRY(WrapKey found, find_wrap_key(s, label));
  auto key = std::make_shared<const WrapKey>(std::move(found));
  const std::lock_guard lock(keys_mutex_);
  wrap_keys_.insert_or_assign(label, Cached<WrapKey>{s.epoch, key});
  return key;
}

Result<std::shared_ptr<const LogKey>> TokenCustody::log_key(Session& s, ByteView public_key) {
  Bytes name = to_bytes(public_key);
  {
    const std::lock_guard lock(keys_mutex_);
    const auto it = log_keys_.find(name);
    if (it != log_keys_.end() && it->second.pool_epoch == s.epoch) return std::shared_ptr(it->second.key);
  }
  FK_TRY(std::vector<LogKey> all, find_log_keys(s, vault_));
  const auto found = std::find_if(all.begin(), all.end(), [&](const LogKey& k) { return k.public_key == name; });
  if (found == all.end()) {
    return make_error(Errc::kIntegrity, "the token does not have the log-signing key that the log names",
                      "it is another token, or someone exchanged the key pair; look before you go on");
  }
  auto key = std::make_shared<const LogKey>(std::move(*found));
  const std::lock_guard lock(keys_mutex_);
  log_keys_.insert_or_assign(std::move(name), Cached<LogKey>{s.epoch, key});
  return key;
}

void TokenCustody::forget_keys() {
  const std::lock_guard lock(keys_mutex_);
  wrap_keys_.clear();
  log_keys_.clear();
}

// A handle may go stale without its session (the key was destroyed, or the token renumbered it): look
// the key up again, once.
template <class F>
auto TokenCustody::run_with_keys(F&& operation) -> std::invoke_result_t<F&, Session&> {
  ck_rv_t code = CKR_OK;
  const auto watched = [&](Session& s) {
    auto result = operation(s);
    code = result ? CKR_OK : s.calls.failure().code;
    return result;
  };
  auto result = pool_->run(Repeat::kSafe, watched);
  if (code != CKR_KEY_HANDLE_INVALID && code != CKR_OBJECT_HANDLE_INVALID) return result;
  forget_keys();
  return pool_->run(Repeat::kSafe, watched);
}

Result<Bytes> TokenCustody::wrap_under(const std::string& label, std::uint32_t number, ByteView secret,
                                       ByteView context) {
  return run_with_keys([&](Session& s) -> Result<Bytes> {
    FK_TRY(const auto key, wrap_key(s, label));
    return wrap_secret(s, *key, number, secret, context);
  });
}

Result<SecretBytes> TokenCustody::unwrap_under(const std::string& label, std::uint32_t number, ByteView blob,
                                               ByteView context) {
  FK_CHECK(open_envelope(number, blob));  // what a stranger wrote costs the token nothing
  return run_with_keys([&](Session& s) -> Result<SecretBytes> {
    FK_TRY(const auto key, wrap_key(s, label));
    return unwrap_secret(s, *key, number, blob, context);
  });
}

Result<Bytes> TokenCustody::wrap(std::uint32_t epoch, ByteView secret, ByteView context) {
  return wrap_under(root_label(vault_, epoch), epoch, secret, context);
}

Result<SecretBytes> TokenCustody::unwrap(std::uint32_t epoch, ByteView blob, ByteView context) {
  return unwrap_under(root_label(vault_, epoch), epoch, blob, context);
}

Result<Bytes> TokenCustody::wrap_half(std::uint32_t number, ByteView half, ByteView context) {
  return wrap_under(ticket_label(vault_, number), number, half, context);
}

Result<SecretBytes> TokenCustody::unwrap_half(std::uint32_t number, ByteView blob, ByteView context) {
  return unwrap_under(ticket_label(vault_, number), number, blob, context);
}

Result<Bytes> TokenCustody::wrap_to_spare(const SpareToken& spare, std::uint32_t epoch, ByteView secret,
                                          ByteView context) {
  FK_TRY(const SpareKey key, import_spare(spare.pem));
  if (key.fingerprint != spare.fingerprint) {
    return make_error(Errc::kIntegrity, "the stored key of the spare token is not the one that genesis names",
                      "the database was changed from outside: restore it");
  }
  return hsm::wrap_to_spare(key, epoch, secret, context);
}

Result<SecretBytes> TokenCustody::unwrap_spare(std::uint32_t epoch, ByteView blob, ByteView context) {
  if (!spare_) {
    return make_error(
        Errc::kFailedPrecondition, "the configuration names no spare token",
        "plug the spare token in, set token.spare and where its PIN comes from, and start the daemon again");
  }
  if (!*spare_) return spare_->error();
  return unwrap_with_spare(***spare_, epoch, blob, context);
}

Result<std::vector<LogPublicKey>> TokenCustody::log_keys() {
  FK_TRY(std::vector<LogKey> found, pool_->run(Repeat::kSafe, [&](Session& s) { return find_log_keys(s, vault_); }));
  if (found.empty()) return make_error(Errc::kNotFound, "the token has no object " + log_label(vault_));
  std::vector<LogPublicKey> out;
  for (LogKey& key : found) out.push_back({key.type, std::move(key.public_key)});
  return out;
}

Result<LogPublicKey> TokenCustody::make_log_key() {
  const std::lock_guard lock(log_key_mutex_);
  FK_TRY(const auto present, log_keys());
  FK_TRY(const auto numbers, pool_->run(Repeat::kSafe, [&](Session& s) { return log_key_numbers(s, vault_); }));
  const bool p256 = present.back().type == NoteKeyType::kEcdsaP256;
  FK_TRY(LogKey made, create_log_key(*pool_, vault_, p256, numbers.back() + 1));
  ::sync();
  return LogPublicKey{made.type, std::move(made.public_key)};
}

Status TokenCustody::destroy_log_key(ByteView public_key) {
  const std::lock_guard lock(log_key_mutex_);
  forget_keys();
  FK_TRY(const auto all, pool_->run(Repeat::kSafe, [&](Session& s) { return find_log_keys(s, vault_); }));
  for (const LogKey& key : all) {
    if (key.public_key != to_bytes(public_key)) continue;
    FK_CHECK(destroy_key(*pool_, key.evidence.label));
    ::sync();
    return {};
  }
  return make_error(Errc::kNotFound, "the token has no such log key");
}

Result<Bytes> TokenCustody::sign_checkpoint(ByteView public_key, ByteView message) {
  return run_with_keys([&](Session& s) -> Result<Bytes> {
    FK_TRY(const auto key, log_key(s, public_key));
    return sign_message(s, *key, message);
  });
}

Result<std::optional<Anchor>> TokenCustody::read_anchor() {
  return hsm::read_anchor(*pool_, vault_);
}

Status TokenCustody::write_anchor(const Anchor& anchor) {
  const std::lock_guard lock(anchor_mutex_);
  return hsm::write_anchor(*pool_, vault_, anchor);
}

Status TokenCustody::restart_anchor(const Anchor& anchor) {
  const std::lock_guard lock(anchor_mutex_);
  return hsm::restart_anchor(*pool_, vault_, anchor);
}

Status TokenCustody::ping() {
  return pool_->check();
}

// A token made of files (SoftHSM) never syncs them: all file systems are, before the log builds on what was done.
Result<RootEvidence> TokenCustody::make_root(std::uint32_t epoch) {
  FK_TRY(const KeyEvidence made, provision_root(*pool_, vault_, epoch));
  ::sync();
  return RootEvidence{made.mechanism,        made.local,       made.sensitive,
                      made.always_sensitive, made.extractable, made.never_extractable};
}

Status TokenCustody::destroy_labelled(const std::string& label) {
  forget_keys();
  FK_CHECK(destroy_key(*pool_, label));
  ::sync();
  return {};
}

Result<bool> TokenCustody::has_labelled(const std::string& label) {
  return pool_->run(Repeat::kSafe, [&](Session& s) -> Result<bool> {
    const Status free = require_free_label(s, label);
    if (free) return false;
    if (free.error().code == Errc::kAlreadyExists) return true;
    return free.error();
  });
}

Status TokenCustody::destroy_root(std::uint32_t epoch) {
  return destroy_labelled(root_label(vault_, epoch));
}

Result<bool> TokenCustody::has_root(std::uint32_t epoch) {
  return has_labelled(root_label(vault_, epoch));
}

Status TokenCustody::make_ticket_key(std::uint32_t number) {
  FK_CHECK(create_wrap_key(*pool_, ticket_label(vault_, number), false));
  ::sync();
  return {};
}

Status TokenCustody::destroy_ticket_key(std::uint32_t number) {
  return destroy_labelled(ticket_label(vault_, number));
}

Result<bool> TokenCustody::has_ticket_key(std::uint32_t number) {
  return has_labelled(ticket_label(vault_, number));
}

Result<KeyEvidence> TokenCustody::root_evidence(std::uint32_t epoch) {
  FK_TRY(WrapKey key,
         pool_->run(Repeat::kSafe, [&](Session& s) { return find_wrap_key(s, root_label(vault_, epoch)); }));
  return std::move(key.evidence);
}

}  // namespace facekeep::hsm
