// A chunk: up to 1,024 rows of a gallery, the unit of growth, locking and reclaiming.
//
// A row is a unit vector, padded with zeros, and what the scan must know of it. Slots below
// `published` are rows (a free one is all zero and in state kFree); those above are nobody's yet.
//
// Who may do what (writers are serialised by the gallery):
//   scan            holds `lock` shared, reads slots below `published`
//   append          writes slot `published`, then publishes it: no scan sees it before, none waits
//   change a row    (erase, reuse of a free slot) holds `lock` exclusively
//   state           atomic, so that suspending waits for nobody
// Destroyed, and so cleansed and unmapped, by whoever drops the last reference; `gone` says when.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <vector>

#include "vault/match/arena.h"
#include "vault/match/writer_first_lock.h"

namespace facekeep::match {

inline constexpr std::uint32_t kChunkRows = 1024;

enum class RowState : std::uint8_t { kFree, kLive, kSuspended };

struct Row {
  std::uint64_t order = 0;    // position in the log of its enrolment
  std::uint32_t subject = 0;  // the gallery's handle
  std::atomic<RowState> state{RowState::kFree};
};

class Chunk {
 public:
  // kExhausted as Arena::allocate.
  static Result<std::shared_ptr<Chunk>> create(Arena& arena, std::size_t padded, std::uint32_t capacity) {
    FK_TRY(ArenaBlock block, arena.allocate(padded * capacity * sizeof(float)));
    return std::make_shared<Chunk>(std::move(block), padded, capacity);
  }

  Chunk(ArenaBlock block, std::size_t padded_dimension, std::uint32_t slots)
      : padded(padded_dimension), capacity(slots), rows(slots), block_(std::move(block)) {
    free.reserve(slots);  // so that erasing never asks for memory
  }
  ~Chunk() {
    block_.reset();
    gone_.set_value();
  }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  [[nodiscard]] float* values(std::uint32_t slot) const {
    return reinterpret_cast<float*>(block_.data()) + std::size_t{slot} * padded;
  }
  // Ready when the memory has been cleansed and given back. Ask once.
  std::future<void> gone() { return gone_.get_future(); }

  const std::size_t padded;      // values in a row
  const std::uint32_t capacity;  // slots
  WriterFirstLock lock;
  std::atomic<std::uint32_t> published{0};
  std::vector<Row> rows;

  // Of the writers alone:
  std::vector<std::uint32_t> free;  // slots below `published` to use again
  std::uint32_t live = 0;

 private:
  ArenaBlock block_;
  std::promise<void> gone_;
};

using ChunkPtr = std::shared_ptr<Chunk>;
using ChunkList = std::vector<ChunkPtr>;

}  // namespace facekeep::match
