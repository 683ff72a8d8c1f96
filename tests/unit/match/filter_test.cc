// The engine beside brute force on galleries made to mislead it: no difference, in as many comparisons as asked for.
//
// A comparison is one template's cosine with one probe, decided by both. FACEKEEP_MATCH_COMPARISONS sets the number
// (400,000). "ten million comparisons", which runs only when it is named, takes 10,000,000 whatever is set.
#include <cmath>
#include <cstdlib>
#include <string>
#include <thread>

#include "tests/support/catch.h"
#include "tests/unit/match/faces.h"

using namespace facekeep;
using namespace facekeep::match;
using namespace facekeep::match::testing;

namespace {

struct Kind {
  const char* name;
  // The next template; `all` are those before it.
  std::vector<float> (*make)(std::size_t dimension, const std::vector<Template>& all, std::mt19937& rng);
};

std::vector<float> one_hot(std::size_t dimension, std::size_t at, float value) {
  std::vector<float> v(dimension);
  v[at % dimension] = value;
  return v;
}

std::vector<float> scaled(std::vector<float> v, float factor) {
  for (float& x : v) x *= factor;
  return v;
}

using All = const std::vector<Template>&;
const Kind kKinds[] = {
    {"strangers", [](std::size_t d, All, std::mt19937& rng) { return random_face(d, rng); }},
    {"duplicates", [](std::size_t d, All all,
                      std::mt19937& rng) { return all.size() < 5 ? random_face(d, rng) : all[rng() % 5].values; }},
    {"near-duplicates",
     [](std::size_t d, All all, std::mt19937& rng) {
       const float noise = std::pow(10.0F, -static_cast<float>(rng() % 8));
       return all.empty() ? random_face(d, rng) : near(all[rng() % all.size()].values, noise, rng);
     }},
    {"one value apart",
     [](std::size_t d, All all, std::mt19937& rng) {
       if (all.empty()) return random_face(d, rng);
       auto v = all[0].values;
       float& x = v[rng() % d];
       x = std::nextafterf(x, 9.0F);
       return v;
     }},
    {"orthogonal",
     [](std::size_t d, All all, std::mt19937& rng) { return one_hot(d, all.size(), rng() % 2 ? 1.0F : -1.0F); }},
    {"one-hot and crowd",
     [](std::size_t d, All, std::mt19937& rng) {
       return rng() % 8 == 0 ? one_hot(d, rng(), 1.0F) : random_face(d, rng);
     }},
    {"clustered",
     [](std::size_t d, All all, std::mt19937& rng) {
       return all.size() < 20 ? random_face(d, rng) : near(all[rng() % 20].values, 0.4F, rng);
     }},
    {"one cluster",
     [](std::size_t d, All, std::mt19937& rng) {
       return near(std::vector<float>(d, 1.0F), rng() % 2 ? 0.05F : 1e-5F, rng);
     }},
    {"opposites",
     [](std::size_t d, All all, std::mt19937& rng) {
       return all.empty() || rng() % 2 ? random_face(d, rng) : scaled(all[rng() % all.size()].values, -1);
     }},
    {"tiny and huge",
     [](std::size_t d, All, std::mt19937& rng) { return scaled(random_face(d, rng), rng() % 2 ? 1e-10F : 1e9F); }},
    {"few directions",
     [](std::size_t d, All, std::mt19937& rng) {
       auto v = random_face(d, rng);
       for (std::size_t i = 0; i < d; ++i) v[i] *= std::pow(0.9F, static_cast<float>(i));
       return v;
     }},
    {"first like nobody later",  // what the first basis learns is of no use
     [](std::size_t d, All all, std::mt19937& rng) {
       auto v = random_face(d, rng);
       for (std::size_t i = 0; i < d; ++i) v[i] *= (all.size() < 200) == (i < d / 2) ? 1.0F : 1e-3F;
       return v;
     }},
};

// Rows as brute force reads them.
struct BruteForce {
  BruteForce(const std::vector<Template>& all, std::size_t dimension)
      : gallery(all), padded(padded_dimension(dimension)), rows(all.size() * padded) {
    for (std::size_t i = 0; i < all.size(); ++i) std::ranges::copy(all[i].unit_vector(), rows.begin() + i * padded);
  }
  [[nodiscard]] std::vector<float> scores(const std::vector<float>& probe) const {
    std::vector<float> q(padded);
    std::ranges::copy(unit(probe), q.begin());
    std::vector<float> out(gallery.size());
    cosine_rows(q.data(), rows.data(), padded, gallery.size(), out.data());
    return out;
  }
  [[nodiscard]] std::optional<SubjectRef> best(const std::vector<float>& scores, float threshold) const {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] < threshold || (best && scores[i] < scores[*best])) continue;
      if (best && scores[i] == scores[*best] && gallery[i].order > gallery[*best].order) continue;
      best = i;
    }
    return best ? std::optional(gallery[*best].ref) : std::nullopt;
  }
  const std::vector<Template>& gallery;
  const std::size_t padded;
  std::vector<float> rows;
};

std::vector<float> make_probe(std::size_t dimension, All all, std::mt19937& rng) {
  switch (rng() % 6) {
    case 0: return random_face(dimension, rng);
    case 1: return all[rng() % all.size()].values;
    case 2: return near(all[rng() % all.size()].values, 0.5F, rng);
    case 3: return near(all[rng() % all.size()].values, 1e-5F, rng);
    case 4: return scaled(all[rng() % all.size()].values, -1);
    default: {
      // Of unit length already, so its value at `hot` is its cosine with that axis, bit for bit.
      std::vector<float> v(dimension);
      const std::size_t hot = rng() % dimension;
      v[hot] = threshold_from_millionths(411000);
      if (rng() % 2 == 0) v[hot] = std::nextafterf(v[hot], 0.0F);
      v[(hot + 1) % dimension] = std::sqrt(1.0F - v[hot] * v[hot]);
      return v;
    }
  }
}

// Thresholds of all signs, and those that lie on both sides of the best score, as near as millionths get.
std::int64_t make_threshold(const std::vector<float>& scores, std::mt19937& rng) {
  const float best = *std::ranges::max_element(scores);
  const auto near_best = std::clamp<std::int64_t>(std::llround(static_cast<double>(best) * 1e6), -1000000, 1000000);
  switch (rng() % 6) {
    case 0: return 411000;
    case 1: return -1000000;
    case 2: return -static_cast<std::int64_t>(rng() % 300000);
    case 3: return std::min<std::int64_t>(near_best + 1, 1000000);
    case 4: return std::max<std::int64_t>(near_best - 1, -1000000);
    default: return near_best;
  }
}

struct Contest {
  std::atomic<std::size_t> comparisons{0};
  std::atomic<std::size_t> wrong{0};
};

// Four callers at once, so that passes are shared.
void contest(Engine& engine, const BruteForce& brute, std::size_t dimension, std::size_t comparisons, unsigned seed,
             Contest& result) {
  const std::size_t probes = (comparisons + 4 * brute.gallery.size() - 1) / (4 * brute.gallery.size());
  std::vector<std::thread> callers;
  for (unsigned t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      std::mt19937 rng(seed + t);
      for (std::size_t p = 0; p < probes; ++p) {
        const auto probe = make_probe(dimension, brute.gallery, rng);
        const auto scores = brute.scores(probe);
        const std::int64_t threshold = make_threshold(scores, rng);
        const auto got = engine.identify("tower", "m", probe, threshold);
        if (!got || *got != brute.best(scores, threshold_from_millionths(threshold))) ++result.wrong;
        const std::size_t whom = rng() % scores.size();
        const auto verified = engine.verify("tower", "m", brute.gallery[whom].ref, probe, threshold);
        if (!verified || *verified != (scores[whom] >= threshold_from_millionths(threshold))) ++result.wrong;
        result.comparisons += scores.size();
      }
    });
  }
  for (auto& caller : callers) caller.join();
}

void no_difference_in(std::size_t comparisons) {
  Contest result;
  unsigned seed = 41;
  const std::size_t dimensions[] = {64, 128, 200, 512};
  for (const Kind& kind : kKinds) {
    for (const std::size_t dimension : dimensions) {
      std::mt19937 rng(seed += 10);
      // Enough for the second basis, in some; one template a subject, so that verify's answer is one score's.
      const std::size_t count = 130 + rng() % 1300;
      std::vector<Template> gallery;
      const auto engine = make_engine(rng() % 4 != 0);
      REQUIRE(engine->create_gallery("tower", "m", dimension));
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t order = i * 7919 % 100003;
        gallery.push_back({ref_of(order), order, kind.make(dimension, gallery, rng)});
        REQUIRE(engine->add("tower", "m", gallery.back().ref, order, gallery.back().values));
      }
      const std::size_t before = result.wrong;
      contest(*engine, BruteForce(gallery, dimension), dimension,
              comparisons / std::size(kKinds) / std::size(dimensions), seed, result);
      INFO(kind.name << " " << count << " x " << dimension);
      CHECK(result.wrong == before);
    }
  }
  CHECK(result.comparisons >= comparisons);
  std::printf("%zu comparisons, %zu differences\n", result.comparisons.load(), result.wrong.load());
}

}  // namespace

TEST_CASE("the engine decides as brute force on galleries made to mislead it") {
  const char* asked = std::getenv("FACEKEEP_MATCH_COMPARISONS");
  no_difference_in(asked != nullptr ? std::strtoull(asked, nullptr, 10) : 400000);
}

TEST_CASE("ten million comparisons", "[.]") {
  no_difference_in(10000000);
}
