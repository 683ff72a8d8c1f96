// The sequencer: the only writer of the log.
//
// Every change and every access becomes durable here before anybody is answered (P3). One thread
// takes what has been submitted, decides each again in log order, applies the events, and commits the
// whole group with one batch and one fsync. Formats: vault/log/FORMAT.md.
//
// Commit points, and what a crash right after each leaves (the same recovery handles all):
//   applied       nothing on disk; memory is gone with the process
//   keys-written  new wrapped keys in slots that no event owns: recovery clears them
//   committed     the group is in the log, durable; keys of erased subjects may still be in their
//                 slots, which no event owns any more: recovery clears them
//   keys-erased   everything but the newer checkpoint; the next start signs one
//   checkpointed  nothing is missing; the submitters may not have heard of it
// With an entry that hands the log over to a new key, between keys-erased and checkpointed:
//   handover-signed  both keys have signed the checkpoint of the entry, and nobody has it: it is signed again
//   handover-stored  the key before is in the token still, and signs nothing any more: the next start destroys it
// and behind checkpointed, with the anchor written:
//   old-key-destroyed  nothing is missing
//
// A failed commit means "unknown": the sequencer halts for good, the process stops, reopens and
// re-derives. A token that stops signing halts it until the token signs again; nothing is lost.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "vault/base/clock.h"
#include "vault/ledger/state.h"
#include "vault/log/checkpoint.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/log/sequencer/slot_allocator.h"
#include "vault/log/tiles.h"
#include "vault/seal/custody.h"
#include "vault/seal/slot_generations.h"
#include "vault/store/store.h"

namespace facekeep::log {

// One event to be written.
struct Draft {
  ledger::Body body;
  // Access events only: seals salt || event for log position `index` under the monthly key. The bytes
  // become the stored opening.
  std::function<Result<Bytes>(std::uint64_t index, ByteView opening)> seal_opening;
};

// What one submitter wants written, atomically with its events.
struct Write {
  std::vector<Draft> drafts;
  std::vector<store::Batch::Put> puts;
  std::vector<Bytes> deletes;
  std::vector<seal::SlotWrite> new_keys;
  std::vector<std::uint32_t> dead_slots;  // overwritten before the submitter is woken
  bool checkpoint = false;                // sign one with this group, and anchor it (erasure, seal, governance)
  bool receipt = false;                   // sign one with this group: the submitter gives a receipt for it
  std::function<void()> after;            // in the sequencer's thread, when durable, before waking
};

// What a decision may look at, in log order and with the state locked.
struct Turn {
  const ledger::State& state;
  Instant now;
  std::uint64_t next_entry;  // position of the first event written by this decision
  SlotAllocator& slots;      // slots taken by a decision that then fails are given back
};
using Decide = std::function<Result<Write>(const Turn&)>;

// Where a write came to stand.
struct Committed {
  std::uint64_t entry = 0;  // position of the first event
  std::size_t count = 0;
  Instant at;
};

struct SequencerOptions {
  std::size_t max_group = 512;
  std::int64_t checkpoint_interval_ms = 1000;
  std::int64_t anchor_interval_ms = 60000;  // besides every group that asks for a checkpoint
  std::int64_t token_retry_ms = 2000;
  std::optional<ledger::BehindBackup> restored;  // a restore that the log does not have yet: recovery.h
  // The log has a new key, and the token did not destroy the one before: tried again with each checkpoint. Told once,
  // in the sequencer's thread.
  std::function<void(const Error& why)> on_old_log_key;
  std::function<void(const char*)> at_commit_point;  // fault tests stop the process here; backup_run.h has more
};

class Sequencer {
 public:
  // The parts must outlive the sequencer. Recovers (recovery.h), clears slots that no event owns, checks
  // the stored checkpoint and the token's anchor against the log, signs a checkpoint, and starts the
  // thread. kIntegrity with both positions if the log was rolled back or altered.
  static Result<std::unique_ptr<Sequencer>> open(store::Store& store, Custody& custody, seal::SlotGenerations& slots,
                                                 const Clock& clock, SequencerOptions options);
  ~Sequencer();  // finishes what was submitted
  Sequencer(const Sequencer&) = delete;
  Sequencer& operator=(const Sequencer&) = delete;

  // Blocks until the events are durable (and the checkpoint signed, if asked for) or the decision
  // refused. Any thread. kHalted with the reason once halted.
  Result<Committed> submit(const Decide& decide, store::Urgency urgency = store::Urgency::kOrdinary);

  // Many at once, in order, sharing as few commits as fit. One result each.
  std::vector<Result<Committed>> submit_all(const std::vector<Decide>& decisions,
                                            store::Urgency urgency = store::Urgency::kOrdinary);

  // Runs `f(const ledger::State&)` with the state locked against changes. Keep it short.
  template <class F>
  auto read(F&& f) const {
    const std::shared_lock lock(state_mutex_);
    return f(static_cast<const ledger::State&>(state_));
  }

  // Entries that are on stable storage. state().size() may run ahead by the group that is being written.
  [[nodiscard]] std::uint64_t durable_size() const { return tree()->size(); }

  // The latest published checkpoint (a signed note) with the cosignatures that it has by now; empty for a log
  // without entries. Nothing beyond its size is shown to anyone.
  [[nodiscard]] std::string checkpoint() const;
  [[nodiscard]] std::uint64_t published_size() const;
  // The newest checkpoint that a quorum of the witnesses has cosigned; empty if there is none.
  [[nodiscard]] std::string cosigned() const;
  // Cosignature lines over the published checkpoint of that size, which has no other root. Dropped if a newer one
  // is out. Checked by the caller, as is that of keep_cosigned: a checkpoint with its quorum, which is stored.
  void add_cosignatures(std::uint64_t size, std::string lines);
  Status keep_cosigned(std::string note, std::uint64_t size);
  // From here on no checkpoint is signed and no anchor moved but for a write that asks for it: nobody can fetch what is
  // written now, and a restore from a mirror must not be held to it.
  void publish_no_more() { quiet_ = true; }
  // Stops for good: something outside has shown that this log is not the newest.
  void stop_because(const Error& finding) { halt(finding, true); }

  // The checkpoint of the log's n-th change of its key, from 1. kNotFound.
  [[nodiscard]] Result<std::string> handover(std::uint64_t n) const;

  // A C2SP tlog-proof (proof.h) of an entry against the latest published checkpoint. Its extra data is the entry's
  // clear opening, if asked for and if the entry is a custody event. kNotFound behind the checkpoint.
  enum class Disclose : std::uint8_t { kNothing, kOpening };
  Result<std::string> receipt(std::uint64_t index, Disclose disclose) const;
  // Proofs and files of the public log. Sizes up to that of the latest published checkpoint.
  Result<std::vector<Digest>> inclusion(std::uint64_t index, std::uint64_t size) const;
  Result<std::vector<Digest>> consistency(std::uint64_t from, std::uint64_t to) const;
  Result<Digest> root_at(std::uint64_t size) const;
  Result<Bytes> tile(const TileId& id) const;
  Result<Bytes> bundle(const BundleId& id) const;
  Result<Bytes> entry(std::uint64_t index) const;

  // The reason if the sequencer is halted. `fatal`: the process must stop and start again.
  struct Halt {
    Error reason;
    bool fatal = false;
  };
  [[nodiscard]] std::optional<Halt> halted() const;

 private:
  struct Pending {
    const Decide* decide = nullptr;
    store::Urgency urgency = store::Urgency::kOrdinary;
    std::optional<Result<Committed>> result;
    std::function<void()> after;
    bool checkpoint = false;
    bool receipt = false;
    bool done = false;  // under queue_mutex_; the result may be taken
  };
  struct Group;

  Sequencer(store::Store& store, Custody& custody, seal::SlotGenerations& slots, const Clock& clock,
            SequencerOptions options);
  void run();
  std::vector<Pending*> next_group();
  Status room_for_narrowing(const Error& why);
  void commit_group(const std::vector<Pending*>& group);
  Status stage(Pending& p, Group& g);
  Status stage_event(const Draft& draft, Group& g);
  Status make_durable(Group& g);
  Status publish(bool anchor_now);
  void publish_if_due();
  Status hand_over(const TileTree& tree);  // signs and stores the checkpoint of a handover that has none yet
  // The checkpoint of all that there is: that of the handover just behind it, or signed now.
  Result<std::string> sign_newest(const TileTree& tree);
  Status check_log_keys();
  Status end_other_log_keys();  // before there is a thread: all but that in force
  void end_old_log_key();
  void halt(Error reason, bool fatal);
  void finish(const std::vector<Pending*>& group);
  void point(const char* name) const {
    if (options_.at_commit_point) options_.at_commit_point(name);
  }
  [[nodiscard]] TileReader stored_tiles() const;
  // As it is now, for as long as the caller keeps it: whoever reads tiles for a proof holds up no group.
  [[nodiscard]] std::shared_ptr<const TileTree> tree() const {
    const std::lock_guard lock(tree_mutex_);
    return tree_;
  }
  void set_tree(TileTree&& grown);

  store::Store& store_;
  Custody& custody_;
  seal::SlotGenerations& slots_;
  const Clock& clock_;
  const SequencerOptions options_;

  mutable std::shared_mutex state_mutex_;  // state_
  ledger::State state_;
  SlotAllocator allocator_;        // sequencer's thread only
  mutable std::mutex tree_mutex_;  // tree_: which one it points to
  std::shared_ptr<const TileTree> tree_ = std::make_shared<const TileTree>();
  mutable std::mutex published_mutex_;  // published_, cosigned_, halt_
  std::string published_;
  std::uint64_t published_size_ = 0;
  std::string cosignatures_;  // lines over published_
  std::string cosigned_;
  std::uint64_t cosigned_size_ = 0;
  std::optional<Halt> halt_;
  std::atomic<bool> quiet_{false};
  std::uint64_t last_publish_ms_ = 0;  // sequencer's thread only, uptime
  std::uint64_t last_anchor_ms_ = 0;
  std::size_t handed_over_ = 0;         // under published_mutex_: handovers whose checkpoint is stored
  std::optional<std::string> old_key_;  // sequencer's thread only, as the next: vkey of what the token is to destroy
  bool old_key_told_ = false;

  std::mutex queue_mutex_;  // queue_, stopping_
  std::condition_variable queue_wakes_;
  std::condition_variable done_wakes_;
  std::deque<Pending*> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace facekeep::log
