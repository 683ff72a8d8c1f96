// What the sequencer shows: checkpoints, receipts, and the files of the log up to the published size.
#include "vault/log/merkle.h"
#include "vault/log/proof.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/store/keys.h"

namespace facekeep::log {

Status Sequencer::publish(bool anchor_now) {
  const auto now_durable = tree();
  const std::uint64_t size = now_durable->size();
  const Digest root = now_durable->root();
  const Instant now = clock_.now();
  FK_CHECK(hand_over(*now_durable));
  FK_TRY(std::string note, sign_newest(*now_durable));
  const bool anchor_due = now.uptime_ms - last_anchor_ms_ >= static_cast<std::uint64_t>(options_.anchor_interval_ms);
  if (anchor_now || anchor_due) {
    // The token's files may lie on the same disk: what the store gives up serves them too.
    if (const Status room = store_.check(); !room) FK_CHECK(room_for_narrowing(room.error()));
    FK_CHECK(custody_.write_anchor(Anchor{size, root, now.wall}));
    last_anchor_ms_ = now.uptime_ms;
  }
  store::Batch batch;
  batch.puts.push_back({store::keys::checkpoint_latest(), to_bytes(note)});
  batch.head_before = batch.head_after = size;
  FK_CHECK(store_.commit(batch, store::Urgency::kNarrowing));
  last_publish_ms_ = now.uptime_ms;
  {
    const std::lock_guard lock(published_mutex_);
    published_ = std::move(note);
    // The same size has the same text, whatever the signature: what was cosigned stays so.
    if (size != published_size_) cosignatures_.clear();
    published_size_ = size;
    if (halt_ && !halt_->fatal) halt_.reset();
  }
  point("checkpointed");
  if (old_key_) end_old_log_key();
  return {};
}

void Sequencer::publish_if_due() {
  const std::uint64_t size = durable_size();
  if (size == 0 || quiet_) return;
  const auto h = halted();
  if (h && h->fatal) return;
  const auto since = static_cast<std::int64_t>(clock_.now().uptime_ms - last_publish_ms_);
  const bool due = size > published_size_ && since >= options_.checkpoint_interval_ms;
  if (!due && !h) return;
  if (auto ok = publish(h.has_value()); !ok) {
    const Errc code = ok.error().code;
    // The token may come back; a store that fails in the middle of a commit may not.
    halt(ok.error(), code == Errc::kIo || code == Errc::kIntegrity || code == Errc::kConflict);
  }
}

std::string Sequencer::checkpoint() const {
  const std::lock_guard lock(published_mutex_);
  return published_ + cosignatures_;
}

std::uint64_t Sequencer::published_size() const {
  const std::lock_guard lock(published_mutex_);
  return published_size_;
}

std::string Sequencer::cosigned() const {
  const std::lock_guard lock(published_mutex_);
  return cosigned_;
}

void Sequencer::add_cosignatures(std::uint64_t size, std::string lines) {
  const std::lock_guard lock(published_mutex_);
  if (size == published_size_) cosignatures_ = std::move(lines);
}

Status Sequencer::keep_cosigned(std::string note, std::uint64_t size) {
  {
    const std::lock_guard lock(published_mutex_);
    if (size < cosigned_size_) return {};
  }
  const auto stored = submit([&](const Turn&) -> Result<Write> {
    Write w;
    w.puts.push_back({store::keys::checkpoint_cosigned(), to_bytes(note)});
    return w;
  });
  if (!stored) return stored.error();
  const std::lock_guard lock(published_mutex_);
  cosigned_ = std::move(note);
  cosigned_size_ = size;
  return {};
}

Result<std::string> Sequencer::receipt(std::uint64_t index, Disclose disclose) const {
  Receipt r;
  r.index = index;
  std::uint64_t size = 0;
  {
    const std::lock_guard lock(published_mutex_);
    r.checkpoint = published_ + cosignatures_;
    size = published_size_;
  }
  if (index >= size) {
    return make_problem(Errc::kNotFound, "not-found", "the published checkpoint does not cover that entry",
                        "fetch /checkpoint: it says how many entries there are");
  }
  FK_TRY(r.hashes, inclusion(index, size));
  if (disclose == Disclose::kOpening) {
    FK_TRY(auto opening, store_.get(store::keys::opening(index)));
    if (opening && !opening->empty() && opening->front() == kOpeningClear) r.extra = std::move(*opening);
  }
  return format_receipt(r);
}

TileReader Sequencer::stored_tiles() const {
  return tile_reader(store_);
}

Result<std::vector<Digest>> Sequencer::inclusion(std::uint64_t index, std::uint64_t size) const {
  const auto t = tree();
  return inclusion_proof(index, size, t->hash_source(stored_tiles()));
}

Result<std::vector<Digest>> Sequencer::consistency(std::uint64_t from, std::uint64_t to) const {
  const auto t = tree();
  return consistency_proof(from, to, t->hash_source(stored_tiles()));
}

Result<Digest> Sequencer::root_at(std::uint64_t size) const {
  const auto t = tree();
  return log::root_at(size, t->hash_source(stored_tiles()));
}

Result<Bytes> Sequencer::tile(const TileId& id) const {
  return tree()->tile(id, stored_tiles());
}

Result<Bytes> Sequencer::entry(std::uint64_t index) const {
  FK_TRY(auto bytes, store_.get(store::keys::entry(index)));
  if (!bytes) return make_error(Errc::kNotFound, "no such log entry");
  return std::move(*bytes);
}

Result<Bytes> Sequencer::bundle(const BundleId& id) const {
  std::vector<Bytes> entries;
  for (unsigned i = 0; i < id.width; ++i) {
    FK_TRY(Bytes e, entry(id.index * kTileWidth + i));
    entries.push_back(std::move(e));
  }
  return encode_bundle(entries);
}

}  // namespace facekeep::log
