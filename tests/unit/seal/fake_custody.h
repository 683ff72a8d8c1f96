// A token in memory for unit tests: real AES-256-GCM under one root key an epoch. The real one is
// tested in tests/unit/hsm.
#pragma once

#include <map>

#include "vault/seal/aead.h"
#include "vault/seal/custody.h"

namespace facekeep::test {

class FakeCustody final : public Custody {
 public:
  Result<Bytes> wrap(std::uint32_t epoch, ByteView secret, ByteView context) override {
    return root(epoch).seal(context, secret);
  }
  Result<SecretBytes> unwrap(std::uint32_t epoch, ByteView blob, ByteView context) override {
    return root(epoch).open(context, blob);
  }
  Result<RootEvidence> make_root(std::uint32_t epoch) override {
    root(epoch);
    return RootEvidence{"AES-256-GCM", true, true, true, false, true};
  }
  Status destroy_root(std::uint32_t epoch) override {
    return roots_.erase(epoch) == 1 ? Status() : Status(make_error(Errc::kNotFound, "no such root key"));
  }
  Result<bool> has_root(std::uint32_t epoch) override { return roots_.contains(epoch); }
  Result<std::vector<LogPublicKey>> log_keys() override { return unused(); }
  Result<LogPublicKey> make_log_key() override { return unused(); }
  Status destroy_log_key(ByteView) override { return unused(); }
  Result<Bytes> sign_checkpoint(ByteView, ByteView) override { return unused(); }
  Result<std::optional<Anchor>> read_anchor() override { return unused(); }
  Status restart_anchor(const Anchor&) override { return unused(); }
  Status write_anchor(const Anchor&) override { return unused(); }
  Status ping() override { return {}; }

 private:
  static Error unused() { return make_error(Errc::kHsm, "this token only wraps"); }
  seal::AeadKey& root(std::uint32_t epoch) {
    return roots_.try_emplace(epoch, seal::AeadKey::generate()).first->second;
  }
  std::map<std::uint32_t, seal::AeadKey> roots_;
};

}  // namespace facekeep::test
