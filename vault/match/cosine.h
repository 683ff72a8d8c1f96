// The definition of "cosine" in facekeep.
//
// The cosine of two unit vectors a and b (vector.h) is a float32, computed like this and in no
// other way:
//
//   lane[l] = +0, for l in 0..15
//   for i in 0..dimension-1, ascending:  lane[i mod 16] = lane[i mod 16] + round(a[i] * b[i])
//   eight[l] = lane[l] + lane[l + 8];    four[l] = eight[l] + eight[l + 4]
//   two[l] = four[l] + four[l + 2];      cosine = two[0] + two[1]
//
// Every operation is IEEE 754 binary32, rounded to nearest even: the product is rounded before it
// is added (no fused multiply-add), subnormals are kept. So each kernel (AVX-512, AVX2, SSE4,
// SSSE3, NEON, scalar) and each machine gets the same bits, and a decision can be replayed. Values
// of +0 appended to both vectors change nothing, because a lane never holds -0. Rounding may leave
// a cosine a few ulp beyond 1; it is not clamped. It differs from the exact value by less than
// (dimension / 16 + 5) * 2^-24.
//
// Thread safe. The scores are secret: they stay within vault/match.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace facekeep::match {

inline constexpr std::size_t kLanes = 16;

// Values a row takes in memory: the dimension, padded to whole groups of 16 lanes.
constexpr std::size_t padded_dimension(std::size_t dimension) {
  return (dimension + kLanes - 1) / kLanes * kLanes;
}

// The reference: the definition above in plain code. Precondition: a.size() == b.size().
float cosine(std::span<const float> a, std::span<const float> b);

// scores[i] = cosine(probe, row i), for `count` rows that lie one behind the other, each `padded`
// values long (a multiple of 16; zeros behind the dimension, as in the probe). Runs the best kernel
// that this processor has.
void cosine_rows(const float* probe, const float* rows, std::size_t padded, std::size_t count, float* scores);

// A threshold in millionths, as the log has it (integers only), as the float that a cosine is
// compared with: the float32 nearest to the double quotient. A cosine c passes if c >= this.
constexpr float threshold_from_millionths(std::int64_t millionths) {
  return static_cast<float>(static_cast<double>(millionths) / 1e6);
}

// For tests and benchmarks: the kernels that this build has and this processor runs, best first,
// and a switch that makes cosine_rows() use one of them for the whole process (0: the best again).
struct Kernel {
  std::int64_t target;
  std::string name;
};
std::vector<Kernel> available_kernels();
void force_kernel_for_test(std::int64_t target);

}  // namespace facekeep::match
