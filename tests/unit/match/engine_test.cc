#include "vault/match/engine.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/support/catch.h"
#include "tests/unit/match/faces.h"
#include "vault/match/gallery.h"

using namespace facekeep;
using namespace facekeep::match;
using namespace facekeep::match::testing;

namespace {

// A gallery of many kinds of trouble: duplicates under several subjects, near-duplicates, one-hot,
// opposite and clustered vectors, tiny and huge norms; in random order of enrolment.
std::vector<Template> hard_gallery(std::size_t dimension, std::size_t count, std::mt19937& rng) {
  std::vector<Template> gallery;
  std::vector<std::uint64_t> orders(count);
  for (std::size_t i = 0; i < count; ++i) orders[i] = 10 + 3 * i;
  std::ranges::shuffle(orders, rng);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<float> v = random_face(dimension, rng);
    const std::vector<float>& other = gallery.empty() ? v : gallery[rng() % gallery.size()].values;
    switch (rng() % 8) {
      case 0: v = other; break;
      case 1: v = near(other, 1e-6F, rng); break;
      case 2: v = near(other, 0.5F, rng); break;
      case 3: v.assign(dimension, 0.0F), v[rng() % dimension] = 1.0F; break;
      case 4:
        v = other;
        std::ranges::transform(v, v.begin(), std::negate());
        break;
      case 5: std::ranges::transform(v, v.begin(), [](float x) { return x * 1e-9F; }); break;
      case 6: std::ranges::transform(v, v.begin(), [](float x) { return x * 1e8F; }); break;
      default: break;
    }
    gallery.push_back({ref_of(i / 2), orders[i], std::move(v)});  // two templates a subject
  }
  return gallery;
}

void fill(Engine& engine, const std::vector<Template>& gallery) {
  for (const Template& t : gallery) REQUIRE(engine.add("tower", "m", t.ref, t.order, t.values));
}

}  // namespace

TEST_CASE("identify and verify agree with a plain double loop") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  std::mt19937 rng(11);
  for (const std::size_t dimension : {64U, 100U, 512U}) {
    for (const std::size_t count : {0U, 1U, 63U, 64U, 65U, 700U, 2500U}) {
      INFO(dimension << " x " << count);
      const auto engine = make_engine(sourced);
      REQUIRE(engine->create_gallery("tower", "m", dimension));
      const auto gallery = hard_gallery(dimension, count, rng);
      fill(*engine, gallery);
      CHECK(engine->stats().templates == count);
      std::size_t wrong = 0;
      for (int p = 0; p < 40; ++p) {
        auto probe = random_face(dimension, rng);
        if (!gallery.empty() && p % 4 != 0) probe = gallery[rng() % count].values;
        if (p % 4 == 2) probe = near(probe, 0.3F, rng);
        for (const std::int64_t threshold : {-1000000, 0, 100000, 411000, 999999, 1000000}) {
          const auto got = engine->identify("tower", "m", probe, threshold);
          REQUIRE(got);
          wrong += *got == naive_identify(gallery, probe, threshold) ? 0U : 1U;
          const SubjectRef ref = ref_of(rng() % (count / 2 + 2));
          const auto match = engine->verify("tower", "m", ref, probe, threshold);
          REQUIRE(match);
          wrong += *match == naive_verify(gallery, ref, probe, threshold) ? 0U : 1U;
        }
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("a cosine exactly at the threshold passes, the next lower one does not") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  const auto engine = make_engine(sourced);
  REQUIRE(engine->create_gallery("tower", "m", 64));
  std::vector<float> face(64);
  face[0] = 1.0F;
  REQUIRE(engine->add("tower", "m", ref_of(1), 1, face));
  const float threshold = threshold_from_millionths(411000);
  for (const bool at : {true, false}) {
    const float cosine = at ? threshold : std::nextafterf(threshold, 0.0F);
    std::vector<float> probe(64);
    probe[0] = cosine;  // unit within 1e-6, so kept bit for bit; the cosine is probe[0]
    probe[1] = std::sqrt(1.0F - cosine * cosine);
    CHECK(*engine->verify("tower", "m", ref_of(1), probe, 411000) == at);
    CHECK(engine->identify("tower", "m", probe, 411000)->has_value() == at);
  }
}

TEST_CASE("of equal cosines the earliest enrolment wins, in whatever order they were added") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  std::mt19937 rng(5);
  const auto face = random_face(128, rng);
  for (const bool ascending : {true, false}) {
    const auto engine = make_engine(sourced);
    REQUIRE(engine->create_gallery("tower", "m", 128));
    static_assert(kMostOpened >= 900);
    for (std::uint64_t i = 0; i < 900; ++i) {
      const std::uint64_t order = ascending ? i : 899 - i;
      REQUIRE(engine->add("tower", "m", ref_of(order), order, face));
    }
    CHECK(engine->identify("tower", "m", face, 900000)->value() == ref_of(0));
    CHECK(engine->remove(ref_of(0)) == 1);
    CHECK(engine->identify("tower", "m", face, 900000)->value() == ref_of(1));
  }
}

TEST_CASE("a removed subject matches no more, in any model; the others still do") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  std::mt19937 rng(6);
  const auto engine = make_engine(sourced);
  REQUIRE(engine->create_gallery("tower", "a", 128));
  REQUIRE(engine->create_gallery("tower", "b", 512));
  const auto face_a = random_face(128, rng);
  const auto face_b = random_face(512, rng);
  for (std::uint64_t i = 0; i < 8; ++i) REQUIRE(engine->add("tower", "a", ref_of(1), 10 + i, near(face_a, 0.1F, rng)));
  REQUIRE(engine->add("tower", "b", ref_of(1), 20, face_b));
  REQUIRE(engine->add("tower", "b", ref_of(2), 21, random_face(512, rng)));
  CHECK(*engine->verify("tower", "a", ref_of(1), face_a, 900000));
  CHECK(engine->remove(ref_of(1)) == 9);
  CHECK(engine->remove(ref_of(1)) == 0);
  CHECK_FALSE(*engine->verify("tower", "a", ref_of(1), face_a, -1000000));
  CHECK(*engine->identify("tower", "a", face_a, -1000000) == std::nullopt);
  CHECK(engine->identify("tower", "b", face_b, -1000000)->value() == ref_of(2));
  CHECK(engine->stats().templates == 1);
}

TEST_CASE("a suspended subject matches nobody until it is lifted, templates added meanwhile included") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  std::mt19937 rng(8);
  const auto engine = make_engine(sourced);
  REQUIRE(engine->create_gallery("tower", "m", 64));
  const auto face = random_face(64, rng);
  const auto second = random_face(64, rng);
  REQUIRE(engine->add("tower", "m", ref_of(1), 1, face));
  REQUIRE(engine->add("tower", "m", ref_of(2), 2, near(face, 0.5F, rng)));
  engine->suspend(ref_of(1), true);
  REQUIRE(engine->add("tower", "m", ref_of(1), 3, second));
  CHECK_FALSE(*engine->verify("tower", "m", ref_of(1), face, 500000));
  CHECK_FALSE(*engine->verify("tower", "m", ref_of(1), second, 500000));
  CHECK(engine->identify("tower", "m", face, 500000)->value() == ref_of(2));
  engine->suspend(ref_of(1), false);
  CHECK(*engine->verify("tower", "m", ref_of(1), second, 500000));
  CHECK(engine->identify("tower", "m", face, 500000)->value() == ref_of(1));
}

TEST_CASE("sites and models do not see each other") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  std::mt19937 rng(9);
  const auto engine = make_engine(sourced);
  const auto face = random_face(64, rng);
  REQUIRE(engine->create_gallery("east", "m", 64));
  REQUIRE(engine->create_gallery("west", "m", 64));
  CHECK(engine->create_gallery("east", "m", 128).error().code == Errc::kAlreadyExists);
  REQUIRE(engine->add("east", "m", ref_of(1), 1, face));
  CHECK(*engine->identify("west", "m", face, -1000000) == std::nullopt);
  CHECK_FALSE(*engine->verify("west", "m", ref_of(1), face, -1000000));
  for (const auto& [site, model] : {std::pair("north", "m"), std::pair("east", "n")}) {
    CHECK(engine->identify(site, model, face, 0).error().code == Errc::kNotFound);
    CHECK(engine->verify(site, model, ref_of(1), face, 0).error().code == Errc::kNotFound);
    CHECK(engine->add(site, model, ref_of(1), 2, face).error().code == Errc::kNotFound);
  }
}

TEST_CASE("refused vectors and thresholds change nothing") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  const auto engine = make_engine(sourced);
  CHECK(engine->create_gallery("tower", "m", 63).error().code == Errc::kInvalidArgument);
  CHECK(engine->create_gallery("tower", "m", 1025).error().code == Errc::kInvalidArgument);
  REQUIRE(engine->create_gallery("tower", "m", 64));
  std::vector<float> bad(64, 1.0F);
  bad[3] = std::numeric_limits<float>::quiet_NaN();
  for (const auto& v : {bad, std::vector<float>(64), std::vector<float>(65, 1.0F), std::vector<float>()}) {
    CHECK(engine->add("tower", "m", ref_of(1), 1, v).error().code == Errc::kInvalidArgument);
    CHECK(engine->verify("tower", "m", ref_of(1), v, 0).error().code == Errc::kInvalidArgument);
    CHECK(engine->identify("tower", "m", v, 0).error().code == Errc::kInvalidArgument);
  }
  const std::vector<float> good(64, 1.0F);
  for (const std::int64_t threshold : {std::int64_t{-1000001}, std::int64_t{1000001}, INT64_MAX, INT64_MIN}) {
    CHECK(engine->verify("tower", "m", ref_of(1), good, threshold).error().code == Errc::kInvalidArgument);
    CHECK(engine->identify("tower", "m", good, threshold).error().code == Errc::kInvalidArgument);
  }
  CHECK(engine->stats().templates == 0);
  CHECK(engine->stats().bytes == 0);
}

TEST_CASE("memory comes back after removals, slots are used again, and the answers stay right") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  std::mt19937 rng(12);
  const auto engine = make_engine(sourced);
  REQUIRE(engine->create_gallery("tower", "m", 128));
  auto gallery = hard_gallery(128, 12000, rng);
  fill(*engine, gallery);
  const std::size_t full = engine->stats().bytes;
  // 96 leading and 128 residual codes of four bits, and three bounds; the values too, unless the source has them.
  CHECK(full < 12000U * (96 / 2 + 128 / 2 + 3 + (sourced ? 0 : 128 * 4)) * 4 / 3);
  // Scattered: nine subjects of ten go, so that no chunk empties by itself.
  std::erase_if(gallery, [&](const Template& t) {
    if (t.ref[15] % 10 == 3) return false;
    engine->remove(t.ref);
    return true;
  });
  CHECK(engine->stats().templates == gallery.size());
  CHECK(engine->stats().bytes < full / 2);
  for (int p = 0; p < 50; ++p) {
    const auto probe = p % 2 == 0 ? random_face(128, rng) : near(gallery[rng() % gallery.size()].values, 0.2F, rng);
    CHECK(*engine->identify("tower", "m", probe, 0) == naive_identify(gallery, probe, 0));
    const SubjectRef ref = gallery[rng() % gallery.size()].ref;
    CHECK(*engine->verify("tower", "m", ref, probe, 200000) == naive_verify(gallery, ref, probe, 200000));
  }
  const std::size_t small = engine->stats().bytes;
  for (std::uint64_t i = 0; i < 500; ++i) {
    gallery.push_back({ref_of(100000 + i), 1000000 + i, random_face(128, rng)});
    REQUIRE(engine->add("tower", "m", gallery.back().ref, gallery.back().order, gallery.back().values));
  }
  CHECK(engine->stats().bytes == small);  // from the free slots
  const auto& newest = gallery.back();
  CHECK(engine->identify("tower", "m", newest.values, 900000)->value() == newest.ref);
  for (const Template& t : gallery) engine->remove(t.ref);
  CHECK(engine->stats().bytes == 0);
}

TEST_CASE("clear wipes everything and the engine can be filled again") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  std::mt19937 rng(13);
  const auto engine = make_engine(sourced);
  REQUIRE(engine->create_gallery("tower", "m", 64));
  const auto face = random_face(64, rng);
  REQUIRE(engine->add("tower", "m", ref_of(1), 1, face));
  engine->suspend(ref_of(2), true);
  engine->clear();
  CHECK(engine->stats().bytes == 0);
  CHECK(engine->stats().galleries == 0);
  CHECK(engine->identify("tower", "m", face, 0).error().code == Errc::kNotFound);
  REQUIRE(engine->create_gallery("tower", "m", 64));
  CHECK(*engine->identify("tower", "m", face, 0) == std::nullopt);
  REQUIRE(engine->add("tower", "m", ref_of(2), 2, face));
  CHECK(*engine->verify("tower", "m", ref_of(2), face, 900000));
}

TEST_CASE("a template that the source no longer has decides nothing, while the engine still knows it") {
  std::mt19937 rng(14);
  SourcedEngine engine(2);
  REQUIRE(engine.create_gallery("tower", "m", 128));
  const auto face = random_face(128, rng);
  for (std::uint64_t i = 0; i < 300; ++i) {
    const auto values = i < 3 ? near(face, 0.1F * static_cast<float>(i + 1), rng) : random_face(128, rng);
    REQUIRE(engine.add("tower", "m", ref_of(i), i, values));
  }
  CHECK(engine.identify("tower", "m", face, 600000)->value() == ref_of(0));
  engine.source.remove(ref_of(0));
  CHECK(engine.identify("tower", "m", face, 600000)->value() == ref_of(1));
  CHECK_FALSE(*engine.verify("tower", "m", ref_of(0), face, 600000));
  engine.source.remove(ref_of(2));
  engine.source.remove(ref_of(1));
  CHECK(*engine.identify("tower", "m", face, 600000) == std::nullopt);
}

TEST_CASE("what the source can't read is an error of those who need it, and of nobody else") {
  std::mt19937 rng(15);
  SourcedEngine engine(2);
  REQUIRE(engine.create_gallery("tower", "m", 128));
  const auto face = random_face(128, rng);
  for (std::uint64_t i = 0; i < 300; ++i) {
    REQUIRE(engine.add("tower", "m", ref_of(i), i, i == 0 ? face : random_face(128, rng)));
  }
  engine.source.put({ref_of(0), 0}, std::vector<float>(64));  // not what was enrolled
  CHECK(engine.identify("tower", "m", face, 600000).error().code == Errc::kIntegrity);
  CHECK(engine.verify("tower", "m", ref_of(0), face, 600000).error().code == Errc::kIntegrity);
  CHECK(*engine.identify("tower", "m", random_face(128, rng), 800000) == std::nullopt);
  CHECK_FALSE(*engine.verify("tower", "m", ref_of(1), face, 600000));
  engine.source.put({ref_of(0), 0}, std::vector<float>(128));  // no direction
  CHECK_FALSE(engine.identify("tower", "m", face, 600000));
}

TEST_CASE("hardly any template of a large gallery is opened") {
  std::mt19937 rng(16);
  SourcedEngine engine(2);
  REQUIRE(engine.create_gallery("tower", "m", 256));
  for (std::uint64_t i = 0; i < 3000; ++i) REQUIRE(engine.add("tower", "m", ref_of(i), i, random_face(256, rng)));
  engine.source.opened = 0;
  for (int p = 0; p < 20; ++p) CHECK(*engine.identify("tower", "m", random_face(256, rng), 500000) == std::nullopt);
  CHECK(engine.source.opened < 20);
}

TEST_CASE("copies of one face make a question open many templates, up to a limit, and beyond it there is no answer") {
  std::mt19937 rng(17);
  SourcedEngine engine(2);
  REQUIRE(engine.create_gallery("tower", "m", 128));
  for (std::uint64_t i = 0; i < 300; ++i) REQUIRE(engine.add("tower", "m", ref_of(i), i, random_face(128, rng)));
  const auto face = random_face(128, rng);
  std::uint64_t copies = 0;
  const auto copy = [&](std::size_t upto) {
    for (; copies < upto; ++copies) REQUIRE(engine.add("tower", "m", ref_of(1000 + copies), 1000 + copies, face));
  };
  copy(kMostOpened);
  CHECK(*engine.identify("tower", "m", face, 600000) == ref_of(1000));
  copy(4 * kMostOpened);
  engine.source.opened = 0;
  CHECK(engine.identify("tower", "m", face, 600000).error().code == Errc::kIntegrity);
  CHECK(engine.source.opened <= kMostOpened);
  // Nobody else's question is any the worse for it.
  const auto other = random_face(128, rng);
  REQUIRE(engine.add("tower", "m", ref_of(9), 999999, other));
  CHECK(*engine.identify("tower", "m", other, 600000) == ref_of(9));
  CHECK(*engine.verify("tower", "m", ref_of(1000), face, 600000));
}

TEST_CASE("many small galleries beside a large one, of two models, and one with nobody: each answers for itself") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  std::mt19937 rng(31);
  const auto engine = make_engine(sourced);
  REQUIRE(engine->create_gallery("large", "m", 64));
  REQUIRE(engine->create_gallery("empty", "m", 64));
  std::uint64_t order = 0;
  std::vector<Template> large;
  for (std::uint64_t i = 0; i < 20000; ++i) large.push_back({ref_of(i), ++order, random_face(64, rng)});
  for (const auto& t : large) REQUIRE(engine->add("large", "m", t.ref, t.order, t.values));
  std::vector<std::vector<Template>> small(1000);
  for (std::uint64_t g = 0; g < small.size(); ++g) {
    const std::string site = "s" + std::to_string(g);
    const std::size_t dimension = g % 2 == 0 ? 64 : 128;
    const std::string model = g % 2 == 0 ? "m" : "other";
    REQUIRE(engine->create_gallery(site, model, dimension));
    for (std::uint64_t i = 0; i < 20; ++i) {
      small[g].push_back({ref_of(1000000 + g * 20 + i), ++order, random_face(dimension, rng)});
      REQUIRE(engine->add(site, model, small[g].back().ref, small[g].back().order, small[g].back().values));
    }
  }
  for (std::uint64_t g = 0; g < small.size(); ++g) {
    const std::string site = "s" + std::to_string(g);
    const std::string model = g % 2 == 0 ? "m" : "other";
    const auto probe = near(small[g][g % 20].values, 0.2F, rng);
    CHECK(*engine->identify(site, model, probe, 200000) == naive_identify(small[g], probe, 200000));
    if (g % 2 == 1) continue;
    CHECK(*engine->identify("large", "m", probe, 200000) == naive_identify(large, probe, 200000));
    CHECK(*engine->identify("empty", "m", probe, -1000000) == std::nullopt);
    CHECK(engine->identify(site, "other", probe, 0).error().code == Errc::kNotFound);
  }
}
