// The readers' side. gallery_write.cc has the writers'.
#include "vault/match/gallery.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <shared_mutex>

#include "vault/base/digest.h"
#include "vault/match/cosine.h"
#include "vault/match/mix.h"

namespace facekeep::match {
namespace {

constexpr std::size_t kInlineBytes = std::size_t{256} << 10;  // below, waking the team costs more than it gains
constexpr int kMostRounds = 64;                               // each means that somebody was erased meanwhile

Error closed_error() {
  return make_error(Errc::kSealed, "the gallery was closed", "unseal the vault and try again");
}

Error too_many_alike() {
  return make_error(Errc::kIntegrity, "too many templates of the gallery are nearly the same",
                    "look for a face that was enrolled again and again, and erase the copies");
}

// What a scan reads of a row at least.
std::size_t scanned_bytes(const ChunkShape& shape) {
  return shape.basis ? shape.basis->axes() / 2 + 3 : padded_dimension(shape.dimension) * sizeof(float);
}

}  // namespace

// What verify() is to look at: scored already, or to be opened.
struct Gallery::Looked {
  TemplateName name;
  std::uint32_t subject = 0;
  bool own = false;
  std::optional<float> score;
};

std::size_t SubjectRefHash::operator()(const SubjectRef& ref) const noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, ref.data(), sizeof(word));
  return word;
}

Gallery::Gallery(const Surroundings& around, std::shared_ptr<BasisBook> book, std::size_t dimension)
    : around_(around),
      book_(std::move(book)),
      dimension_(dimension),
      padded_(padded_dimension(dimension)),
      salt_(load_be64(random_array<8>().data())),
      list_(std::make_shared<const ChunkList>()) {}

Gallery::List Gallery::list() const {
  const std::shared_lock guard(index_lock_);
  return list_;
}

Result<std::optional<SubjectRef>> Gallery::identify(const UnitVector& probe, float threshold) const {
  Search search(probe, threshold);
  std::size_t opened = 0;
  for (int round = 0; round < kMostRounds; ++round) {
    search.restart();
    search.prepare(*list());
    pass_.join(search, [this](std::span<Search* const> searches) { scan(searches); });
    if (closed_.load(std::memory_order_acquire)) return closed_error();
    if (search.failed()) throw std::bad_alloc();
    std::optional<std::uint64_t> gone;
    FK_TRY(const std::optional<Best> best, decide(search, gone, opened));
    if (gone) {
      // Others may have been passed over for its sake. The log may know of its erasure before the gallery does.
      search.leave_out(*gone);
      continue;
    }
    if (!best) return std::optional<SubjectRef>();
    if (auto ref = still_stands(*best)) return ref;
  }
  return make_error(Errc::kUnavailable, "templates vanish faster than they can be compared", "try again in a moment");
}

void Gallery::scan(std::span<Search* const> searches) const {
  const List list = this->list();
  std::size_t bytes = 0;
  for (const ChunkPtr& chunk : *list) {
    bytes += chunk->published.load(std::memory_order_relaxed) * scanned_bytes(chunk->shape) * searches.size();
  }
  const std::function<void(std::size_t)> work = [&](std::size_t c) {
    if (closed_.load(std::memory_order_relaxed)) return;
    Scan(searches, around_.counts).run(*(*list)[c]);
  };
  try {
    for (Search* search : searches) search->prepare(*list);  // what was made since they came
    if (bytes <= kInlineBytes) {
      for (std::size_t c = 0; c < list->size(); ++c) work(c);
    } else {
      around_.team.run(list->size(), work);
    }
  } catch (const std::bad_alloc&) {
    for (Search* search : searches) search->fail();
  }
}

Result<std::optional<Gallery::Best>> Gallery::decide(Search& search, std::optional<std::uint64_t>& gone,
                                                     std::size_t& opened) const {
  std::optional<Best> best;
  for (const Candidate& c : search.ranked()) {
    if (c.high < static_cast<double>(best ? best->score : search.threshold())) break;
    auto score = static_cast<float>(c.high);
    if (!c.exact) {
      if (++opened > kMostOpened) return too_many_alike();
      const auto ref = still_stands({0, c.order, c.subject});
      const auto exact = ref ? cosine_of({*ref, c.order}, search.probe())
                             : Result<float>(make_error(Errc::kNotFound, "erased meanwhile"));
      if (!exact) {
        if (exact.error().code != Errc::kNotFound) return exact.error();
        gone = c.order;
        return std::optional<Best>();
      }
      score = *exact;
    }
    if (score < search.threshold() || (best && score < best->score)) continue;
    if (best && score == best->score && std::pair(c.order, c.subject) > std::pair(best->order, best->subject)) continue;
    best = Best{score, c.order, c.subject};
  }
  return best;
}

// By the definition, on the exact values: from the arena, if they are there, or from the source.
Result<float> Gallery::cosine_of(const TemplateName& name, const UnitVector& probe) const {
  around_.counts.opened.fetch_add(1, std::memory_order_relaxed);
  float score = 0;
  if (around_.source == nullptr) {
    const std::shared_lock guard(index_lock_);
    const auto found = handles_.find(name.ref);
    const Place* place = found == handles_.end() ? nullptr : find_place(found->second, name.order);
    if (place == nullptr) return make_error(Errc::kNotFound, "erased meanwhile");
    cosine_rows(probe.data(), place->chunk->values(place->slot), padded_, 1, &score);
    return score;
  }
  UnitVector exact;
  {
    UnitVector opened;
    FK_CHECK(around_.source->open(name, opened.room(dimension_)));
    FK_CHECK(exact.assign({opened.data(), dimension_}, dimension_));
  }
  cosine_rows(probe.data(), exact.data(), padded_, 1, &score);
  return score;
}

// A handle may have gone to another subject since; its order is another then.
const Gallery::Place* Gallery::find_place(std::uint32_t subject, std::uint64_t order) const {
  if (subject >= subjects_.size()) return nullptr;
  for (const Place& place : subjects_[subject].places) {
    const Row& row = place.chunk->rows[place.slot];
    if (row.order == order && row.state.load(std::memory_order_acquire) == RowState::kLive) return &place;
  }
  return nullptr;
}

std::optional<SubjectRef> Gallery::still_stands(const Best& best) const {
  const std::shared_lock guard(index_lock_);
  if (find_place(best.subject, best.order) == nullptr) return std::nullopt;
  return subjects_[best.subject].ref;
}

Result<bool> Gallery::verify(const SubjectRef& ref, const UnitVector& probe, float threshold) const {
  bool match = false;
  std::optional<Error> failed;
  for (const Looked& looked : to_verify(ref, probe)) {
    const Result<float> score = looked.score ? Result<float>(*looked.score) : cosine_of(looked.name, probe);
    if (!looked.own) continue;
    if (!score && score.error().code != Errc::kNotFound) failed = score.error();
    if (!score || *score < threshold) continue;
    match |= still_stands({*score, looked.name.order, looked.subject}).has_value();
  }
  if (closed_.load(std::memory_order_acquire)) return closed_error();
  if (!match && failed) return *failed;
  return match;
}

// The subject's own rows and as many of strangers as are missing; what has exact values is scored here.
std::vector<Gallery::Looked> Gallery::to_verify(const SubjectRef& ref, const UnitVector& probe) const {
  const std::shared_lock guard(index_lock_);
  std::vector<Place> places = any_places(ref, kVerifyRows);
  std::size_t own = 0;
  if (const auto found = handles_.find(ref); found != handles_.end()) {
    const std::vector<Place>& theirs = subjects_[found->second].places;
    own = theirs.size();
    if (places.size() < own) places.resize(own);
    std::ranges::copy(theirs, places.begin());
  }
  std::vector<Looked> all(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Chunk& chunk = *places[i].chunk;
    const Row& row = chunk.rows[places[i].slot];
    all[i] = {{subjects_[row.subject].ref, row.order}, row.subject, i < own, std::nullopt};
    if (!chunk.shape.values) continue;
    float score = 0;
    cosine_rows(probe.data(), chunk.values(places[i].slot), padded_, 1, &score);
    all[i].score = score;
  }
  return all;
}

// Rows that look to the memory like those of a subject: the same ones every time for the same ref.
std::vector<Gallery::Place> Gallery::any_places(const SubjectRef& ref, std::size_t count) const {
  std::vector<Place> places;
  places.reserve(count);
  std::uint64_t seed = salt_ ^ load_be64(ref.data()) ^ mix(load_be64(ref.data() + 8));
  for (std::size_t i = 0; i < 4 * count && places.size() < count && !list_->empty(); ++i) {
    seed = mix(seed + 0x9e3779b97f4a7c15U);
    Chunk* chunk = (*list_)[seed % list_->size()].get();
    const std::uint32_t published = chunk->published.load(std::memory_order_acquire);
    if (published == 0) continue;  // new, and being filled
    const auto slot = static_cast<std::uint32_t>((seed >> 32) % published);
    if (chunk->rows[slot].state.load(std::memory_order_acquire) == RowState::kFree) continue;  // nobody's
    places.push_back({chunk, slot});
  }
  return places;
}

}  // namespace facekeep::match
