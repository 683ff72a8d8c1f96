// A chunk: some rows of a gallery, the unit of growth, locking and reclaiming.
//
// A row is a template: its code (code.h), or its exact values, or both, and what the scan must know of it. Slots below
// `published` are rows (a free one is all zero and in state kFree); those above are nobody's yet.
//
// Who may do what (writers are serialised by the gallery):
//   scan            holds `lock` shared for 1,024 rows at a time, reads slots below `published`
//   change a row    (append, erase, reuse of a free slot) holds `lock` exclusively: codes of 16 rows lie interleaved
//   state           atomic, so that suspending waits for nobody
// Destroyed, and so cleansed and unmapped, by whoever drops the last reference; `gone` says when.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <vector>

#include "vault/match/arena.h"
#include "vault/match/code.h"
#include "vault/match/writer_first_lock.h"

namespace facekeep::match {

// Rows that a scan looks at under one hold of the lock.
inline constexpr std::uint32_t kScanRows = 1024;
// What a full chunk takes, if it has codes: one huge page.
inline constexpr std::size_t kChunkBytes = std::size_t{2} << 20;

enum class RowState : std::uint8_t { kFree, kLive, kSuspended };

struct Row {
  std::uint64_t order = 0;    // position in the log of its enrolment
  std::uint32_t subject = 0;  // the gallery's handle
  float scale = 0;            // of its code
  float error = 0;
  std::atomic<RowState> state{RowState::kFree};
};

// What all rows of a chunk have. At least one of the two.
struct ChunkShape {
  std::size_t dimension = 0;
  BasisPtr basis;       // none: no codes
  bool values = false;  // exact values
  bool operator==(const ChunkShape&) const = default;
  // Rows of a full chunk, a multiple of 16.
  [[nodiscard]] std::uint32_t full() const;
};

class Chunk {
 public:
  // `capacity` is rounded up to a multiple of 16. kExhausted as Arena::allocate.
  static Result<std::shared_ptr<Chunk>> create(Arena& arena, const ChunkShape& shape, std::uint32_t capacity);

  Chunk(ChunkShape shape, std::uint32_t slots, ArenaBlock codes, ArenaBlock values);
  ~Chunk();
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  // Precondition of each: the shape has values, or codes.
  [[nodiscard]] float* values(std::uint32_t slot) const;
  [[nodiscard]] const std::uint8_t* leading() const { return codes_.data(); }
  [[nodiscard]] const std::uint8_t* residual(std::uint32_t slot) const;
  [[nodiscard]] const std::uint8_t* a() const { return residuals_ + capacity * residual_bytes(shape.dimension); }
  [[nodiscard]] const std::uint8_t* b() const { return a() + capacity; }
  [[nodiscard]] const std::uint8_t* c() const { return b() + capacity; }
  // Packed leading codes of one row, axes / 2 bytes.
  void copy_leading(std::uint32_t slot, std::uint8_t* out) const;
  [[nodiscard]] Code code(std::uint32_t slot) const;

  // Both under `lock`, or before anybody else knows the chunk. What the shape lacks may be null.
  void write(std::uint32_t slot, const Code* code, const float* values);
  void wipe(std::uint32_t slot);
  // Ready when the memory has been cleansed and given back. Ask once.
  std::future<void> gone() { return gone_.get_future(); }

  const ChunkShape shape;
  const std::uint32_t capacity;  // slots
  WriterFirstLock lock;
  std::atomic<std::uint32_t> published{0};
  std::vector<Row> rows;

  // Of the writers alone:
  std::vector<std::uint32_t> free;  // slots below `published` to use again
  std::uint32_t live = 0;

 private:
  ArenaBlock codes_;  // leading, residual, A, B, C
  ArenaBlock values_;
  std::uint8_t* residuals_ = nullptr;
  std::promise<void> gone_;
};

using ChunkPtr = std::shared_ptr<Chunk>;
using ChunkList = std::vector<ChunkPtr>;

}  // namespace facekeep::match
