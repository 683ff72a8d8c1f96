// What counts as a repetition, what does not, and that a ring is all that is kept.
#include "vault/match/repetition.h"

#include <cmath>
#include <random>
#include <vector>

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::match;

namespace {

using Face = std::vector<float>;

void normalise(Face& v) {
  double sum = 0;
  for (const float x : v) sum += static_cast<double>(x) * x;
  for (float& x : v) x = static_cast<float>(x / std::sqrt(sum));
}

class Faces {
 public:
  Face stranger() {
    Face v(128);
    for (float& x : v) x = normal_(random_);
    normalise(v);
    return v;
  }
  Face near(const Face& v, double cosine) {
    Face other = stranger();
    double dot = 0;
    for (std::size_t i = 0; i < v.size(); ++i) dot += static_cast<double>(v[i]) * other[i];
    for (std::size_t i = 0; i < v.size(); ++i) other[i] -= static_cast<float>(dot) * v[i];
    normalise(other);
    for (std::size_t i = 0; i < v.size(); ++i) {
      other[i] = static_cast<float>(cosine * v[i] + std::sqrt(1 - cosine * cosine) * other[i]);
    }
    return other;
  }

 private:
  std::mt19937_64 random_{3};
  std::normal_distribution<float> normal_;
};

std::string kind(Repetition& r, const Face& probe, bool matched = false, const std::string& place = "main/north/face") {
  const auto look = r.look(place, probe);
  REQUIRE(look);
  r.answered(place, look->ticket, matched);
  return look->kind ? std::string(*look->kind) : "-";
}

ArenaOptions unlocked() {
  ArenaOptions o;
  o.allow_unlocked = true;
  return o;
}

}  // namespace

TEST_CASE("the same probe again is exact, a small step is near, another image of the person is neither") {
  Repetition r(unlocked());
  Faces faces;
  const Face a = faces.stranger();
  CHECK(kind(r, a) == "-");
  CHECK(kind(r, a) == "exact");
  CHECK(kind(r, faces.near(a, 0.99)) == "near");
  CHECK(kind(r, faces.near(a, 0.9)) == "-");
  CHECK(kind(r, faces.stranger()) == "-");
}

TEST_CASE("each door and model remembers its own") {
  Repetition r(unlocked());
  Faces faces;
  const Face a = faces.stranger();
  CHECK(kind(r, a) == "-");
  CHECK(kind(r, a, false, "main/south/face") == "-");
  CHECK(kind(r, a, false, "main/north/face") == "exact");
}

TEST_CASE("probes alike on both sides of the threshold are a chain; on one side they are a person") {
  Faces faces;
  const Face a = faces.stranger();
  Repetition one_side(unlocked());
  Repetition both_sides(unlocked());
  for (int i = 0; i < kChainLength; ++i) {
    const Face probe = faces.near(a, 0.92);
    CHECK(kind(one_side, probe, true) == "-");
    CHECK(kind(both_sides, probe, i % 2 == 0) == "-");
  }
  CHECK(kind(one_side, faces.near(a, 0.92)) == "-");
  CHECK(kind(both_sides, faces.near(a, 0.92)) == "chain");
}

TEST_CASE("the oldest is forgotten first, and all of it with clear") {
  Repetition r(unlocked());
  Faces faces;
  const Face first = faces.stranger();
  const Face second = faces.stranger();
  CHECK(kind(r, first) == "-");
  CHECK(kind(r, second) == "-");
  for (std::size_t i = 1; i < kRemembered; ++i) CHECK(kind(r, faces.stranger()) == "-");
  CHECK(kind(r, second) == "exact");
  CHECK(kind(r, first) == "-");
  CHECK(r.bytes() > 0);
  r.clear();
  CHECK(r.bytes() == 0);
  CHECK(kind(r, second) == "-");
}
