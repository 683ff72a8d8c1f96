// The readers' side. gallery_write.cc has the writers'.
#include "vault/match/gallery.h"

#include <algorithm>
#include <cstring>
#include <shared_mutex>

#include "vault/base/digest.h"
#include "vault/base/secret_bytes.h"
#include "vault/match/cosine.h"
#include "vault/match/vector.h"

namespace facekeep::match {
namespace {

constexpr std::size_t kBlock = 64;                            // rows scored before they are looked at
constexpr std::size_t kUnitBytes = std::size_t{2} << 20;      // of rows, for one turn of a thread
constexpr std::size_t kInlineBytes = std::size_t{256} << 10;  // below, waking the team costs more than it gains

std::uint64_t mix(std::uint64_t x) {  // SplitMix64's finaliser
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

Error closed_error() {
  return make_error(Errc::kSealed, "the gallery was closed", "unseal the vault and try again");
}

}  // namespace

std::size_t SubjectRefHash::operator()(const SubjectRef& ref) const noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, ref.data(), sizeof(word));
  return word;
}

UnitVector::~UnitVector() {
  cleanse({reinterpret_cast<std::uint8_t*>(values_.data()), sizeof(values_)});
}

Status UnitVector::assign(std::span<const float> vector, std::size_t dimension) {
  return normalise(vector, dimension, values_);
}

Gallery::Gallery(Arena& arena, Team& team, std::size_t dimension)
    : arena_(arena),
      team_(team),
      dimension_(dimension),
      padded_(padded_dimension(dimension)),
      salt_(load_be64(random_array<8>().data())),
      list_(std::make_shared<const ChunkList>()) {}

Gallery::List Gallery::list() const {
  const std::shared_lock guard(index_lock_);
  return list_;
}

Result<std::optional<SubjectRef>> Gallery::identify(const UnitVector& probe, float threshold) const {
  for (;;) {
    const std::optional<Best> best = scan(probe, threshold, list());
    if (closed_.load(std::memory_order_acquire)) return closed_error();
    if (!best) return std::optional<SubjectRef>();
    // Every further round means that the best subject of the last was removed or suspended meanwhile.
    if (auto ref = still_stands(*best)) return ref;
  }
}

std::optional<Gallery::Best> Gallery::scan(const UnitVector& probe, float threshold, const List& list) const {
  const std::size_t chunk_bytes = padded_ * kChunkRows * sizeof(float);
  const std::size_t step = std::max<std::size_t>(1, kUnitBytes / chunk_bytes);
  const std::size_t units = (list->size() + step - 1) / step;
  std::mutex mutex;
  std::optional<Best> best;
  const std::function<void(std::size_t)> work = [&](std::size_t unit) {
    std::optional<Best> mine;
    {
      const std::lock_guard guard(mutex);
      mine = best;  // nothing worse is of interest
    }
    for (std::size_t c = unit * step; c < std::min(list->size(), (unit + 1) * step); ++c) {
      if (closed_.load(std::memory_order_relaxed)) return;
      scan_chunk(*(*list)[c], probe, threshold, mine);
    }
    const std::lock_guard guard(mutex);
    if (mine && (!best || mine->score > best->score ||
                 (mine->score == best->score &&
                  std::pair(mine->order, mine->subject) < std::pair(best->order, best->subject)))) {
      best = mine;
    }
  };
  std::size_t rows = 0;
  for (const ChunkPtr& chunk : *list) rows += chunk->published.load(std::memory_order_relaxed);
  if (rows * padded_ * sizeof(float) <= kInlineBytes) {
    for (std::size_t unit = 0; unit < units; ++unit) work(unit);
  } else {
    team_.run(units, work);
  }
  return best;
}

void Gallery::scan_chunk(Chunk& chunk, const UnitVector& probe, float threshold, std::optional<Best>& best) const {
  std::array<float, kBlock> scores{};
  const std::shared_lock guard(chunk.lock);
  const std::uint32_t published = chunk.published.load(std::memory_order_acquire);
  for (std::uint32_t first = 0; first < published; first += kBlock) {
    const auto count = std::min<std::uint32_t>(kBlock, published - first);
    cosine_rows(probe.data(), chunk.values(first), padded_, count, scores.data());
    for (std::uint32_t i = 0; i < count; ++i) {
      const float score = scores[i];
      if (score < threshold || (best && score < best->score)) continue;
      const Row& row = chunk.rows[first + i];
      if (row.state.load(std::memory_order_acquire) != RowState::kLive) continue;
      if (best && score == best->score && std::pair(row.order, row.subject) > std::pair(best->order, best->subject)) {
        continue;
      }
      best = Best{score, row.order, row.subject};
    }
  }
  cleanse({reinterpret_cast<std::uint8_t*>(scores.data()), sizeof(scores)});
}

// A handle may have gone to another subject since; its order is another then.
std::optional<SubjectRef> Gallery::still_stands(const Best& best) const {
  const std::shared_lock guard(index_lock_);
  if (best.subject >= subjects_.size()) return std::nullopt;
  const Subject& subject = subjects_[best.subject];
  for (const Place& place : subject.places) {
    const Row& row = place.chunk->rows[place.slot];
    if (row.order == best.order && row.state.load(std::memory_order_acquire) == RowState::kLive) return subject.ref;
  }
  return std::nullopt;
}

Result<bool> Gallery::verify(const SubjectRef& ref, const UnitVector& probe, float threshold) const {
  const std::shared_lock guard(index_lock_);
  if (closed_.load(std::memory_order_acquire)) return closed_error();
  std::vector<Place> places = any_places(ref, kVerifyRows);
  std::size_t own = 0;
  if (const auto found = handles_.find(ref); found != handles_.end()) {
    const std::vector<Place>& theirs = subjects_[found->second].places;
    own = theirs.size();
    if (places.size() < own) places.resize(own);
    std::ranges::copy(theirs, places.begin());
  }
  bool match = false;
  for (std::size_t i = 0; i < places.size(); ++i) {
    float score = 0;
    cosine_rows(probe.data(), places[i].chunk->values(places[i].slot), padded_, 1, &score);
    const bool live = places[i].chunk->rows[places[i].slot].state.load(std::memory_order_acquire) == RowState::kLive;
    match |= (i < own) & live & (score >= threshold);
    cleanse({reinterpret_cast<std::uint8_t*>(&score), sizeof(score)});
  }
  return match;
}

// Rows that look to the memory like those of a subject: the same ones every time for the same ref.
std::vector<Gallery::Place> Gallery::any_places(const SubjectRef& ref, std::size_t count) const {
  std::vector<Place> places;
  places.reserve(count);
  std::uint64_t seed = salt_ ^ load_be64(ref.data()) ^ mix(load_be64(ref.data() + 8));
  for (std::size_t i = 0; i < count && !list_->empty(); ++i) {
    seed = mix(seed + 0x9e3779b97f4a7c15U);
    Chunk* chunk = (*list_)[seed % list_->size()].get();
    const std::uint32_t published = chunk->published.load(std::memory_order_acquire);
    if (published == 0) continue;  // new, and being filled
    places.push_back({chunk, static_cast<std::uint32_t>((seed >> 32) % published)});
  }
  return places;
}

}  // namespace facekeep::match
