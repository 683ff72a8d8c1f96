// The sequencer's part in a change of the log's key. The order is such that a crash leaves either the key before in
// force or all that verifiers need: entry, handover checkpoint, first checkpoint of the new key, end of the key before.
#include <algorithm>

#include "vault/log/merkle.h"
#include "vault/log/sequencer/handover.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/store/keys.h"

namespace facekeep::log {

// The key in force, and while its handover is not signed the one before, are in the token.
Status Sequencer::check_log_keys() {
  FK_TRY(const VerifierKey key, log_key_at(state_, durable_size()));
  FK_TRY(const auto present, custody_.log_keys());
  const auto has = [&](const Bytes& wanted) {
    return std::any_of(present.begin(), present.end(), [&](const LogPublicKey& k) { return k.bytes == wanted; });
  };
  if (!has(key.public_key)) {
    return make_error(Errc::kIntegrity, "the token's log-signing key is not the one that the log names",
                      "check that this is the vault's own token and database");
  }
  if (key.name != state_.current().origin) {
    return make_error(Errc::kIntegrity, "the log's key and its origin have different names");
  }
  const auto& handovers = state_.handovers();
  if (handed_over_ == handovers.size() || handovers.back().recovered) return {};
  FK_TRY(const VerifierKey before, parse_vkey(handovers.back().from));
  if (has(before.public_key)) return {};
  return make_error(Errc::kIntegrity,
                    "the log's key changed at entry " + std::to_string(handovers.back().entry) +
                        ", the checkpoint that both keys sign is missing, and the token has the key before no more",
                    "put the database back from a copy that has it, or restore it with an auditor's mirror");
}

Status Sequencer::hand_over(const TileTree& tree) {
  std::size_t done = 0;
  {
    const std::lock_guard lock(published_mutex_);
    done = handed_over_;
  }
  const auto due = read([&](const ledger::State& st) {
    const auto& all = st.handovers();
    return done < all.size() ? std::optional(all.back()) : std::nullopt;
  });
  if (!due) return {};
  const std::uint64_t size = due->entry + 1;
  FK_TRY(const Digest root, log::root_at(size, tree.hash_source(stored_tiles())));
  FK_TRY(const std::string note, sign_handover(*due, root, custody_));
  point("handover-signed");
  store::Batch batch;
  batch.puts.push_back({store::keys::checkpoint_at(size), to_bytes(as_bytes(note))});
  batch.head_before = batch.head_after = tree.size();
  FK_CHECK(store_.commit(batch, store::Urgency::kNarrowing));
  point("handover-stored");
  {
    const std::lock_guard lock(published_mutex_);
    ++handed_over_;
  }
  if (!due->recovered) old_key_ = due->from;
  return {};
}

Result<std::string> Sequencer::sign_newest(const TileTree& tree) {
  const auto newest = read([&](const ledger::State& st) {
    const auto& all = st.handovers();
    return !all.empty() && all.back().entry + 1 == tree.size() ? all.size() : 0;
  });
  if (newest > 0) return handover(newest);
  FK_TRY(const VerifierKey key, read([&](const ledger::State& st) { return log_key_at(st, tree.size()); }));
  return sign_checkpoint(Checkpoint{key.name, tree.size(), tree.root(), {}}, key,
                         [&](ByteView message) { return custody_.sign_checkpoint(key.public_key, message); });
}

void Sequencer::end_old_log_key() {
  const auto key = parse_vkey(*old_key_);
  const Status done = key ? custody_.destroy_log_key(key->public_key) : Status(key.error());
  if (done || done.error().code == Errc::kNotFound) {
    old_key_.reset();
    old_key_told_ = false;
    point("old-key-destroyed");
  } else if (!std::exchange(old_key_told_, true) && options_.on_old_log_key) {
    options_.on_old_log_key(done.error());
  }
}

// Those before, of a crash between a handover and their end, and those of an attempt that never came into the log.
Status Sequencer::end_other_log_keys() {
  FK_TRY(const VerifierKey key, log_key_at(state_, durable_size()));
  FK_TRY(const auto present, custody_.log_keys());
  for (const LogPublicKey& other : present) {
    if (other.bytes == key.public_key) continue;
    // A token that keeps it is no reason to keep the doors shut: it is told, and tried again at the next start.
    const Status done = custody_.destroy_log_key(other.bytes);
    if (!done && options_.on_old_log_key) options_.on_old_log_key(done.error());
  }
  old_key_.reset();
  return {};
}

Result<std::string> Sequencer::handover(std::uint64_t n) const {
  std::size_t stored = 0;
  {
    const std::lock_guard lock(published_mutex_);
    stored = handed_over_;
  }
  if (n == 0 || n > stored) {
    return make_problem(Errc::kNotFound, "not-found", "the log's key has not changed so often",
                        "the log is signed by one key from its beginning, or up to its last handover");
  }
  const std::uint64_t size = read([&](const ledger::State& st) { return st.handovers()[n - 1].entry; }) + 1;
  FK_TRY(const auto note, store_.get(store::keys::checkpoint_at(size)));
  if (!note) return make_error(Errc::kIntegrity, "the checkpoint of a handover is missing from the database");
  return std::string(as_chars(*note));
}

}  // namespace facekeep::log
