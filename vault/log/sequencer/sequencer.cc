#include "vault/log/sequencer/sequencer.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "vault/base/digest.h"
#include "vault/log/merkle.h"
#include "vault/log/sequencer/slot_owners.h"
#include "vault/store/keys.h"

namespace facekeep::log {
namespace {

// Slots in use that no event owns: a crash came between a key and its event, or between an erasure's
// event and the end of its key. Generations that no event knows: a crash came before a rotation began.
Status clear_orphans(seal::SlotGenerations& slots, const ledger::State& state) {
  std::set<std::uint32_t> known;
  for (const Generation& g : generations(state)) {
    known.insert(g.epoch);
    if (!slots.has(g.epoch)) {
      if (!g.needed) continue;
      return make_error(Errc::kIntegrity, "the key slots of root epoch " + std::to_string(g.epoch) + " are missing",
                        "put the slot files back; the log is not enough to open a vault");
    }
    FK_TRY(std::vector<std::uint32_t> used, slots.in_use(g.epoch));
    std::erase_if(used, [&](std::uint32_t slot) { return g.owned.contains(slot); });
    if (!used.empty()) FK_CHECK(slots.erase(g.epoch, used));
  }
  for (const std::uint32_t epoch : slots.epochs()) {
    if (!known.contains(epoch)) FK_CHECK(slots.retire(epoch));
  }
  return {};
}

}  // namespace

// What one group writes, gathered while its decisions are taken.
struct Sequencer::Group {
  Instant now;
  store::Batch batch;
  std::vector<seal::SlotWrite> new_keys;
  std::vector<std::uint32_t> dead_slots;
  std::vector<Pending*> staged;
  TileTree tree;  // becomes tree_ when the group is durable: its full tiles are in the store only then
  std::vector<FullTile> completed;
  bool checkpoint = false;
  bool receipt = false;
};

Sequencer::Sequencer(store::Store& store, Custody& custody, seal::SlotGenerations& slots, const Clock& clock,
                     SequencerOptions options)
    : store_(store), custody_(custody), slots_(slots), clock_(clock), options_(std::move(options)) {}

Result<std::unique_ptr<Sequencer>> Sequencer::open(store::Store& store, Custody& custody, seal::SlotGenerations& slots,
                                                   const Clock& clock, SequencerOptions options) {
  FK_TRY(Recovered r, recover(store, {}, options.restored));
  FK_TRY(const auto anchor, custody.read_anchor());
  if (anchor) {
    FK_CHECK(check_anchor(*anchor, r.tree, tile_reader(store)));
  } else if (r.tree.size() > 0) {
    return make_error(Errc::kIntegrity, "the token has no rollback anchor of this vault",
                      "this is another token, or its objects were removed; the log can't be shown to be the newest");
  }

  std::unique_ptr<Sequencer> s(new Sequencer(store, custody, slots, clock, std::move(options)));
  s->allocator_ = SlotAllocator(r.state.slots());
  s->state_ = std::move(r.state);
  s->set_tree(std::move(r.tree));
  s->handed_over_ = r.handovers;
  s->cosigned_ = std::move(r.cosigned_note);
  if (r.cosigned) s->cosigned_size_ = r.cosigned->size;
  if (s->durable_size() > 0) {
    FK_CHECK(s->check_log_keys());
    // Irreversible, so only once token and database are known to belong together.
    FK_CHECK(clear_orphans(slots, s->state_));
    FK_CHECK(s->publish(true));
    FK_CHECK(s->end_other_log_keys());
  }
  s->thread_ = std::thread([raw = s.get()] { raw->run(); });
  return s;
}

Sequencer::~Sequencer() {
  {
    const std::lock_guard lock(queue_mutex_);
    stopping_ = true;
  }
  queue_wakes_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<Committed> Sequencer::submit(const Decide& decide, store::Urgency urgency) {
  return std::move(submit_all({decide}, urgency).front());
}

std::vector<Result<Committed>> Sequencer::submit_all(const std::vector<Decide>& decisions, store::Urgency urgency) {
  std::vector<Pending> pending(decisions.size());
  std::vector<Result<Committed>> results;
  std::unique_lock lock(queue_mutex_);
  const auto h = halted();
  if (h || stopping_) {
    results.assign(decisions.size(), h ? h->reason : make_problem(Errc::kHalted, "halted", "the vault is stopping"));
    return results;
  }
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    pending[i].decide = &decisions[i];
    pending[i].urgency = urgency;
    queue_.push_back(&pending[i]);
  }
  queue_wakes_.notify_one();
  for (Pending& p : pending) {
    done_wakes_.wait(lock, [&] { return p.done; });
    results.push_back(std::move(*p.result));
  }
  return results;
}

std::vector<Sequencer::Pending*> Sequencer::next_group() {
  std::unique_lock lock(queue_mutex_);
  const auto tick = std::chrono::milliseconds(std::min(options_.checkpoint_interval_ms, options_.token_retry_ms));
  queue_wakes_.wait_for(lock, tick, [&] { return stopping_ || !queue_.empty(); });
  std::vector<Pending*> group;
  while (!queue_.empty() && group.size() < options_.max_group) {
    group.push_back(queue_.front());
    queue_.pop_front();
  }
  return group;
}

void Sequencer::run() {
  for (;;) {
    const std::vector<Pending*> group = next_group();
    if (!group.empty()) {
      commit_group(group);
      finish(group);
    }
    publish_if_due();
    const std::lock_guard lock(queue_mutex_);
    if (stopping_ && queue_.empty()) return;
  }
}

void Sequencer::finish(const std::vector<Pending*>& group) {
  {
    const std::lock_guard lock(queue_mutex_);
    for (Pending* p : group) {
      if (!p->result) p->result = make_error(Errc::kInternal, "a submission was left without an answer");
      p->done = true;
    }
  }
  done_wakes_.notify_all();
}

// On a full disk: an empty batch makes the store give up its ballast and says whether that is enough.
Status Sequencer::room_for_narrowing(const Error& why) {
  if (why.code != Errc::kOutOfSpace) {
    halt(why, true);
    return why;
  }
  store::Batch nothing;
  nothing.head_before = nothing.head_after = durable_size();
  Status room = store_.commit(nothing, store::Urgency::kNarrowing);
  if (!room && room.error().code != Errc::kOutOfSpace) halt(room.error(), true);
  return room;
}

void Sequencer::commit_group(const std::vector<Pending*>& group) {
  if (const auto h = halted()) {
    for (Pending* p : group) p->result = h->reason;
    return;
  }
  // Room is asked for before anything is applied, so that a full disk refuses and changes nothing.
  const Status ordinary = store_.check();
  const Status narrowing = ordinary ? Status() : room_for_narrowing(ordinary.error());
  Group g;
  g.now = clock_.now();
  g.tree = *tree();
  {
    const std::unique_lock lock(state_mutex_);
    g.batch.head_before = state_.size();
    for (Pending* p : group) {
      if (const Status& room = p->urgency == store::Urgency::kOrdinary ? ordinary : narrowing; !room) {
        p->result = room.error();
        continue;
      }
      if (auto ok = stage(*p, g); !ok) p->result = ok.error();
    }
    g.batch.head_after = state_.size();
  }
  if (const auto h = halted()) {
    // Also an event that a write's second or later draft could not follow: half of it is in memory, and none of
    // it may reach the disk.
    for (Pending* p : group) p->result = h->reason;
    return;
  }
  if (g.staged.empty()) return;
  point("applied");
  if (auto ok = make_durable(g); !ok) {
    halt(ok.error(),
         ok.error().code != Errc::kHsm && ok.error().code != Errc::kHsmGone && ok.error().code != Errc::kHsmPin);
    // Also the refused ones: what they were refused for may not be in the log.
    for (Pending* p : group) p->result = halted()->reason;
    return;
  }
  for (Pending* p : g.staged) {
    if (p->after) p->after();
  }
  if (g.checkpoint || g.receipt) {
    if (auto ok = publish(g.checkpoint); !ok) {
      halt(ok.error(), false);
      for (Pending* p : g.staged) {
        if (!p->checkpoint && !p->receipt) continue;
        p->result = make_problem(
            Errc::kHalted, "halted",
            "the change is in the log and durable, but its checkpoint could not be signed: " + ok.error().message,
            ok.error().hint);
      }
    }
  }
}

Status Sequencer::stage(Pending& p, Group& g) {
  const std::uint64_t first = state_.size();
  auto write = (*p.decide)(Turn{state_, g.now, first, allocator_});
  if (!write) {
    allocator_.give_back();
    return std::move(write).error();
  }
  for (const Draft& draft : write->drafts) {
    if (auto ok = stage_event(draft, g); !ok) {
      // The decision was taken on this very state: a fold that refuses it is a defect. Unless it was
      // the first event (nothing is applied yet), memory no longer agrees with anything: stop.
      if (state_.size() != first) halt(ok.error(), true);
      allocator_.give_back();
      return ok;
    }
  }
  allocator_.keep();
  // The store applies a batch's puts before its deletes; here a later write comes after an earlier one.
  for (const auto& put : write->puts) std::erase(g.batch.deletes, put.key);
  std::move(write->puts.begin(), write->puts.end(), std::back_inserter(g.batch.puts));
  std::move(write->deletes.begin(), write->deletes.end(), std::back_inserter(g.batch.deletes));
  std::move(write->new_keys.begin(), write->new_keys.end(), std::back_inserter(g.new_keys));
  g.dead_slots.insert(g.dead_slots.end(), write->dead_slots.begin(), write->dead_slots.end());
  p.checkpoint = write->checkpoint;
  p.receipt = write->receipt;
  g.checkpoint = g.checkpoint || write->checkpoint;
  g.receipt = g.receipt || write->receipt;
  p.after = std::move(write->after);
  p.result = Committed{first, write->drafts.size(), g.now};
  g.staged.push_back(&p);
  return {};
}

Status Sequencer::stage_event(const Draft& draft, Group& g) {
  const std::uint64_t index = state_.size();
  const ledger::Event event{g.now.wall, g.now.uptime_ms, draft.body};
  FK_TRY(std::string text, encode_event(event));
  const ledger::EventClass event_class = class_of(event.body);
  std::string leaf = text;
  std::optional<store::Batch::Put> opening;
  if (event_class != ledger::EventClass::kGovernance) {
    const auto salt = random_array<32>();
    leaf = private_leaf(event_class, ledger::commit(salt, text));
    Bytes clear = concat(salt, as_bytes(text));
    if (event_class == ledger::EventClass::kCustody) {
      clear.insert(clear.begin(), kOpeningClear);
      opening = {store::keys::opening(index), std::move(clear)};
    } else {
      FK_TRY(Bytes sealed, draft.seal_opening(index, clear));
      cleanse(clear);
      opening = {store::keys::opening(index), std::move(sealed)};
    }
  }
  FK_CHECK(apply(state_, event));
  if (opening) g.batch.puts.push_back(std::move(*opening));
  g.batch.puts.push_back({store::keys::entry(index), to_bytes(leaf)});
  g.tree.append(leaf_hash(as_bytes(leaf)), g.completed);
  return {};
}

Status Sequencer::make_durable(Group& g) {
  for (FullTile& tile : g.completed) {
    g.batch.puts.push_back(
        {store::keys::tile(static_cast<std::uint8_t>(tile.level), tile.index), std::move(tile.hashes)});
  }
  if (!g.new_keys.empty()) FK_CHECK(slots_.write(g.new_keys));
  point("keys-written");
  // What may not use the last of the disk was refused before it was applied; what is applied must not fail
  // for the few bytes that came between, since memory is ahead of the disk by now.
  FK_CHECK(store_.commit(g.batch, store::Urgency::kNarrowing));
  point("committed");
  set_tree(std::move(g.tree));
  if (!g.dead_slots.empty()) {
    FK_CHECK(slots_.erase(g.dead_slots));
    for (const std::uint32_t slot : g.dead_slots) allocator_.release(slot);
  }
  point("keys-erased");
  return {};
}

void Sequencer::set_tree(TileTree&& grown) {
  auto next = std::make_shared<const TileTree>(std::move(grown));
  const std::lock_guard lock(tree_mutex_);
  tree_.swap(next);
}

void Sequencer::halt(Error reason, bool fatal) {
  const std::lock_guard lock(published_mutex_);
  if (halt_ && halt_->fatal) return;
  halt_ =
      Halt{make_problem(Errc::kHalted, "halted", "the vault stopped answering: " + reason.message,
                        fatal ? "the daemon must be started again; it then re-derives its state from the log"
                              : (reason.hint.empty() ? "it goes on by itself once the cause is gone" : reason.hint)),
           fatal};
}

std::optional<Sequencer::Halt> Sequencer::halted() const {
  const std::lock_guard lock(published_mutex_);
  return halt_;
}

}  // namespace facekeep::log
