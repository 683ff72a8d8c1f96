#include "tools/common/generate.h"

#include <algorithm>
#include <cmath>

#include "tests/support/catch.h"
#include "tests/unit/tools/scratch.h"
#include "tools/common/calibrate.h"
#include "tools/common/random.h"
#include "tools/common/rows.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

Calibration scores_of(std::uint32_t dimension, std::uint64_t seed) {
  const FaceGenerator generator = *FaceGenerator::make(dimension, seed);
  CalibrationSet set;
  std::vector<float> face(dimension);
  for (std::uint64_t person = 0; person < 400; ++person) {
    for (std::uint64_t image = 0; image < 4; ++image) {
      generator.face(person, image, face);
      REQUIRE(set.add(generated_subject(person), face));
    }
  }
  return *calibrate(set);
}

// The largest eigenvalues' share of the energy, by power iteration with deflation on a sample.
double leading_energy(std::uint32_t dimension, std::size_t axes) {
  const FaceGenerator generator = *FaceGenerator::make(dimension, 3);
  constexpr std::size_t kSample = 400;
  std::vector<std::vector<double>> faces(kSample);
  std::vector<float> face(dimension);
  for (std::size_t p = 0; p < kSample; ++p) {
    generator.face(p, 0, face);
    faces[p].assign(face.begin(), face.end());
  }
  Xoshiro256 random({9});
  double taken = 0;
  for (std::size_t k = 0; k < axes; ++k) {
    std::vector<double> axis(dimension);
    for (double& x : axis) x = random.normal();
    std::vector<double> next(dimension);
    for (int step = 0; step < 8; ++step) {
      std::fill(next.begin(), next.end(), 0.0);
      for (const auto& f : faces) {
        double along = 0;
        for (std::size_t i = 0; i < dimension; ++i) along += f[i] * axis[i];
        for (std::size_t i = 0; i < dimension; ++i) next[i] += along * f[i];
      }
      double length = 0;
      for (const double x : next) length += x * x;
      for (std::size_t i = 0; i < dimension; ++i) axis[i] = next[i] / std::sqrt(length);
    }
    for (auto& f : faces) {
      double along = 0;
      for (std::size_t i = 0; i < dimension; ++i) along += f[i] * axis[i];
      for (std::size_t i = 0; i < dimension; ++i) f[i] -= along * axis[i];
      taken += along * along;
    }
  }
  return taken / kSample;
}

}  // namespace

TEST_CASE("SplitMix64 and xoshiro256** give their published sequences") {
  std::uint64_t state = 1234567;
  CHECK(splitmix64(state) == 6457827717110365317ULL);
  CHECK(splitmix64(state) == 3203168211198807973ULL);
  Xoshiro256 random(std::array<std::uint64_t, 4>{1, 2, 3, 4});
  for (const std::uint64_t expected : {11520ULL, 0ULL, 1509978240ULL, 1215971899390074240ULL}) {
    CHECK(random.next() == expected);
  }
}

TEST_CASE("normal numbers have mean 0 and deviation 1") {
  Xoshiro256 random({1, 2});
  double sum = 0;
  double squares = 0;
  constexpr int kCount = 200000;
  for (int i = 0; i < kCount; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
  }
  CHECK(std::abs(sum / kCount) < 0.01);  // 4.5 standard errors
  CHECK(std::abs(squares / kCount - 1) < 0.02);
}

TEST_CASE("generated faces have the statistics of real ones") {
  for (const std::uint32_t dimension : {128U, 256U, 512U}) {
    for (const std::uint64_t seed : {1U, 2U}) {
      const Calibration scores = scores_of(dimension, seed);
      INFO("dimension " << dimension << " seed " << seed << " genuine " << scores.genuine().mean() << " "
                        << scores.genuine().standard_deviation() << " impostor " << scores.impostor().mean() << " "
                        << scores.impostor().standard_deviation());
      CHECK(std::abs(scores.genuine().mean() - 0.66) < 0.02);
      CHECK(std::abs(scores.genuine().standard_deviation() - 0.10) < 0.015);
      CHECK(std::abs(scores.impostor().mean() - 0.03) < 0.01);
      CHECK(std::abs(scores.impostor().standard_deviation() - 0.09) < 0.015);
    }
  }
}

TEST_CASE("the leading axes carry most of the energy, and no coordinate does") {
  CHECK(leading_energy(512, 64) > 0.65);
  const FaceGenerator generator = *FaceGenerator::make(512, 3);
  std::vector<double> energy(512);
  std::vector<float> face(512);
  for (std::uint64_t p = 0; p < 300; ++p) {
    generator.face(p, 0, face);
    for (std::size_t i = 0; i < 512; ++i) energy[i] += static_cast<double>(face[i]) * face[i] / 300;
  }
  CHECK(*std::max_element(energy.begin(), energy.end()) < 12.0 / 512);
}

TEST_CASE("every generated face has unit length") {
  for (const std::uint32_t dimension : {64U, 100U, 1024U}) {
    const FaceGenerator generator = *FaceGenerator::make(dimension, 7);
    std::vector<float> face(dimension);
    generator.face(123456789, 3, face);
    double squares = 0;
    for (const float v : face) squares += static_cast<double>(v) * v;
    CHECK(std::abs(squares - 1) < 1e-5);
  }
}

TEST_CASE("the same seed gives the same faces in any order, another seed others") {
  const FaceGenerator a = *FaceGenerator::make(128, 5);
  const FaceGenerator b = *FaceGenerator::make(128, 5);
  const FaceGenerator c = *FaceGenerator::make(128, 6);
  std::vector<float> x(128), y(128);
  a.face(3, 1, x);
  b.face(9, 9, y);
  b.face(3, 1, y);
  CHECK(x == y);
  c.face(3, 1, y);
  CHECK(x != y);
}

TEST_CASE("generated files are read back by the readers") {
  const Scratch dir;
  const std::string npy = (dir.path() / "g.npy").string();
  const std::string labels = (dir.path() / "g.csv").string();
  std::uint64_t reported = 0;
  REQUIRE(write_generated({64, 5, 2, 1}, npy, labels, [&](std::uint64_t n) { reported = n; }));
  CHECK(reported == 10);
  auto rows = open_rows({npy, labels, {}, 0});
  REQUIRE(rows);
  std::vector<float> expected(64);
  const FaceGenerator generator = *FaceGenerator::make(64, 1);
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto row = (*rows)->next();
    REQUIRE(row);
    REQUIRE(*row);
    generator.face(i / 2, i % 2, expected);
    CHECK((*row)->values == expected);
    CHECK((*row)->subject == generated_subject(i / 2));
  }
  CHECK_FALSE(*(*rows)->next());
}

TEST_CASE("what can't be generated is refused") {
  CHECK_FALSE(FaceGenerator::make(63, 1));
  CHECK_FALSE(FaceGenerator::make(1025, 1));
  CHECK(write_generated({64, 0, 1, 1}, "/tmp/x", "/tmp/y").error().code == Errc::kInvalidArgument);
  CHECK(write_generated({64, 1, 0, 1}, "/tmp/x", "/tmp/y").error().code == Errc::kInvalidArgument);
  const Scratch dir;
  CHECK(write_generated({64, 1, 1, 1}, "/nonexistent/x", (dir.path() / "y").string()).error().code == Errc::kIo);
}
