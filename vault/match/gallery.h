// A gallery: the templates of one site and one model, as exact float32 rows in the locked arena.
//
// Readers (verify, identify) run beside writers (add, remove, suspend). Nobody is stopped for long:
//   - a scan locks one chunk of 1,024 rows at a time, shared; an append needs no lock against it
//   - erasing waits for the scans of that one chunk, wipes the rows and returns
//   - emptied chunks are given back at once; when over half the slots are free, the two emptiest
//     chunks are merged into a new one. A scan sees either the old two or the new one, never parts
//     of both, and the merging writer returns only when no scan is left on the old two and they are
//     cleansed
// Before identify() answers it looks again whether the best row still stands; if not, it scans anew.
// So a template whose remove() (or suspend()) has returned never decides an answer. Templates that
// come or go during a call may or may not count in it; all others do.
//
// Locks, in this order: writers_ -> index_lock_ -> a chunk's lock. Whoever holds a list of chunks
// (a scan) takes none of the first two until it has let go of the list.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/match/chunk.h"
#include "vault/match/team.h"

namespace facekeep::match {

using SubjectRef = Id128;

// Rows that verify() reads whatever it finds (the design's most templates a subject).
inline constexpr std::size_t kVerifyRows = 8;

// SubjectRefs are random, so any eight bytes of them are a hash.
struct SubjectRefHash {
  std::size_t operator()(const SubjectRef& ref) const noexcept;
};

// A checked, unit, padded vector on 64 bytes, cleansed at the end of its life.
class UnitVector {
 public:
  UnitVector() = default;
  ~UnitVector();
  UnitVector(const UnitVector&) = delete;
  UnitVector& operator=(const UnitVector&) = delete;
  // As match::normalise (vector.h).
  Status assign(std::span<const float> vector, std::size_t dimension);
  [[nodiscard]] const float* data() const { return values_.data(); }

 private:
  alignas(64) std::array<float, 1024> values_{};
};

class Gallery {
 public:
  // `arena` and `team` must outlive it. Precondition: check_dimension(dimension).
  Gallery(Arena& arena, Team& team, std::size_t dimension);
  Gallery(const Gallery&) = delete;
  Gallery& operator=(const Gallery&) = delete;

  [[nodiscard]] std::size_t dimension() const { return dimension_; }
  [[nodiscard]] std::size_t templates() const { return templates_.load(std::memory_order_relaxed); }

  // All calls are thread safe. kSealed after close().

  // kExhausted as Arena::allocate; nothing is added then. Throws std::bad_alloc, likewise.
  Status add(const SubjectRef& ref, std::uint64_t order, const UnitVector& vector, bool suspended);
  // Wipes the subject's rows; the number of them, 0 if unknown.
  std::size_t remove(const SubjectRef& ref);
  void suspend(const SubjectRef& ref, bool suspended);

  // At least one of the subject's templates has cosine >= threshold. Reads kVerifyRows rows (more
  // only for a subject that has more), strangers' rows if it must, and drops their scores: the time
  // does not tell whether the subject exists, is suspended or how many templates it has.
  Result<bool> verify(const SubjectRef& ref, const UnitVector& probe, float threshold) const;
  // The subject of the highest cosine >= threshold; of equal cosines, the lowest order.
  Result<std::optional<SubjectRef>> identify(const UnitVector& probe, float threshold) const;

  // Wipes everything, ends scans in flight with kSealed, and returns when the memory is given back.
  void close();

 private:
  struct Place {
    Chunk* chunk;
    std::uint32_t slot;
  };
  struct Subject {
    SubjectRef ref{};
    std::vector<Place> places;  // empty: the handle is free
  };
  struct Best {
    float score;
    std::uint64_t order;
    std::uint32_t subject;
  };
  using List = std::shared_ptr<const ChunkList>;

  [[nodiscard]] List list() const;
  [[nodiscard]] std::optional<Best> scan(const UnitVector& probe, float threshold, const List& list) const;
  void scan_chunk(Chunk& chunk, const UnitVector& probe, float threshold, std::optional<Best>& best) const;
  [[nodiscard]] std::optional<SubjectRef> still_stands(const Best& best) const;
  [[nodiscard]] std::vector<Place> any_places(const SubjectRef& ref, std::size_t count) const;

  // Of the writers, writers_ held:
  Result<Place> find_room();
  std::uint32_t enter(const SubjectRef& ref, Place place);
  void wipe(Place place);
  void replace_list(ChunkList chunks);
  void reclaim();
  void drop_empty_chunks();
  void merge_emptiest();
  void repoint(const Chunk& from, Chunk& to, std::uint32_t first);

  Arena& arena_;
  Team& team_;
  const std::size_t dimension_;
  const std::size_t padded_;
  const std::uint64_t salt_;  // which rows verify() reads for a stranger
  std::atomic<bool> closed_{false};
  std::atomic<std::size_t> templates_{0};

  std::mutex writers_;
  std::size_t slots_ = 0;               // of all chunks; of the writers
  mutable WriterFirstLock index_lock_;  // guards what follows; writers_ is enough to read it
  List list_;
  std::unordered_map<SubjectRef, std::uint32_t, SubjectRefHash> handles_;
  std::vector<Subject> subjects_;
  std::vector<std::uint32_t> free_handles_;
};

}  // namespace facekeep::match
