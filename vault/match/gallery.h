// A gallery: the templates of one site and one model, as codes in the locked arena.
//
// Until a basis was learned for the model (basis_book.h) the exact values are kept; then they become codes, and exact
// values come from an ExactSource. Without one they stay in the arena beside the codes.
//
// Readers (verify, identify) run beside writers (add, remove, suspend). Nobody is stopped for long:
//   - probes that come while a scan is under way share the next one: memory is read once for up to 64 of them
//   - a scan holds the lock of one chunk for 1,024 rows at a time, shared; who changes a row waits for that
//   - emptied chunks are given back at once; when over half the slots are free, two that fit into one are merged into a
//     new one. A scan sees either the old two or the new one, never parts of both, and the merging writer returns only
//     when no scan is left on the old two and they are cleansed
// Learning a basis takes a writer a tenth of a second or so, three times in a gallery's life; readers don't notice.
// Before identify() answers it looks again whether the best row still stands; if not, it scans anew, and so it does
// when a candidate has gone before it could be opened. So a template whose remove() (or suspend()) has returned never
// decides an answer. Templates that come or go during a call may or may not count in it; all others do.
//
// Locks, in this order: writers_ -> index_lock_ -> a chunk's lock. Whoever holds a list of chunks (a scan) takes none
// of the first two until it has let go of the list. The source is called without any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <future>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/match/basis_book.h"
#include "vault/match/exact_source.h"
#include "vault/match/search.h"
#include "vault/match/shared_pass.h"
#include "vault/match/team.h"
#include "vault/match/unit_vector.h"

namespace facekeep::match {

// Templates that one identify() opens at most. One question opens one or two, mostly; only templates that are nearly
// alike make it open many, and a gallery of 50,000 copies of one face must not hold up every door behind one question.
inline constexpr std::size_t kMostOpened = 2048;

// Rows that verify() reads whatever it finds (the design's most templates a subject).
inline constexpr std::size_t kVerifyRows = 8;

// SubjectRefs are random, so any eight bytes of them are a hash.
struct SubjectRefHash {
  std::size_t operator()(const SubjectRef& ref) const noexcept;
};

// What the galleries of an engine have in common; outlives them. `source` may be null.
struct Surroundings {
  Arena& arena;
  Team& team;
  ExactSource* source;
  SearchCounts& counts;
};

class Gallery {
 public:
  // `book`: of the model. Precondition: check_dimension(dimension).
  Gallery(const Surroundings& around, std::shared_ptr<BasisBook> book, std::size_t dimension);
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
  // does not tell whether the subject exists, is suspended or how many templates it has. Errors as
  // identify(), of the subject's own templates.
  Result<bool> verify(const SubjectRef& ref, const UnitVector& probe, float threshold) const;
  // The subject of the highest cosine >= threshold; of equal cosines, the lowest order. The source's
  // errors; kIntegrity if over kMostOpened templates are too alike to tell which is nearest; kUnavailable if candidates
  // keep vanishing; throws std::bad_alloc.
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
  void scan(std::span<Search* const> searches) const;
  // The best of the candidates, unless the one with the order `gone` has vanished. `opened` counts over all rounds.
  Result<std::optional<Best>> decide(Search& search, std::optional<std::uint64_t>& gone, std::size_t& opened) const;
  // The place of a template that still stands. index_lock_ held.
  [[nodiscard]] const Place* find_place(std::uint32_t subject, std::uint64_t order) const;
  [[nodiscard]] std::optional<SubjectRef> still_stands(const Best& best) const;
  Result<float> cosine_of(const TemplateName& name, const UnitVector& probe) const;
  struct Looked;
  [[nodiscard]] std::vector<Looked> to_verify(const SubjectRef& ref, const UnitVector& probe) const;
  [[nodiscard]] std::vector<Place> any_places(const SubjectRef& ref, std::size_t count) const;

  // Of the writers, writers_ held:
  [[nodiscard]] ChunkShape shape_on(BasisPtr basis) const;
  void learn();
  Result<BasisPtr> learn_from(std::size_t count) const;
  void code_all();
  Result<Place> find_room(const BasisPtr& basis);
  std::uint32_t enter(const SubjectRef& ref, Place place);
  void wipe(Place place);
  void replace_list(ChunkList chunks);
  void reclaim();
  void drop_empty_chunks();
  void merge_two();
  Status move_into(std::span<const ChunkPtr> from, const ChunkPtr& into);
  void swap_for(std::vector<ChunkPtr> old, const ChunkPtr& into);
  void repoint(const Chunk& from, Chunk& to, std::uint32_t first);

  const Surroundings around_;
  const std::shared_ptr<BasisBook> book_;
  const std::size_t dimension_;
  const std::size_t padded_;
  const std::uint64_t salt_;  // which rows verify() reads for a stranger
  std::atomic<bool> closed_{false};
  std::atomic<std::size_t> templates_{0};
  mutable SharedPass<Search> pass_{kMostSearches};

  std::mutex writers_;
  std::size_t slots_ = 0;               // of all chunks; of the writers
  mutable WriterFirstLock index_lock_;  // guards what follows; writers_ is enough to read it
  List list_;
  std::unordered_map<SubjectRef, std::uint32_t, SubjectRefHash> handles_;
  std::vector<Subject> subjects_;
  std::vector<std::uint32_t> free_handles_;
};

}  // namespace facekeep::match
