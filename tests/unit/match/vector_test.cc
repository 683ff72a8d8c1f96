#include "vault/match/vector.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::match;

namespace {

std::vector<float> ones(std::size_t n) {
  return std::vector<float>(n, 1.0F);
}

}  // namespace

TEST_CASE("a vector that a model can't have put out is refused, each fault by its own name") {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  auto v = ones(64);
  CHECK(find_fault(v, 65) == VectorFault::kWrongDimension);
  CHECK(find_fault({}, 64) == VectorFault::kWrongDimension);
  v[63] = std::numeric_limits<float>::quiet_NaN();
  CHECK(find_fault(v, 64) == VectorFault::kNan);
  v[63] = -kInf;
  CHECK(find_fault(v, 64) == VectorFault::kInfinite);
  v[0] = std::numeric_limits<float>::signaling_NaN();
  CHECK(find_fault(v, 64) == VectorFault::kNan);
  CHECK(find_fault(std::vector<float>(64, -0.0F), 64) == VectorFault::kZero);
  CHECK(find_fault(std::vector<float>(64, 1e-20F), 64) == VectorFault::kNormOutOfRange);
  CHECK(find_fault(std::vector<float>(64, std::numeric_limits<float>::denorm_min()), 64) ==
        VectorFault::kNormOutOfRange);
  CHECK(find_fault(std::vector<float>(64, std::numeric_limits<float>::max()), 64) == VectorFault::kNormOutOfRange);
  CHECK(find_fault(ones(64), 64) == std::nullopt);
}

TEST_CASE("each fault has a sentence, a hint and no value of the vector") {
  for (const auto fault : {VectorFault::kWrongDimension, VectorFault::kNan, VectorFault::kInfinite, VectorFault::kZero,
                           VectorFault::kNormOutOfRange}) {
    const Error e = to_error(fault);
    CHECK(e.code == Errc::kInvalidArgument);
    CHECK_FALSE(e.message.empty());
    CHECK_FALSE(e.hint.empty());
  }
}

TEST_CASE("dimensions run from 64 to 1024") {
  CHECK_FALSE(check_dimension(63));
  CHECK(check_dimension(64));
  CHECK(check_dimension(1024));
  CHECK_FALSE(check_dimension(1025));
}

TEST_CASE("a refused vector leaves the output alone") {
  std::vector<float> out(64, 7.0F);
  CHECK_FALSE(normalise(std::vector<float>(64), 64, out));
  CHECK(out == std::vector<float>(64, 7.0F));
}

TEST_CASE("a vector is scaled to unit length and padded with zeros") {
  std::vector<float> v(100);
  v[0] = 3.0F;
  v[99] = -4.0F;
  std::vector<float> out(112, 7.0F);
  REQUIRE(normalise(v, 100, out));
  CHECK(out[0] == 0.6F);
  CHECK(out[99] == -0.8F);
  for (std::size_t i = 100; i < 112; ++i) CHECK(out[i] == 0.0F);
}

TEST_CASE("a unit vector within 1e-6 is kept bit for bit, one outside is not") {
  std::vector<float> v(64);
  std::vector<float> out(64);
  for (const float near : {1.0F - 0.9e-6F, 1.0F + 0.9e-6F}) {
    v[5] = near;
    REQUIRE(normalise(v, 64, out));
    CHECK(out[5] == near);
  }
  v[5] = 1.0F + 2e-6F;
  REQUIRE(normalise(v, 64, out));
  CHECK(out[5] == 1.0F);
}

TEST_CASE("normalising twice is normalising once, at every size and scale") {
  std::mt19937 rng(1);
  std::normal_distribution<float> normal;
  for (const std::size_t n : {64U, 100U, 512U, 1024U}) {
    for (const float scale : {1e-11F, 1e-3F, 1.0F, 37.0F, 1e9F}) {
      std::vector<float> v(n);
      for (float& x : v) x = scale * normal(rng);
      std::vector<float> once(n);
      std::vector<float> twice(n);
      REQUIRE(normalise(v, n, once));
      REQUIRE(normalise(once, n, twice));
      CHECK(once == twice);
      double sum = 0;
      for (const float x : once) sum += static_cast<double>(x) * x;
      CHECK(std::abs(std::sqrt(sum) - 1.0) < 1e-7);
    }
  }
}
