// A Store around another one, which it must not outlive: tests override what they want to see or to break.
#pragma once

#include "vault/store/store.h"

namespace facekeep::test {

class StoreAround : public store::Store {
 public:
  explicit StoreAround(store::Store& inner) : inner_(inner) {}
  Result<std::optional<Bytes>> get(ByteView key) const override { return inner_.get(key); }
  Status scan(ByteView prefix, ByteView from, const Visit& visit) const override {
    return inner_.scan(prefix, from, visit);
  }
  Status commit(const store::Batch& batch, store::Urgency urgency) override { return inner_.commit(batch, urgency); }
  Result<std::uint64_t> head() const override { return inner_.head(); }
  Result<std::unique_ptr<store::Snapshot>> snapshot() const override { return inner_.snapshot(); }
  Status check() const override { return inner_.check(); }

 private:
  store::Store& inner_;
};

}  // namespace facekeep::test
