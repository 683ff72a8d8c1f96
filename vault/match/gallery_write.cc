// The writers' side of a gallery: add, remove, suspend, reclaim, close.
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>

#include "vault/base/secret_bytes.h"
#include "vault/match/gallery.h"

namespace facekeep::match {
namespace {

// A gallery starts small (a site of thirty people should not lock two megabytes) and grows by a quarter of what it has,
// up to whole chunks.
std::uint32_t next_capacity(std::size_t slots, std::uint32_t full) {
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(slots / 4, 64, full));
}

constexpr std::size_t kSpareSlots = 2048;  // free ones that are worth nobody's while

struct CleanseCode {
  void operator()(Code* code) const {
    cleanse({reinterpret_cast<std::uint8_t*>(code), sizeof(*code)});
    delete code;
  }
};

}  // namespace

ChunkShape Gallery::shape_on(BasisPtr basis) const {
  const bool values = basis == nullptr || around_.source == nullptr;
  return {dimension_, std::move(basis), values};
}

Status Gallery::add(const SubjectRef& ref, std::uint64_t order, const UnitVector& vector, bool suspended) {
  // Coding takes the longest, so other writers do not wait for it; on a basis that changes meanwhile it is done again.
  BasisPtr basis = book_->current();
  const std::unique_ptr<Code, CleanseCode> code(new Code());
  if (basis) FK_CHECK(encode(*basis, vector.data(), *code));
  const std::lock_guard writer(writers_);
  if (closed_.load(std::memory_order_relaxed)) return make_error(Errc::kSealed, "the gallery was closed");
  if (book_->due(templates())) learn();
  if (const BasisPtr now = book_->current(); now != basis) {
    basis = now;
    FK_CHECK(encode(*basis, vector.data(), *code));
  }
  if (basis && std::ranges::any_of(*list_, [](const ChunkPtr& chunk) { return !chunk->shape.basis; })) code_all();
  FK_TRY(const Place place, find_room(basis));
  Chunk& chunk = *place.chunk;
  Row& row = chunk.rows[place.slot];
  const bool reused = place.slot < chunk.published.load(std::memory_order_relaxed);
  const std::lock_guard index(index_lock_);
  const std::uint32_t subject = enter(ref, place);
  const std::lock_guard rows(chunk.lock);
  chunk.write(place.slot, basis ? code.get() : nullptr, vector.data());
  row.order = order;
  row.subject = subject;
  row.state.store(suspended ? RowState::kSuspended : RowState::kLive, std::memory_order_release);
  if (reused) {
    chunk.free.pop_back();
  } else {
    chunk.published.store(place.slot + 1, std::memory_order_release);
  }
  ++chunk.live;
  templates_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

// A slot that was never used first, then a free one, then a new chunk.
Result<Gallery::Place> Gallery::find_room(const BasisPtr& basis) {
  const ChunkShape shape = shape_on(basis);
  if (templates() < slots_) {
    const auto fresh = std::find_if(list_->rbegin(), list_->rend(), [&](const ChunkPtr& chunk) {
      return chunk->shape == shape && chunk->published.load(std::memory_order_relaxed) < chunk->capacity;
    });
    if (fresh != list_->rend()) return Place{fresh->get(), (*fresh)->published.load(std::memory_order_relaxed)};
    const auto used = std::ranges::find_if(
        *list_, [&](const ChunkPtr& chunk) { return chunk->shape == shape && !chunk->free.empty(); });
    if (used != list_->end()) return Place{used->get(), (*used)->free.back()};
  }
  FK_TRY(ChunkPtr chunk, Chunk::create(around_.arena, shape, next_capacity(slots_, shape.full())));
  const Place place{chunk.get(), 0};
  ChunkList chunks = *list_;
  chunks.push_back(std::move(chunk));
  replace_list(std::move(chunks));
  return place;
}

// Notes the place under the subject's handle, which it returns. If memory runs out, nothing that
// anybody sees has changed.
std::uint32_t Gallery::enter(const SubjectRef& ref, Place place) {
  if (const auto found = handles_.find(ref); found != handles_.end()) {
    subjects_[found->second].places.push_back(place);
    return found->second;
  }
  std::vector<Place> places = {place};
  if (free_handles_.empty()) {
    // Room for every handle, so that erasing never asks for memory.
    if (free_handles_.capacity() <= subjects_.size()) free_handles_.reserve(2 * subjects_.size() + 16);
    subjects_.emplace_back();
    free_handles_.push_back(static_cast<std::uint32_t>(subjects_.size() - 1));
  }
  const std::uint32_t handle = free_handles_.back();
  handles_.emplace(ref, handle);
  free_handles_.pop_back();
  subjects_[handle].ref = ref;
  subjects_[handle].places = std::move(places);
  return handle;
}

std::size_t Gallery::remove(const SubjectRef& ref) {
  const std::lock_guard writer(writers_);
  const auto found = handles_.find(ref);
  if (found == handles_.end()) return 0;
  std::size_t count = 0;
  {
    const std::lock_guard index(index_lock_);
    Subject& subject = subjects_[found->second];
    for (const Place& place : subject.places) wipe(place);
    count = subject.places.size();
    subject = Subject{};
    free_handles_.push_back(found->second);
    handles_.erase(found);
  }
  templates_.fetch_sub(count, std::memory_order_relaxed);
  reclaim();
  return count;
}

void Gallery::wipe(Place place) {
  Chunk& chunk = *place.chunk;
  const std::lock_guard rows(chunk.lock);  // waits for the scans of this chunk
  chunk.wipe(place.slot);
  chunk.free.push_back(place.slot);
  --chunk.live;
}

void Gallery::suspend(const SubjectRef& ref, bool suspended) {
  const std::lock_guard writer(writers_);
  const auto found = handles_.find(ref);
  if (found == handles_.end()) return;
  for (const Place& place : subjects_[found->second].places) {
    place.chunk->rows[place.slot].state.store(suspended ? RowState::kSuspended : RowState::kLive,
                                              std::memory_order_release);
  }
}

// The old list is let go of outside the lock: it may be the last holder of a chunk.
void Gallery::replace_list(ChunkList chunks) {
  slots_ = std::accumulate(chunks.begin(), chunks.end(), std::size_t{0},
                           [](std::size_t sum, const ChunkPtr& chunk) { return sum + chunk->capacity; });
  List list = std::make_shared<const ChunkList>(std::move(chunks));
  const std::lock_guard index(index_lock_);
  list_.swap(list);
}

// Gives memory back if it can. What was to be erased is erased already, so failing here is fine.
void Gallery::reclaim() {
  try {
    drop_empty_chunks();
    if (slots_ > 2 * templates() + kSpareSlots) merge_two();
  } catch (const std::bad_alloc&) {
    return;
  }
}

void Gallery::drop_empty_chunks() {
  const auto empty = [](const ChunkPtr& chunk) { return chunk->live == 0; };
  if (std::ranges::none_of(*list_, empty)) return;
  ChunkList chunks = *list_;
  std::erase_if(chunks, empty);
  replace_list(std::move(chunks));
}

void Gallery::close() {
  const std::lock_guard writer(writers_);
  closed_.store(true, std::memory_order_release);
  std::vector<std::future<void>> gone;
  for (const ChunkPtr& chunk : *list_) gone.push_back(chunk->gone());
  // In one step: whoever finds a place in the index finds its chunk alive. What was there is let go of behind the lock.
  List list = std::make_shared<const ChunkList>();
  decltype(handles_) handles;
  decltype(subjects_) subjects;
  {
    const std::lock_guard index(index_lock_);
    list_.swap(list);
    handles_.swap(handles);
    subjects_.swap(subjects);
  }
  list.reset();
  free_handles_.clear();
  slots_ = 0;
  templates_.store(0, std::memory_order_relaxed);
  for (auto& future : gone) future.wait();
}

}  // namespace facekeep::match
