// A token in memory for tests of what signs checkpoints and keeps the anchor: a real Ed25519 key, and
// faults on demand. The real one is tested in tests/unit/hsm.
#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "vault/base/result.h"
#include "vault/seal/custody.h"

namespace facekeep::test {

class MemoryCustody final : public Custody {
 public:
  MemoryCustody() { keys_.push_back(new_pair()); }

  // From now on signing and the anchor fail so; nothing: the token is back.
  void set_fault(std::optional<Error> fault) {
    const std::scoped_lock lock(mutex_);
    fault_ = std::move(fault);
  }
  void set_anchor(const Anchor& anchor) {
    const std::scoped_lock lock(mutex_);
    anchor_ = anchor;
  }
  unsigned signatures() const {
    const std::scoped_lock lock(mutex_);
    return signatures_;
  }

  // It only signs: nothing is wrapped in these tests.
  Result<Bytes> wrap(std::uint32_t, ByteView, ByteView) override { return make_error(Errc::kHsm, "no root key"); }
  Result<SecretBytes> unwrap(std::uint32_t, ByteView, ByteView) override {
    return make_error(Errc::kHsm, "no root key");
  }
  Result<RootEvidence> make_root(std::uint32_t epoch) override {
    const std::scoped_lock lock(mutex_);
    if (fault_) return *fault_;
    if (!roots_.insert(epoch).second) return make_error(Errc::kAlreadyExists, "the token already has the root key");
    return RootEvidence{"AES-256-GCM", true, true, true, false, true};
  }
  Status destroy_root(std::uint32_t epoch) override {
    const std::scoped_lock lock(mutex_);
    if (fault_) return *fault_;
    return roots_.erase(epoch) == 1 ? Status() : Status(make_error(Errc::kNotFound, "the token has no root key"));
  }
  Result<bool> has_root(std::uint32_t epoch) override {
    const std::scoped_lock lock(mutex_);
    if (fault_) return *fault_;
    return roots_.contains(epoch);
  }
  Result<std::vector<LogPublicKey>> log_keys() override {
    const std::scoped_lock lock(mutex_);
    if (fault_) return *fault_;
    std::vector<LogPublicKey> out;
    for (const Pair& key : keys_) out.push_back({NoteKeyType::kEd25519, public_half(key)});
    return out;
  }
  Result<LogPublicKey> make_log_key() override {
    const std::scoped_lock lock(mutex_);
    if (fault_) return *fault_;
    keys_.push_back(new_pair());
    return LogPublicKey{NoteKeyType::kEd25519, public_half(keys_.back())};
  }
  Status destroy_log_key(ByteView public_key) override {
    const std::scoped_lock lock(mutex_);
    if (fault_) return *fault_;
    const auto gone = std::erase_if(keys_, [&](const Pair& k) { return public_half(k) == to_bytes(public_key); });
    return gone == 1 ? Status() : Status(make_error(Errc::kNotFound, "the token has no such log key"));
  }
  Result<Bytes> sign_checkpoint(ByteView public_key, ByteView message) override {
    const std::scoped_lock lock(mutex_);
    if (fault_) return *fault_;
    const auto key =
        std::find_if(keys_.begin(), keys_.end(), [&](const Pair& k) { return public_half(k) == to_bytes(public_key); });
    if (key == keys_.end()) return make_error(Errc::kIntegrity, "the token does not have the log key");
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    Bytes out(64);
    std::size_t size = out.size();
    if (EVP_DigestSignInit(ctx.get(), nullptr, nullptr, nullptr, key->get()) != 1 ||
        EVP_DigestSign(ctx.get(), out.data(), &size, message.data(), message.size()) != 1) {
      return make_error(Errc::kCrypto, "sign");
    }
    ++signatures_;
    return out;
  }
  Result<std::optional<Anchor>> read_anchor() override {
    const std::scoped_lock lock(mutex_);
    if (fault_) return *fault_;
    return anchor_;
  }
  Status write_anchor(const Anchor& anchor) override {
    const std::scoped_lock lock(mutex_);
    if (fault_) return *fault_;
    anchor_ = anchor;
    return {};
  }
  Status restart_anchor(const Anchor& anchor) override { return write_anchor(anchor); }
  Status ping() override {
    const std::scoped_lock lock(mutex_);
    return fault_ ? Status(*fault_) : Status();
  }

 private:
  using Pair = std::shared_ptr<EVP_PKEY>;
  static Pair new_pair() { return {EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free}; }
  static Bytes public_half(const Pair& key) {
    Bytes raw(32);
    std::size_t size = raw.size();
    return EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) == 1 ? raw : Bytes();
  }

  mutable std::mutex mutex_;
  std::vector<Pair> keys_;
  std::optional<Error> fault_;
  std::optional<Anchor> anchor_;
  std::set<std::uint32_t> roots_{1};
  unsigned signatures_ = 0;
};

}  // namespace facekeep::test
