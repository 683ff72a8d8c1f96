// One probe's search through a gallery, and the scan that serves many of them at once.
//
//   scan     each chunk is read once for all searches. A row whose bound (code.h) is below `least` is passed over;
//            what remains becomes a candidate. `least` rises: no row can win whose upper bound is below another's
//            lower bound.
//   decide   (gallery.cc) opens the candidates, the most promising first, until none can beat the best.
//
// A scan is used by many threads; the other members by the search's own thread, before and after.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "vault/match/chunk.h"
#include "vault/match/unit_vector.h"

namespace facekeep::match {

inline constexpr std::size_t kMostSearches = 64;  // that share a pass

struct Candidate {
  double high;  // its cosine is at most this
  std::uint64_t order;
  std::uint32_t subject;
  bool exact;  // its cosine is `high`
};

// Rows times searches: looked at, of these looked at again (2), of these opened.
struct SearchCounts {
  std::atomic<std::uint64_t> rows{0};
  std::atomic<std::uint64_t> close{0};
  std::atomic<std::uint64_t> opened{0};
};

class Search {
 public:
  // `probe` must outlive it.
  Search(const UnitVector& probe, float threshold) : probe_(probe), threshold_(threshold), least_(threshold) {}
  ~Search();
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  // Before the scan: makes the probe ready for the codes of these chunks. Throws std::bad_alloc.
  void prepare(const ChunkList& chunks);
  // Forgets what the last scan found.
  void restart();
  // From now on without the template of this order.
  void leave_out(std::uint64_t order) { left_out_.push_back(order); }

  [[nodiscard]] const UnitVector& probe() const { return probe_; }
  [[nodiscard]] float threshold() const { return threshold_; }
  // After the scan: the most promising first. Memory ran out, so some may be missing: `failed`.
  std::vector<Candidate>& ranked();
  void fail() { failed_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool failed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  friend class Scan;
  [[nodiscard]] const CodedProbe& coded(const Basis* basis) const;
  [[nodiscard]] bool wants(const Row& row) const {
    return row.state.load(std::memory_order_acquire) == RowState::kLive &&
           std::ranges::find(left_out_, row.order) == left_out_.end();
  }
  [[nodiscard]] float least() const { return least_.load(std::memory_order_relaxed); }
  void raise(double to);
  void take(const std::vector<Candidate>& found);

  const UnitVector& probe_;
  const float threshold_;
  std::atomic<float> least_;
  std::atomic<bool> failed_{false};
  std::vector<std::pair<BasisPtr, std::unique_ptr<CodedProbe>>> coded_;
  std::vector<std::uint64_t> left_out_;
  std::mutex mutex_;  // candidates_
  std::vector<Candidate> candidates_;
};

// What one thread needs to scan, cleansed at the end.
class Scan {
 public:
  // At most kMostSearches, prepared for the chunks that run() will see.
  Scan(std::span<Search* const> searches, SearchCounts& counts) : searches_(searches), counts_(counts) {}
  ~Scan();
  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;
  void run(Chunk& chunk);

 private:
  static constexpr std::size_t kAtOnce = 8;  // searches that look at codes together
  void run_values(Chunk& chunk, std::uint32_t first, std::uint32_t count);
  void run_codes(Chunk& chunk, std::uint32_t first, std::uint32_t count);
  void look_closely(const Chunk& chunk, std::uint32_t first, std::span<const std::uint16_t> rows, Search& search,
                    const CodedProbe& probe);

  std::span<Search* const> searches_;
  SearchCounts& counts_;
  std::array<std::array<std::uint16_t, kScanRows>, kAtOnce> chosen_;
  std::array<float, 64> scores_{};
  std::vector<Candidate> found_;
};

}  // namespace facekeep::match
