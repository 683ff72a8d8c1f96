// Galleries for tests, and the answer that the engine must give: a plain double loop.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
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
    const float score = cosine(p, unit(t.values));
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
    if (t.ref == ref && cosine(p, unit(t.values)) >= threshold_from_millionths(threshold)) return true;
  }
  return false;
}

inline std::unique_ptr<Engine> make_engine(unsigned threads = 2) {
  auto engine = make_exact_engine({.threads = threads, .arena = {.allow_unlocked = true}});
  return engine ? std::move(*engine) : nullptr;
}

}  // namespace facekeep::match::testing
