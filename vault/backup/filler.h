// Rows into a new store, some mebibytes a batch. One thread; the errors are the store's.
#pragma once

#include <utility>

#include "vault/backup/chain.h"
#include "vault/store/keys.h"
#include "vault/store/store.h"

namespace facekeep::backup {

class Filler {
 public:
  explicit Filler(store::Store& store) : store_(store) {}
  Status put(Bytes key, ByteView value) {
    bytes_ += key.size() + value.size();
    batch_.puts.push_back({std::move(key), to_bytes(value)});
    return bytes_ < kBatchBytes ? Status() : flush();
  }
  Status entry(const Chain::Entry& e) {
    for (const log::FullTile& t : e.completed) {
      FK_CHECK(put(store::keys::tile(static_cast<std::uint8_t>(t.level), t.index), t.hashes));
    }
    if (e.opening) FK_CHECK(put(store::keys::opening(e.index), *e.opening));
    batch_.head_after = e.index + 1;
    return put(store::keys::entry(e.index), e.bytes);
  }
  Status flush() {
    FK_CHECK(store_.commit(batch_, store::Urgency::kOrdinary));
    const std::uint64_t head = batch_.head_after;
    batch_ = {};
    batch_.head_before = batch_.head_after = head;
    bytes_ = 0;
    return {};
  }

 private:
  static constexpr std::size_t kBatchBytes = std::size_t{4} << 20;

  store::Store& store_;
  store::Batch batch_;
  std::size_t bytes_ = 0;
};

}  // namespace facekeep::backup
