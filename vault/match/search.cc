#include "vault/match/search.h"

#include <new>
#include <shared_mutex>

#include "vault/base/secret_bytes.h"
#include "vault/match/code_kernels.h"
#include "vault/match/cosine.h"
#include "vault/match/rounding.h"

namespace facekeep::match {
namespace {

template <class T>
void cleanse_object(T& object) {
  cleanse({reinterpret_cast<std::uint8_t*>(&object), sizeof(object)});
}

void cleanse_candidates(std::vector<Candidate>& candidates) {
  if (candidates.empty()) return;
  cleanse({reinterpret_cast<std::uint8_t*>(candidates.data()), candidates.size() * sizeof(Candidate)});
  candidates.clear();
}

void prefetch(const void* at, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 64) __builtin_prefetch(static_cast<const std::uint8_t*>(at) + i);
}

}  // namespace

Search::~Search() {
  cleanse_candidates(candidates_);
}

void Search::prepare(const ChunkList& chunks) {
  for (const ChunkPtr& chunk : chunks) {
    const BasisPtr& basis = chunk->shape.basis;
    if (!basis || std::ranges::any_of(coded_, [&](const auto& c) { return c.first == basis; })) continue;
    coded_.emplace_back(basis, std::make_unique<CodedProbe>(*basis, probe_.data()));
  }
}

void Search::restart() {
  cleanse_candidates(candidates_);
  least_.store(threshold_, std::memory_order_relaxed);
  failed_.store(false, std::memory_order_relaxed);
}

const CodedProbe& Search::coded(const Basis* basis) const {
  return *std::ranges::find_if(coded_, [&](const auto& c) { return c.first.get() == basis; })->second;
}

void Search::raise(double to) {
  const float higher = float_below(to);
  float seen = least();
  while (seen < higher && !least_.compare_exchange_weak(seen, higher, std::memory_order_relaxed)) {
  }
}

void Search::take(const std::vector<Candidate>& found) {
  if (found.empty()) return;
  const std::lock_guard guard(mutex_);
  try {
    if (candidates_.size() == candidates_.capacity()) {
      const double least_now = least();
      std::erase_if(candidates_, [&](const Candidate& c) { return c.high < least_now; });
    }
    candidates_.insert(candidates_.end(), found.begin(), found.end());
  } catch (const std::bad_alloc&) {
    fail();
  }
}

std::vector<Candidate>& Search::ranked() {
  std::ranges::sort(candidates_, [](const Candidate& x, const Candidate& y) {
    return std::pair(-x.high, x.order) < std::pair(-y.high, y.order);
  });
  return candidates_;
}

Scan::~Scan() {
  cleanse_object(scores_);
  cleanse_object(chosen_);
  cleanse_candidates(found_);
}

void Scan::run(Chunk& chunk) {
  std::uint32_t published = 0;
  std::uint32_t first = 0;
  do {
    const std::shared_lock guard(chunk.lock);
    published = chunk.published.load(std::memory_order_acquire);
    const std::uint32_t count = std::min(kScanRows, published - std::min(published, first));
    if (count == 0) break;
    counts_.rows.fetch_add(count * searches_.size(), std::memory_order_relaxed);
    try {
      // Exact values beside codes are there to be opened (gallery.cc), not to be scanned.
      if (chunk.shape.basis) {
        run_codes(chunk, first, count);
      } else {
        run_values(chunk, first, count);
      }
    } catch (const std::bad_alloc&) {
      for (Search* search : searches_) search->fail();
    }
    first += kScanRows;
  } while (first < published);
}

void Scan::run_values(Chunk& chunk, std::uint32_t first, std::uint32_t count) {
  const std::size_t padded = padded_dimension(chunk.shape.dimension);
  for (std::uint32_t at = first; at < first + count; at += static_cast<std::uint32_t>(scores_.size())) {
    const auto some = std::min<std::uint32_t>(static_cast<std::uint32_t>(scores_.size()), first + count - at);
    for (Search* search : searches_) {
      cosine_rows(search->probe().data(), chunk.values(at), padded, some, scores_.data());
      for (std::uint32_t i = 0; i < some; ++i) {
        const Row& row = chunk.rows[at + i];
        if (scores_[i] < search->least() || !search->wants(row)) continue;
        search->raise(scores_[i]);
        found_.push_back({scores_[i], row.order, row.subject, true});
      }
      search->take(found_);
      cleanse_candidates(found_);
    }
  }
}

void Scan::run_codes(Chunk& chunk, std::uint32_t first, std::uint32_t count) {
  const Basis& basis = *chunk.shape.basis;
  // The capacity is whole blocks.
  const LeadingRows rows{chunk.leading() + leading_offset(first, basis.axes(), 0),
                         chunk.a() + first,
                         chunk.b() + first,
                         chunk.c() + first,
                         (count + kBlockRows - 1) / kBlockRows,
                         basis.axes()};
  for (std::size_t s = 0; s < searches_.size(); s += kAtOnce) {
    const std::size_t some = std::min(kAtOnce, searches_.size() - s);
    std::array<LeadingQuestion, kAtOnce> questions{};
    std::array<std::uint16_t*, kAtOnce> out{};
    std::array<std::size_t, kAtOnce> chosen{};
    for (std::size_t i = 0; i < some; ++i) {
      const CodedProbe& probe = searches_[s + i]->coded(&basis);
      questions[i] = probe.question;
      questions[i].least = float_below(static_cast<double>(searches_[s + i]->least()) - probe.slack);
      out[i] = chosen_[i].data();
    }
    select_rows(rows, questions.data(), some, out.data(), chosen.data());
    for (std::size_t i = 0; i < some; ++i) {
      look_closely(chunk, first, {out[i], chosen[i]}, *searches_[s + i], searches_[s + i]->coded(&basis));
    }
  }
}

void Scan::look_closely(const Chunk& chunk, std::uint32_t first, std::span<const std::uint16_t> rows, Search& search,
                        const CodedProbe& probe) {
  if (rows.empty()) return;
  const Basis& basis = *chunk.shape.basis;
  const std::size_t leading = basis.axes() / 2;
  const std::size_t residual = residual_bytes(basis.dimension());
  for (const std::uint16_t r : rows) {
    prefetch(chunk.residual(first + r), residual);
    __builtin_prefetch(&chunk.rows[first + r]);
  }
  alignas(64) std::array<std::uint8_t, kMaxAxes / 2> packed;
  std::size_t close = 0;
  for (const std::uint16_t r : rows) {
    const std::uint32_t slot = first + r;
    const Row& row = chunk.rows[slot];
    if (!search.wants(row)) continue;
    ++close;
    chunk.copy_leading(slot, packed.data());
    const Interval cosine = close_look(probe, packed_sum(packed.data(), leading, probe.fine.data()),
                                       packed_sum(chunk.residual(slot), residual, probe.values.data()), chunk.c()[slot],
                                       row.scale, row.error);
    if (cosine.high < search.least()) continue;
    search.raise(cosine.low);
    found_.push_back({cosine.high, row.order, row.subject, false});
  }
  counts_.close.fetch_add(close, std::memory_order_relaxed);
  search.take(found_);
  cleanse_candidates(found_);
  cleanse_object(packed);
}

}  // namespace facekeep::match
