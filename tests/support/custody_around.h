// A Custody around another one, which it must not outlive: tests hold it up, or let it fail.
#pragma once

#include <functional>
#include <mutex>

#include "vault/seal/custody.h"

namespace facekeep::test {

class CustodyAround final : public Custody {
 public:
  explicit CustodyAround(Custody& inner) : inner_(inner) {}

  // Called before each wrap and each signature; an Error is the call's. Set it again at any time.
  using Before = std::function<Status()>;
  void before_wrap(Before f) { set(wrap_, std::move(f)); }
  void before_sign(Before f) { set(sign_, std::move(f)); }
  // Before each root, log or ticket key is made or destroyed.
  void before_root(Before f) { set(root_, std::move(f)); }

  Result<Bytes> wrap(std::uint32_t epoch, ByteView secret, ByteView context) override {
    FK_CHECK(run(wrap_));
    return inner_.wrap(epoch, secret, context);
  }
  Result<SecretBytes> unwrap(std::uint32_t epoch, ByteView blob, ByteView context) override {
    return inner_.unwrap(epoch, blob, context);
  }
  Result<RootEvidence> make_root(std::uint32_t epoch) override {
    FK_CHECK(run(root_));
    return inner_.make_root(epoch);
  }
  Status destroy_root(std::uint32_t epoch) override {
    FK_CHECK(run(root_));
    return inner_.destroy_root(epoch);
  }
  Result<bool> has_root(std::uint32_t epoch) override { return inner_.has_root(epoch); }
  Status make_ticket_key(std::uint32_t number) override {
    FK_CHECK(run(root_));
    return inner_.make_ticket_key(number);
  }
  Status destroy_ticket_key(std::uint32_t number) override {
    FK_CHECK(run(root_));
    return inner_.destroy_ticket_key(number);
  }
  Result<bool> has_ticket_key(std::uint32_t number) override { return inner_.has_ticket_key(number); }
  Result<Bytes> wrap_half(std::uint32_t number, ByteView half, ByteView context) override {
    FK_CHECK(run(wrap_));
    return inner_.wrap_half(number, half, context);
  }
  Result<SecretBytes> unwrap_half(std::uint32_t number, ByteView blob, ByteView context) override {
    return inner_.unwrap_half(number, blob, context);
  }
  Result<Bytes> wrap_to_spare(const SpareToken& spare, std::uint32_t epoch, ByteView secret,
                              ByteView context) override {
    return inner_.wrap_to_spare(spare, epoch, secret, context);
  }
  Result<SecretBytes> unwrap_spare(std::uint32_t epoch, ByteView blob, ByteView context) override {
    return inner_.unwrap_spare(epoch, blob, context);
  }
  Result<std::vector<LogPublicKey>> log_keys() override { return inner_.log_keys(); }
  Result<LogPublicKey> make_log_key() override {
    FK_CHECK(run(root_));
    return inner_.make_log_key();
  }
  Status destroy_log_key(ByteView public_key) override {
    FK_CHECK(run(root_));
    return inner_.destroy_log_key(public_key);
  }
  Result<Bytes> sign_checkpoint(ByteView public_key, ByteView message) override {
    FK_CHECK(run(sign_));
    return inner_.sign_checkpoint(public_key, message);
  }
  Result<std::optional<Anchor>> read_anchor() override { return inner_.read_anchor(); }
  Status write_anchor(const Anchor& anchor) override { return inner_.write_anchor(anchor); }
  Status restart_anchor(const Anchor& anchor) override { return inner_.restart_anchor(anchor); }
  Status ping() override { return inner_.ping(); }

 private:
  void set(Before& which, Before f) {
    const std::lock_guard lock(mutex_);
    which = std::move(f);
  }
  Status run(const Before& which) {
    Before f;
    {
      const std::lock_guard lock(mutex_);
      f = which;
    }
    return f ? f() : Status();
  }
  Custody& inner_;
  std::mutex mutex_;
  Before wrap_;
  Before sign_;
  Before root_;
};

}  // namespace facekeep::test
