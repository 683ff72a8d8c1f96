#include "vault/match/cosine.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/catch.h"
#include "vault/match/vector.h"

using namespace facekeep;
using namespace facekeep::match;

namespace {

// Uses one kernel for as long as it lives.
class Forced {
 public:
  explicit Forced(const Kernel& kernel) { force_kernel_for_test(kernel.target); }
  ~Forced() { force_kernel_for_test(0); }
  Forced(const Forced&) = delete;
  Forced& operator=(const Forced&) = delete;
};

constexpr std::size_t kRows = 7;  // not a multiple of what a kernel does at once

// Rows and a probe of one kind, padded with zeros.
struct Case {
  std::size_t dimension;
  std::vector<float> probe;
  std::vector<float> rows;
};

Case make_case(std::size_t dimension, int kind, std::mt19937& rng) {
  const std::size_t padded = padded_dimension(dimension);
  Case c{dimension, std::vector<float>(padded), std::vector<float>(padded * kRows)};
  std::normal_distribution<float> normal;
  const auto value = [&](std::size_t i) -> float {
    switch (kind) {
      case 0: return normal(rng);
      case 1: return std::ldexp(normal(rng), static_cast<int>(rng() % 60) - 50);  // cancellation, wide range
      case 2: return std::ldexp(normal(rng), -74);                                // products are subnormal
      case 3: return (i % 2 == 0 ? 1.0F : -1.0F) * (1.0F + 0x1p-23F * static_cast<float>(rng() % 8));
      default: return rng() % 16 == 0 ? normal(rng) : (rng() % 2 == 0 ? 0.0F : -0.0F);
    }
  };
  for (std::size_t i = 0; i < dimension; ++i) c.probe[i] = value(i);
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t i = 0; i < dimension; ++i) c.rows[r * padded + i] = value(i);
  }
  return c;
}

std::size_t differences(const Case& c) {
  const std::size_t padded = padded_dimension(c.dimension);
  std::vector<float> scores(kRows);
  cosine_rows(c.probe.data(), c.rows.data(), padded, kRows, scores.data());
  std::size_t wrong = 0;
  for (std::size_t r = 0; r < kRows; ++r) {
    const float expected = cosine({c.probe.data(), c.dimension}, {c.rows.data() + r * padded, c.dimension});
    wrong += std::bit_cast<std::uint32_t>(scores[r]) != std::bit_cast<std::uint32_t>(expected) ? 1 : 0;
  }
  return wrong;
}

}  // namespace

TEST_CASE("the order of the sum is the documented one") {
  // Each lane of 16 adds in index order: 1 + 2^-24 is lost, 2^-24 + 2^-24 is not.
  std::vector<float> a(64, 0.0F);
  const std::vector<float> ones(64, 1.0F);
  a[0] = 1.0F;
  a[16] = 0x1p-24F;
  a[32] = 0x1p-24F;
  CHECK(cosine(a, ones) == 1.0F);  // one lane: both are lost
  a[16] = 0.0F;
  a[24] = 0x1p-24F;
  a[32] = 0.0F;
  a[40] = 0x1p-24F;
  CHECK(cosine(a, ones) == 1.0F + 0x1p-23F);  // lane 8 sums its two before it meets lane 0
  a[24] = 0.0F;
  a[40] = 0.0F;
  a[4] = 0x1p-24F;
  a[12] = 0x1p-24F;
  CHECK(cosine(a, ones) == 1.0F + 0x1p-23F);  // lanes 4 and 12 meet before 0 and 4
  a[12] = 0.0F;
  a[2] = 0x1p-24F;
  CHECK(cosine(a, ones) == 1.0F);  // 0 meets 4, then 2: both are lost
}

TEST_CASE("a product is rounded before it is added") {
  // With a fused operation the sum would be -2^-48.
  std::vector<float> a(64, 0.0F);
  std::vector<float> b(64, 0.0F);
  a[0] = 1.0F;
  b[0] = -1.0F;
  a[16] = 1.0F + 0x1p-12F;
  b[16] = 1.0F + 0x1p-12F;
  a[32] = 1.0F;
  b[32] = -0x1p-11F;
  const float rounded = a[16] * b[16];
  CHECK(cosine(a, b) == (-1.0F + rounded) - 0x1p-11F);
  for (const Kernel& kernel : available_kernels()) {
    INFO(kernel.name);
    const Forced forced(kernel);
    float score = 1;
    cosine_rows(a.data(), b.data(), 64, 1, &score);
    CHECK(std::bit_cast<std::uint32_t>(score) == std::bit_cast<std::uint32_t>(cosine(a, b)));
  }
}

TEST_CASE("there is a scalar kernel, and on x86-64 a vector one") {
  const auto kernels = available_kernels();
  REQUIRE_FALSE(kernels.empty());
#if defined(__x86_64__)
  CHECK(kernels.size() >= 2);
#endif
  std::string names;
  for (const Kernel& kernel : kernels) names += " " + kernel.name;
  WARN("kernels compared:" << names);
}

TEST_CASE("every kernel gives the bits of the reference, at every dimension") {
  for (const Kernel& kernel : available_kernels()) {
    INFO(kernel.name);
    const Forced forced(kernel);
    std::mt19937 rng(7);
    std::size_t wrong = 0;
    for (std::size_t dimension = kMinDimension; dimension <= kMaxDimension; ++dimension) {
      wrong += differences(make_case(dimension, 0, rng));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("every kernel gives the bits of the reference on adversarial vectors") {
  for (const Kernel& kernel : available_kernels()) {
    const Forced forced(kernel);
    for (int kind = 1; kind <= 4; ++kind) {
      INFO(kernel.name << " kind " << kind);
      std::mt19937 rng(static_cast<unsigned>(kind));
      std::size_t wrong = 0;
      for (std::size_t dimension = kMinDimension; dimension <= kMaxDimension; dimension += 5) {
        wrong += differences(make_case(dimension, kind, rng));
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("the error against exact arithmetic is within the documented bound") {
  std::mt19937 rng(3);
  for (const std::size_t dimension : {64U, 128U, 511U, 512U, 1024U}) {
    for (int round = 0; round < 50; ++round) {
      const Case c = make_case(dimension, round % 2, rng);
      std::vector<float> a(dimension);
      std::vector<float> b(dimension);
      REQUIRE(normalise({c.probe.data(), dimension}, dimension, a));
      REQUIRE(normalise({c.rows.data(), dimension}, dimension, b));
      long double exact = 0;
      for (std::size_t i = 0; i < dimension; ++i) exact += static_cast<long double>(a[i]) * b[i];
      const double bound = (static_cast<double>(dimension) / 16 + 5) * 0x1p-24;
      CHECK(std::abs(static_cast<double>(cosine(a, b) - exact)) < bound);
    }
  }
}

TEST_CASE("a threshold in millionths is the nearest float") {
  CHECK(threshold_from_millionths(411000) == 0.411F);
  CHECK(threshold_from_millionths(1000000) == 1.0F);
  CHECK(threshold_from_millionths(-250000) == -0.25F);
  CHECK(threshold_from_millionths(0) == 0.0F);
}
