#include "tests/bench/many_galleries.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "vault/match/cosine.h"

namespace facekeep::bench {
namespace {

using match::SubjectRef;

constexpr std::size_t kGalleries = 1000;
constexpr std::size_t kEach = 1000;
constexpr std::size_t kAsked = 2000;

SubjectRef ref_of(std::uint64_t n) {
  SubjectRef ref{};
  std::memcpy(ref.data(), &n, sizeof(n));
  ref.back() = 1;  // nobody of the large gallery
  return ref;
}

std::string site_of(std::size_t gallery) {
  return "small" + std::to_string(gallery);
}

struct Small {
  match::Engine& engine;
  const MatchData& data;
  std::int64_t threshold;

  // Person n of a gallery has this row of the data.
  [[nodiscard]] std::size_t row_of(std::size_t gallery, std::size_t n) const {
    return (gallery * kEach + n) % data.count;
  }
  void fill() {
    for (std::size_t g = 0; g < kGalleries; ++g) {
      if (!engine.create_gallery(site_of(g), "m", data.dimension)) std::abort();
      for (std::size_t n = 0; n < kEach; ++n) {
        const std::size_t row = row_of(g, n);
        if (!engine.add(site_of(g), "m", ref_of(g * kEach + n), row, data.row(row))) std::abort();
      }
    }
  }
  // The first of the highest cosine, as the engine's order has it.
  [[nodiscard]] std::optional<SubjectRef> brute_force(std::size_t gallery, const std::vector<float>& probe) const {
    std::optional<SubjectRef> best;
    float score = match::threshold_from_millionths(threshold);
    std::size_t order = data.count;
    for (std::size_t n = 0; n < kEach; ++n) {
      const std::size_t row = row_of(gallery, n);
      float cosine = 0;
      match::cosine_rows(probe.data(), data.row(row).data(), data.dimension, 1, &cosine);
      if (cosine < score || (cosine == score && row >= order)) continue;
      best = ref_of(gallery * kEach + n);
      score = cosine;
      order = row;
    }
    return best;
  }
};

struct Answers {
  std::vector<double> ours;    // milliseconds
  std::vector<double> theirs;  // of brute force over the gallery's own rows
  std::size_t differs = 0;
};

double milliseconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

Answers ask_all(const Small& small) {
  Answers out;
  for (std::size_t i = 0; i < kAsked; ++i) {
    const auto& probe = small.data.probes[i % small.data.probes.size()];
    // The first galleries have the real faces, whose probes find somebody.
    const std::size_t gallery = i % 2 == 0 ? i / 2 % 2 : i % kGalleries;
    std::optional<SubjectRef> found;
    std::optional<SubjectRef> right;
    out.ours.push_back(
        milliseconds([&] { found = *small.engine.identify(site_of(gallery), "m", probe, small.threshold); }));
    out.theirs.push_back(milliseconds([&] { right = small.brute_force(gallery, probe); }));
    out.differs += found == right ? 0U : 1U;
  }
  return out;
}

}  // namespace

std::size_t add_many_galleries(Report& rows, match::Engine& engine, const MatchData& data, std::int64_t threshold) {
  Small small{engine, data, threshold};
  const double fill_ms = milliseconds([&] { small.fill(); });
  const std::string of = "1 of 1,000 galleries of 1,000 x " + std::to_string(data.dimension) + ", beside one of " +
                         std::to_string(data.count);
  const Answers alone = ask_all(small);
  std::atomic<bool> ends{false};
  std::thread large([&] {
    for (std::size_t i = 0; !ends; ++i) {
      if (!engine.identify("bench", "m", data.probes[i % data.probes.size()], threshold)) std::abort();
    }
  });
  const Answers beside = ask_all(small);
  ends = true;
  large.join();
  rows.add({"identify, 1 probe, " + of, median(alone.ours), "ms", "brute force over its 1,000, one thread",
            median(alone.theirs)},
           true);
  rows.add({"identify, 1 probe, " + of + " that is asked without a pause", median(beside.ours), "ms",
            "the same while nobody asks the large one", median(alone.ours)},
           true);
  rows.add({"add, 1,000 galleries of 1,000 x " + std::to_string(data.dimension) + ", 1 caller",
            kGalleries * kEach / fill_ms * 1e3, "templates/s", "", 0},
           false);
  return alone.differs + beside.differs;
}

}  // namespace facekeep::bench
