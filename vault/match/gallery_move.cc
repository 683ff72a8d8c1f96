// Rows that move: from exact values to codes, and from two chunks into one. And the learning of a basis.
#include <algorithm>
#include <cstring>
#include <memory>

#include "vault/base/secret_bytes.h"
#include "vault/match/gallery.h"

namespace facekeep::match {

// Time to learn a new basis. If that fails, the gallery goes on with what it has.
void Gallery::learn() {
  book_->renew(templates(), [this](std::size_t count) { return learn_from(count); });
}

// From `count` rows of this gallery, spread over it; codes say enough about them.
Result<BasisPtr> Gallery::learn_from(std::size_t count) const {
  FK_TRY(const ArenaBlock block, around_.arena.allocate(count * padded_ * sizeof(float)));
  auto* rows = reinterpret_cast<float*>(block.data());
  const std::size_t total = templates();
  std::size_t seen = 0;
  std::size_t taken = 0;
  for (const ChunkPtr& chunk : *list_) {
    const std::uint32_t published = chunk->published.load(std::memory_order_relaxed);
    for (std::uint32_t slot = 0; slot < published && taken < count; ++slot) {
      if (chunk->rows[slot].state.load(std::memory_order_relaxed) == RowState::kFree) continue;
      if (seen++ * count / total < taken) continue;
      float* row = rows + taken++ * padded_;
      if (chunk->shape.values) {
        std::memcpy(row, chunk->values(slot), padded_ * sizeof(float));
      } else {
        Code code = chunk->code(slot);
        decode(*chunk->shape.basis, code, row);
        cleanse({reinterpret_cast<std::uint8_t*>(&code), sizeof(code)});
      }
    }
  }
  return Basis::learn(around_.arena, rows, taken, dimension_);
}

// The chunks of exact values become one of codes. If there is no memory for it, later.
void Gallery::code_all() {
  std::vector<ChunkPtr> old;
  std::uint32_t rows = 0;
  for (const ChunkPtr& chunk : *list_) {
    if (chunk->shape.basis) continue;
    rows += chunk->live;
    old.push_back(chunk);
  }
  auto made = Chunk::create(around_.arena, shape_on(book_->current()), std::max(rows, std::uint32_t{64}));
  if (!made || !move_into(old, *made)) return;
  swap_for(std::move(old), *made);
}

// With over half of the slots free, there are two chunks of a kind, mostly, whose rows fit into one.
void Gallery::merge_two() {
  ChunkList chunks = *list_;
  std::ranges::sort(chunks, {}, [](const ChunkPtr& chunk) { return chunk->live; });
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const ChunkPtr& a = chunks[i];
    const auto fits =
        std::find_if(chunks.begin() + static_cast<std::ptrdiff_t>(i) + 1, chunks.end(),
                     [&](const ChunkPtr& b) { return b->shape == a->shape && a->live + b->live <= a->shape.full(); });
    if (fits == chunks.end()) continue;
    std::vector<ChunkPtr> old = {a, *fits};
    const std::uint32_t rows = old[0]->live + old[1]->live;
    if (old[0]->capacity + old[1]->capacity <= rows + rows / 4 + 64) continue;  // nothing to gain
    auto made = Chunk::create(around_.arena, a->shape, std::min(rows + rows / 8 + 16, a->shape.full()));
    if (!made || !move_into(old, *made)) return;  // at the limit of the memory: later
    chunks.clear();
    swap_for(std::move(old), *made);
    return;
  }
}

// Copies the rows, in their order, from the first slot on. Nobody else knows `into` yet.
Status Gallery::move_into(std::span<const ChunkPtr> from, const ChunkPtr& into) {
  std::uint32_t next = 0;
  for (const ChunkPtr& chunk : from) {
    const std::uint32_t published = chunk->published.load(std::memory_order_relaxed);
    for (std::uint32_t slot = 0; slot < published; ++slot) {
      const Row& row = chunk->rows[slot];
      const RowState state = row.state.load(std::memory_order_relaxed);
      if (state == RowState::kFree) continue;
      Code code;
      if (chunk->shape.basis) {
        code = chunk->code(slot);
      } else {
        FK_CHECK(encode(*into->shape.basis, chunk->values(slot), code));
      }
      into->write(next, &code, chunk->shape.values ? chunk->values(slot) : nullptr);
      cleanse({reinterpret_cast<std::uint8_t*>(&code), sizeof(code)});
      into->rows[next].order = row.order;
      into->rows[next].subject = row.subject;
      into->rows[next].state.store(state, std::memory_order_relaxed);
      ++next;
    }
  }
  into->live = next;
  into->published.store(next, std::memory_order_release);
  return {};
}

// `into` takes the place of `old` in the list. Returns when the old ones are cleansed: before that nobody may be told
// that a template is gone. The scans that still see them let go soon.
void Gallery::swap_for(std::vector<ChunkPtr> old, const ChunkPtr& into) {
  ChunkList chunks = *list_;
  std::erase_if(chunks, [&](const ChunkPtr& chunk) { return std::ranges::find(old, chunk) != old.end(); });
  chunks.push_back(into);
  std::vector<std::future<void>> gone;
  for (const ChunkPtr& chunk : old) gone.push_back(chunk->gone());
  slots_ += into->capacity;
  List list = std::make_shared<const ChunkList>(std::move(chunks));
  {
    const std::lock_guard index(index_lock_);
    std::uint32_t first = 0;
    for (const ChunkPtr& chunk : old) {
      slots_ -= chunk->capacity;
      repoint(*chunk, *into, first);
      first += chunk->live;
    }
    list_.swap(list);
  }
  list.reset();
  old.clear();
  for (auto& future : gone) future.wait();
}

// `from`'s rows lie in `to` now, in their order, from slot `first` on.
void Gallery::repoint(const Chunk& from, Chunk& to, std::uint32_t first) {
  for (std::uint32_t slot = 0; slot < from.published.load(std::memory_order_relaxed); ++slot) {
    const Row& row = from.rows[slot];
    if (row.state.load(std::memory_order_relaxed) == RowState::kFree) continue;
    for (Place& place : subjects_[row.subject].places) {
      if (place.chunk == &from && place.slot == slot) {
        place = {&to, first};
        break;
      }
    }
    ++first;
  }
}

}  // namespace facekeep::match
