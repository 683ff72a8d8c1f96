#include "tools/common/calibrate.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tools/common/generate.h"
#include "tools/common/rows.h"
#include "tools/common/text_lines.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

// A vector in the plane at this angle from the first axis: cosines are those of angle differences.
std::vector<float> at_degrees(double degrees) {
  const double angle = degrees * std::acos(-1.0) / 180;
  return {static_cast<float>(2 * std::cos(angle)), static_cast<float>(2 * std::sin(angle))};
}

CalibrationSet small_set() {
  CalibrationSet set;
  REQUIRE(set.add("a", at_degrees(0)));
  REQUIRE(set.add("a", at_degrees(10)));
  REQUIRE(set.add("b", at_degrees(90)));
  REQUIRE(set.add("b", at_degrees(150)));
  REQUIRE(set.add("c", at_degrees(75)));
  return set;
}

// Real embeddings, if they are here.
struct Real {
  CalibrationSet set;
  bool present = false;
};
const Real& real_faces() {
  static const Real real = [] {
    Real out;
    const std::string data = facekeep::test::shared_dir() + "/data/";
    auto rows = open_rows({data + "faces-128.f32", data + "faces.labels.csv", "person", 128});
    if (!rows) return out;
    for (;;) {
      auto row = (*rows)->next();
      REQUIRE(row);
      if (!*row) break;
      REQUIRE_FALSE((*row)->error);
      REQUIRE(out.set.add((*row)->subject, (*row)->values));
    }
    out.present = true;
    return out;
  }();
  if (!real.present) WARN("skipped: there are no real embeddings at " + facekeep::test::shared_dir() + "/data");
  return real;
}
const Calibration& real_scores() {
  static const Calibration scores = *calibrate(real_faces().set, {.max_impostor_rows = 5000, .progress = {}});
  return scores;
}

struct Pair {
  int fold;
  bool same;
  float score;
};
std::size_t right_at(const std::vector<Pair>& pairs, float threshold, int fold, bool in_fold) {
  return static_cast<std::size_t>(std::count_if(pairs.begin(), pairs.end(), [&](const Pair& p) {
    return (p.fold == fold) == in_fold && (p.score >= threshold) == p.same;
  }));
}

}  // namespace

TEST_CASE("scores are counted by kind") {
  const Calibration c = *calibrate(small_set());
  CHECK(c.genuine().total() == 2);
  CHECK(c.impostor().total() == 8);
  CHECK(c.gallery() == 2);
  CHECK(std::abs(c.genuine().mean() - (std::cos(10 * M_PI / 180) + 0.5) / 2) < 1e-6);
  // Impostors at 90, 150, 75, 80, 140, 65, 15 and 75 degrees.
  CHECK(c.impostor().at_or_above(900000) == 1);
  CHECK(c.impostor().at_or_above(420000) == 2);
  CHECK(c.impostor().at_or_above(250000) == 4);
  CHECK(c.impostor().at_or_above(-1000000) == 8);
}

TEST_CASE("rates at a threshold are exact") {
  const Calibration c = *calibrate(small_set());
  const VerifyPoint p = c.verify_at(900000);
  CHECK(p.fmr.count == 1);
  CHECK(p.fmr.trials == 8);
  CHECK(p.fnmr.count == 1);
  CHECK(p.fnmr.millionths() == 500000);
  CHECK(c.verify_at(400000).fnmr.count == 0);
  CHECK(Rate{1, 3000000}.millionths() == 1);
  CHECK(Rate{0, 5}.millionths() == 0);
}

TEST_CASE("the threshold for a wanted FMR is the lowest that keeps it") {
  const Calibration c = *calibrate(small_set());
  const VerifyPoint eighth = c.verify_for_fmr(0.13);
  CHECK(eighth.fmr.count == 1);
  CHECK(c.verify_at(eighth.threshold - 1).fmr.count == 2);
  CHECK_FALSE(eighth.supported);
  const VerifyPoint none = c.verify_for_fmr(0.01);
  CHECK(none.fmr.count == 0);
  CHECK(c.verify_at(none.threshold - 1).fmr.count == 1);
  CHECK(c.verify_for_fmr(0.99).supported);
}

TEST_CASE("the pair of different subjects that look most alike is named") {
  const Calibration c = *calibrate(small_set());
  REQUIRE(c.suspects().size() == 8);
  CHECK(c.suspects()[0].row_a == 2);
  CHECK(c.suspects()[0].row_b == 4);
  CHECK(std::abs(c.suspects()[0].score - 965925) <= 1);
}

TEST_CASE("searches over more people find more strangers") {
  const Calibration c = *calibrate(small_set());
  const IdentifyPoint one = c.identify_at(900000, 1);
  CHECK(one.fpir_expected == 125000);  // 1 of 8
  const IdentifyPoint two = c.identify_at(900000, 2);
  CHECK(two.fpir_expected == 234375);  // 1 - (7/8)^2
  CHECK(two.measured_gallery == 2);
  CHECK(c.identify_at(900000, 1000000).fpir_expected == 1000000);
  // Mated probes: a at 10 degrees finds a; b at 150 finds b (60 degrees away, cosine .5).
  CHECK(c.identify_at(400000, 2).fnir.count == 0);
  CHECK(c.identify_at(600000, 2).fnir.count == 1);
}

TEST_CASE("a mated probe that another subject wins is missed at any threshold") {
  CalibrationSet set;
  REQUIRE(set.add("a", at_degrees(0)));
  REQUIRE(set.add("a", at_degrees(50)));
  REQUIRE(set.add("b", at_degrees(60)));
  REQUIRE(set.add("b", at_degrees(61)));
  const Calibration c = *calibrate(set);
  CHECK(c.identify_at(-1000000, 2).fnir.count == 1);
  CHECK(c.identify_at(-1000000, 2).fnir.trials == 2);
}

TEST_CASE("sets that can't be calibrated are refused") {
  CalibrationSet set;
  CHECK_FALSE(set.add("a", {}));
  REQUIRE(set.add("a", at_degrees(0)));
  CHECK_FALSE(set.add("a", std::vector<float>{1, 2, 3}));
  CHECK_FALSE(set.add("a", std::vector<float>{0, 0}));
  CHECK_FALSE(set.add("a", std::vector<float>{NAN, 0}));
  CHECK_FALSE(set.add("a", std::vector<float>{INFINITY, 0}));
  CHECK(set.size() == 1);
  CHECK(calibrate(set).error().code == Errc::kFailedPrecondition);
  REQUIRE(set.add("a", at_degrees(1)));
  CHECK(calibrate(set).error().code == Errc::kFailedPrecondition);  // no impostor
  CalibrationSet singles;
  REQUIRE(singles.add("a", at_degrees(0)));
  REQUIRE(singles.add("b", at_degrees(1)));
  CHECK(calibrate(singles).error().code == Errc::kFailedPrecondition);  // no genuine pair
  CHECK(calibrate(CalibrationSet()).error().code == Errc::kFailedPrecondition);
}

TEST_CASE("a threshold for a wanted FPIR keeps it on generated faces") {
  const FaceGenerator generator = *FaceGenerator::make(128, 11);
  CalibrationSet set;
  std::vector<float> face(128);
  for (std::uint64_t person = 0; person < 900; ++person) {
    for (std::uint64_t image = 0; image < (person < 500 ? 2U : 1U); ++image) {
      generator.face(person, image, face);
      REQUIRE(set.add(generated_subject(person), face));
    }
  }
  std::uint64_t last = 0;
  const auto c = calibrate(set, {.max_impostor_rows = 700, .progress = [&](std::uint64_t done, std::uint64_t total) {
                                   CHECK(done >= last);
                                   CHECK(done <= total);
                                   last = done;
                                 }});
  REQUIRE(c);
  CHECK(last == 700 + 900);
  CHECK(c->gallery() == 500);
  const IdentifyPoint p = c->identify_for_fpir(0.02, 500);
  CHECK(p.supported);
  CHECK(p.fpir.trials == 400);
  CHECK(p.fpir.value() <= 0.02);
  CHECK(p.fpir_expected <= 20000);
  CHECK(p.fnir.value() < 0.1);
  // A larger gallery needs a higher threshold.
  CHECK(c->identify_for_fpir(0.02, 50000).threshold > p.threshold);
  // The two estimates agree within a factor of three where both have data.
  const IdentifyPoint q = c->identify_at(300000, 500);
  CHECK(q.fpir.value() > static_cast<double>(q.fpir_expected) / 3e6);
  CHECK(q.fpir.value() < static_cast<double>(q.fpir_expected) * 3 / 1e6);
}

TEST_CASE("the 10-fold verification accuracy of the real embeddings is the published one") {
  if (!real_faces().present) return;
  std::ifstream in(facekeep::test::shared_dir() + "/data/pairs.csv");
  CsvReader reader(in);
  REQUIRE(*reader.next());
  std::vector<Pair> pairs;
  for (;;) {
    const auto record = reader.next();
    REQUIRE(record);
    if (!*record) break;
    const auto& f = (*record)->fields;
    REQUIRE(f.size() == 4);
    pairs.push_back({std::stoi(f[0]), f[1] == "1", real_faces().set.score(std::stoul(f[2]), std::stoul(f[3]))});
  }
  REQUIRE(pairs.size() == 6000);
  double accuracy = 0;
  for (int fold = 1; fold <= 10; ++fold) {
    float best = 0;
    std::size_t most = 0;
    for (float t = -0.2F; t < 0.8F; t += 0.002F) {
      const std::size_t right = right_at(pairs, t, fold, false);
      if (right > most) {
        most = right;
        best = t;
      }
    }
    accuracy += static_cast<double>(right_at(pairs, best, fold, true)) / 600 / 10;
  }
  INFO(accuracy);
  CHECK(std::abs(accuracy - 0.9918) < 0.002);
}

TEST_CASE("the scores of the real embeddings have the published statistics") {
  if (!real_faces().present) return;
  const Calibration& c = real_scores();
  CHECK(std::abs(c.genuine().mean() - 0.685) < 0.001);
  CHECK(std::abs(c.genuine().standard_deviation() - 0.100) < 0.001);
  CHECK(std::abs(c.impostor().mean() - 0.021) < 0.003);
  CHECK(std::abs(c.impostor().standard_deviation() - 0.099) < 0.003);
  const double p999 = c.verify_for_fmr(0.001).threshold / 1e6;
  CHECK(std::abs(p999 - 0.355) < 0.01);
}

TEST_CASE("the 1:N search of the real embeddings finds the published share first") {
  if (!real_faces().present) return;
  const IdentifyPoint p = real_scores().identify_at(-1000000, 1680);
  CHECK(p.measured_gallery == 1680);
  CHECK(p.fnir.trials == 7484);
  CHECK(p.fpir.trials == 4069);
  CHECK(std::abs(1 - p.fnir.value() - 0.97956) < 0.0002);
}
