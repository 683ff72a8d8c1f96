#include "vault/match/engine.h"

#include <array>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "vault/match/cosine.h"
#include "vault/match/gallery.h"
#include "vault/match/team.h"
#include "vault/match/vector.h"

namespace facekeep::match {
namespace {

constexpr std::int64_t kMillion = 1000000;

Result<float> to_threshold(std::int64_t millionths) {
  if (millionths < -kMillion || millionths > kMillion) {
    return make_error(Errc::kInvalidArgument, "a threshold is -1000000 to 1000000 millionths");
  }
  return threshold_from_millionths(millionths);
}

// Runs `call`; memory that ran out becomes an Error.
template <class Call>
auto guarded(const Call& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return make_error(Errc::kExhausted, "the machine has no memory left for templates", "add memory");
  }
}

class ExactEngine final : public Engine {
 public:
  explicit ExactEngine(const EngineOptions& options)
      : arena_(options.arena),
        source_(options.source),
        team_(options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency())) {}
  ~ExactEngine() override { clear(); }

  Status create_gallery(std::string_view site, std::string_view model, std::size_t dimension) override {
    FK_CHECK(check_dimension(dimension));
    return guarded([&]() -> Status {
      const std::lock_guard guard(mutex_);
      auto& book = books_[{std::string(model), dimension}];
      if (!book) book = std::make_shared<BasisBook>();
      auto gallery = std::make_shared<Gallery>(Surroundings{arena_, team_, source_, counts_}, book, dimension);
      if (!galleries_.try_emplace(Key(site, model), std::move(gallery)).second) {
        return make_error(Errc::kAlreadyExists, "the site has a gallery for this model already");
      }
      return {};
    });
  }

  Status add(std::string_view site, std::string_view model, const SubjectRef& ref, std::uint64_t order,
             std::span<const float> values) override {
    return guarded([&]() -> Status {
      FK_TRY(const GalleryPtr gallery, find(site, model));
      UnitVector unit;
      FK_CHECK(unit.assign(values, gallery->dimension()));
      Stripe& stripe = stripe_of(ref);
      const std::lock_guard guard(stripe.mutex);
      return gallery->add(ref, order, unit, stripe.suspended.contains(ref));
    });
  }

  std::size_t remove(const SubjectRef& ref) noexcept override {
    Stripe& stripe = stripe_of(ref);
    const std::lock_guard guard(stripe.mutex);
    stripe.suspended.erase(ref);
    std::size_t count = 0;
    for (const GalleryPtr& gallery : all()) count += gallery->remove(ref);
    return count;
  }

  void suspend(const SubjectRef& ref, bool suspended) noexcept override {
    Stripe& stripe = stripe_of(ref);
    const std::lock_guard guard(stripe.mutex);
    if (suspended) {
      stripe.suspended.insert(ref);
    } else {
      stripe.suspended.erase(ref);
    }
    for (const GalleryPtr& gallery : all()) gallery->suspend(ref, suspended);
  }

  Result<bool> verify(std::string_view site, std::string_view model, const SubjectRef& ref,
                      std::span<const float> probe, std::int64_t threshold_millionths) override {
    return guarded([&]() -> Result<bool> {
      FK_TRY(const float threshold, to_threshold(threshold_millionths));
      FK_TRY(const GalleryPtr gallery, find(site, model));
      UnitVector unit;
      FK_CHECK(unit.assign(probe, gallery->dimension()));
      return gallery->verify(ref, unit, threshold);
    });
  }

  Result<std::optional<SubjectRef>> identify(std::string_view site, std::string_view model,
                                             std::span<const float> probe, std::int64_t threshold_millionths) override {
    return guarded([&]() -> Result<std::optional<SubjectRef>> {
      FK_TRY(const float threshold, to_threshold(threshold_millionths));
      FK_TRY(const GalleryPtr gallery, find(site, model));
      UnitVector unit;
      FK_CHECK(unit.assign(probe, gallery->dimension()));
      return gallery->identify(unit, threshold);
    });
  }

  void clear() noexcept override {
    std::map<Key, GalleryPtr> galleries;
    {
      const std::lock_guard guard(mutex_);
      galleries.swap(galleries_);
      books_.clear();
    }
    for (const auto& [key, gallery] : galleries) gallery->close();
    for (Stripe& stripe : stripes_) {
      const std::lock_guard guard(stripe.mutex);
      stripe.suspended.clear();
    }
  }

  [[nodiscard]] EngineStats stats() const override {
    EngineStats stats{.bytes = arena_.bytes(), .unlocked_bytes = arena_.unlocked_bytes()};
    stats.compared = counts_.rows.load(std::memory_order_relaxed);
    stats.looked_at = counts_.close.load(std::memory_order_relaxed);
    stats.opened = counts_.opened.load(std::memory_order_relaxed);
    for (const GalleryPtr& gallery : all()) {
      ++stats.galleries;
      stats.templates += gallery->templates();
    }
    return stats;
  }

 private:
  using Key = std::pair<std::string, std::string>;  // site, model
  using GalleryPtr = std::shared_ptr<Gallery>;

  // Changes of one subject come one at a time, so that a suspension can't miss a template that is
  // just being added.
  struct Stripe {
    std::mutex mutex;
    std::unordered_set<SubjectRef, SubjectRefHash> suspended;
  };

  Result<GalleryPtr> find(std::string_view site, std::string_view model) const {
    const std::lock_guard guard(mutex_);
    const auto found = galleries_.find(Key(site, model));
    if (found == galleries_.end()) {
      return make_error(Errc::kNotFound, "the site has no gallery for this model",
                        "check the site and the model that the request names");
    }
    return found->second;
  }

  std::vector<GalleryPtr> all() const {
    const std::lock_guard guard(mutex_);
    std::vector<GalleryPtr> galleries;
    galleries.reserve(galleries_.size());
    for (const auto& [key, gallery] : galleries_) galleries.push_back(gallery);
    return galleries;
  }

  Stripe& stripe_of(const SubjectRef& ref) { return stripes_[ref.back() % stripes_.size()]; }

  Arena arena_;
  ExactSource* const source_;
  SearchCounts counts_;
  Team team_;
  mutable std::mutex mutex_;  // held to look up, never while matching
  std::map<Key, GalleryPtr> galleries_;
  std::map<std::pair<std::string, std::size_t>, std::shared_ptr<BasisBook>> books_;  // by model and dimension
  std::array<Stripe, 64> stripes_;
};

}  // namespace

Result<std::unique_ptr<Engine>> make_exact_engine(const EngineOptions& options) {
  try {
    return std::unique_ptr<Engine>(std::make_unique<ExactEngine>(options));
  } catch (const std::system_error&) {
    return make_error(Errc::kExhausted, "the system has no thread left to match with", "raise TasksMax= in the unit");
  } catch (const std::bad_alloc&) {
    return make_error(Errc::kExhausted, "the machine has no memory left for the match engine", "add memory");
  }
}

}  // namespace facekeep::match
