// What float32 arithmetic may be off by, for bounds that are proven rather than measured.
//
// cosine_rows() (cosine.h) rounds each product once, adds it to one of 16 lanes (padded / 16 roundings) and folds the
// lanes with four more additions. By the standard model of rounding (Higham, Accuracy and Stability of Numerical
// Algorithms, section 3.1) with u = 2^-24 and m = padded / 16 + 4 roundings a term,
//
//   |computed - exact| <= m u / (1 - m u) * sum |a[i] b[i]| <= (m + 1) u * |a| |b|
//
// for vectors of any length; products below the normal range add at most padded * 2^-150, which kTiny covers.
//
// Sums in double of squares of at most 1,024 floats, and their roots, are off by a factor of less than 1 + 1e-12: up()
// and down() cover this.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "vault/match/cosine.h"

namespace facekeep::match {

inline constexpr double kTiny = 1e-30;

// Of cosine_rows(): |computed - exact| <= dot_error(padded) * |a| * |b| + kTiny.
constexpr double dot_error(std::size_t padded) {
  return (static_cast<double>(padded) / kLanes + 5) * 0x1p-24;
}

constexpr double up(double x) {
  return x * (1 + 1e-12) + kTiny;
}
constexpr double down(double x) {
  return x * (1 - 1e-12) - kTiny;
}

// The float32 nearest to x that is not below it; not above it. For x >= 0, and any x.
inline float float_above(double x) {
  const auto f = static_cast<float>(x);
  return static_cast<double>(f) >= x ? f : std::nextafterf(f, std::numeric_limits<float>::infinity());
}
inline float float_below(double x) {
  return -float_above(-x);
}

// Within up() and down() of the exact square sum.
inline double square_sum(std::span<const float> v) {
  double sum = 0;
  for (const float x : v) sum += static_cast<double>(x) * static_cast<double>(x);
  return sum;
}

}  // namespace facekeep::match
