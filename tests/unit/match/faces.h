// Galleries for tests, and the answer that the engine must give: a plain double loop.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vault/match/cosine.h"
#include "vault/match/engine.h"
#include "vault/match/vector.h"

namespace facekeep::match::testing {

inline SubjectRef ref_of(std::uint64_t n) {
  SubjectRef ref{};
  for (std::size_t i = 0; i < 8; ++i) ref[i] = static_cast<std::uint8_t>((n * 0x9e3779b97f4a7c15U) >> (8 * i));
  for (std::size_t i = 0; i < 8; ++i) ref[8 + i] = static_cast<std::uint8_t>(n >> (56 - 8 * i));
  return ref;
}

struct Template {
  SubjectRef ref{};
  std::uint64_t order = 0;
  std::vector<float> values;
  mutable std::vector<float> unit_values{};  // once asked for

  [[nodiscard]] const std::vector<float>& unit_vector() const {
    if (unit_values.empty()) {
      unit_values.resize(values.size());
      if (!normalise(values, values.size(), unit_values)) unit_values.clear();
    }
    return unit_values;
  }
};

inline std::vector<float> random_face(std::size_t dimension, std::mt19937& rng) {
  std::normal_distribution<float> normal;
  std::vector<float> v(dimension);
  for (float& x : v) x = normal(rng);
  return v;
}

// A face near another: cosine about 1 / sqrt(1 + noise^2).
inline std::vector<float> near(const std::vector<float>& face, float noise, std::mt19937& rng) {
  std::normal_distribution<float> normal;
  std::vector<float> v = face;
  for (float& x : v) x += noise * normal(rng);
  return v;
}

inline std::vector<float> unit(const std::vector<float>& v) {
  std::vector<float> out(v.size());
  if (!normalise(v, v.size(), out)) out.clear();
  return out;
}

// Highest reference cosine at or above the threshold, then the lowest order.
inline std::optional<SubjectRef> naive_identify(const std::vector<Template>& gallery, const std::vector<float>& probe,
                                                std::int64_t threshold) {
  const std::vector<float> p = unit(probe);
  const Template* best = nullptr;
  float best_score = 0;
  for (const Template& t : gallery) {
    const float score = cosine(p, t.unit_vector());
    if (score < threshold_from_millionths(threshold)) continue;
    if (best == nullptr || score > best_score || (score == best_score && t.order < best->order)) {
      best = &t;
      best_score = score;
    }
  }
  return best == nullptr ? std::nullopt : std::optional(best->ref);
}

inline bool naive_verify(const std::vector<Template>& gallery, const SubjectRef& ref, const std::vector<float>& probe,
                         std::int64_t threshold) {
  const std::vector<float> p = unit(probe);
  for (const Template& t : gallery) {
    if (t.ref == ref && cosine(p, t.unit_vector()) >= threshold_from_millionths(threshold)) return true;
  }
  return false;
}

// Exact values, kept as they were added: what the sealed store is to the vault.
class MapSource : public ExactSource {
 public:
  void put(const TemplateName& name, std::span<const float> values) {
    const std::lock_guard guard(mutex_);
    rows_[name.order] = {name.ref, {values.begin(), values.end()}};
    orders_.emplace(name.ref, name.order);
  }
  void remove(const SubjectRef& ref) {
    const std::lock_guard guard(mutex_);
    const auto [first, last] = orders_.equal_range(ref);
    for (auto it = first; it != last; ++it) rows_.erase(it->second);
    orders_.erase(ref);
  }
  Status open(const TemplateName& name, std::span<float> out) override {
    const std::lock_guard guard(mutex_);
    ++opened;
    const auto found = rows_.find(name.order);
    if (found == rows_.end() || found->second.first != name.ref) return make_error(Errc::kNotFound, "no such template");
    if (found->second.second.size() != out.size()) return make_error(Errc::kIntegrity, "another dimension");
    std::ranges::copy(found->second.second, out.begin());
    return {};
  }
  std::atomic<std::size_t> opened{0};

 private:
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::pair<SubjectRef, std::vector<float>>> rows_;  // by order
  std::multimap<SubjectRef, std::uint64_t> orders_;
};

// Puts what it adds into a MapSource, as the vault puts it into the store.
class SourcedEngine : public Engine {
 public:
  explicit SourcedEngine(unsigned threads) {
    auto made = make_exact_engine({.threads = threads, .arena = {.allow_unlocked = true}, .source = &source});
    if (made) engine_ = std::move(*made);
  }
  Status create_gallery(std::string_view site, std::string_view model, std::size_t dimension) override {
    return engine_->create_gallery(site, model, dimension);
  }
  Status add(std::string_view site, std::string_view model, const SubjectRef& ref, std::uint64_t order,
             std::span<const float> values) override {
    source.put({ref, order}, values);
    return engine_->add(site, model, ref, order, values);
  }
  std::size_t remove(const SubjectRef& ref) noexcept override {
    source.remove(ref);
    return engine_->remove(ref);
  }
  void suspend(const SubjectRef& ref, bool suspended) noexcept override { engine_->suspend(ref, suspended); }
  Result<bool> verify(std::string_view site, std::string_view model, const SubjectRef& ref,
                      std::span<const float> probe, std::int64_t threshold) override {
    return engine_->verify(site, model, ref, probe, threshold);
  }
  Result<std::optional<SubjectRef>> identify(std::string_view site, std::string_view model,
                                             std::span<const float> probe, std::int64_t threshold) override {
    return engine_->identify(site, model, probe, threshold);
  }
  void clear() noexcept override { engine_->clear(); }
  [[nodiscard]] EngineStats stats() const override { return engine_->stats(); }

  MapSource source;

 private:
  std::unique_ptr<Engine> engine_;
};

// Exact values in the arena, or in a source.
inline std::unique_ptr<Engine> make_engine(bool sourced = false, unsigned threads = 2) {
  if (sourced) return std::make_unique<SourcedEngine>(threads);
  auto engine = make_exact_engine({.threads = threads, .arena = {.allow_unlocked = true}});
  return engine ? std::move(*engine) : nullptr;
}

}  // namespace facekeep::match::testing
