#include "vault/match/basis.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "vault/match/cosine.h"
#include "vault/match/mix.h"
#include "vault/match/rounding.h"

namespace facekeep::match {
namespace {

constexpr int kRounds = 4;  // of the subspace iteration: more find no more energy
constexpr double kMinStep = 0x1p-20;
// The best uniform step of 16 levels for a normal distribution is .3352 of its deviation (Max, 1960); levels lie two
// steps apart here.
constexpr double kStepOfDeviation = 0.3352 / 2;

float cut_to_16_bits(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  bits &= 0xffffff00U;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

double dot(const float* a, const float* b, std::size_t size) {
  double sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// A direction like no other, the same every time.
void fill_any(float* row, std::size_t dimension, std::uint64_t& seed) {
  for (std::size_t i = 0; i < dimension; ++i) {
    row[i] = static_cast<float>(static_cast<std::int64_t>(mix(seed += 0x9e3779b97f4a7c15U))) * 0x1p-63F;
  }
}

// Makes the rows orthonormal, by Gram and Schmidt, each row twice. A row that the others span already is drawn anew.
void orthonormalise(float* rows, std::size_t count, std::size_t padded, std::size_t dimension, std::uint64_t& seed) {
  for (std::size_t j = 0; j < count; ++j) {
    float* row = rows + j * padded;
    for (int pass = 0; pass < 2;) {
      const double before = dot(row, row, dimension);
      for (std::size_t other = 0; other < j; ++other) {
        const auto part = static_cast<float>(dot(row, rows + other * padded, dimension));
        for (std::size_t i = 0; i < dimension; ++i) row[i] -= part * rows[other * padded + i];
      }
      const double norm = std::sqrt(dot(row, row, dimension));
      if (!(norm * norm > before * 1e-10) || norm < 1e-15) {
        fill_any(row, dimension, seed);
        pass = 0;
        continue;
      }
      for (std::size_t i = 0; i < dimension; ++i) row[i] = static_cast<float>(row[i] / norm);
      ++pass;
    }
  }
}

// The sample, by row and by column, and what a round of the iteration writes.
struct Sample {
  const float* rows;
  const float* columns;  // dimension x count_padded
  std::size_t count;
  std::size_t count_padded;
};

}  // namespace

Basis::Basis(std::size_t dimension)
    : dimension_(dimension),
      padded_(padded_dimension(dimension)),
      axes_(axes_of(dimension)),
      memory_((axes_ * padded_ + dimension_ * axes_ + axes_) * sizeof(float)) {
  by_axis_ = reinterpret_cast<float*>(memory_.data());
  by_value_ = by_axis_ + axes_ * padded_;
  steps_ = by_value_ + dimension_ * axes_;
}

Result<std::shared_ptr<const Basis>> Basis::learn(Arena& arena, const float* rows, std::size_t count,
                                                  std::size_t dimension) {
  const std::shared_ptr<Basis> basis(new Basis(dimension));
  const std::size_t padded = basis->padded_;
  Sample sample{rows, nullptr, count, padded_dimension(count)};
  FK_TRY(const ArenaBlock block, arena.allocate((dimension + 1) * sample.count_padded * sizeof(float)));
  auto* columns = reinterpret_cast<float*>(block.data());
  float* parts = columns + dimension * sample.count_padded;
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t i = 0; i < dimension; ++i) columns[i * sample.count_padded + r] = rows[r * padded + i];
  }
  sample.columns = columns;

  std::uint64_t seed = 1;
  for (std::size_t j = 0; j < basis->axes_; ++j) fill_any(basis->by_axis_ + j * padded, dimension, seed);
  for (int round = 0; round < kRounds; ++round) {
    orthonormalise(basis->by_axis_, basis->axes_, padded, dimension, seed);
    for (std::size_t j = 0; j < basis->axes_; ++j) {
      float* axis = basis->by_axis_ + j * padded;
      cosine_rows(axis, sample.rows, padded, count, parts);
      cosine_rows(parts, sample.columns, sample.count_padded, dimension, axis);
    }
  }
  orthonormalise(basis->by_axis_, basis->axes_, padded, dimension, seed);
  // What the sample does not show still needs some step.
  const double least = kStepOfDeviation * 0.25 / std::sqrt(static_cast<double>(dimension));
  for (std::size_t j = 0; j < basis->axes_; ++j) {
    cosine_rows(basis->by_axis_ + j * padded, sample.rows, padded, count, parts);
    const double deviation = std::sqrt(dot(parts, parts, count) / static_cast<double>(std::max<std::size_t>(1, count)));
    basis->steps_[j] = cut_to_16_bits(static_cast<float>(std::max(least, kStepOfDeviation * deviation)));
  }
  FK_CHECK(basis->measure());
  return BasisPtr(basis);
}

Result<std::shared_ptr<const Basis>> Basis::create(std::span<const float> axes, std::span<const float> steps,
                                                   std::size_t dimension) {
  const std::shared_ptr<Basis> basis(new Basis(dimension));
  if (axes.size() != basis->axes_ * basis->padded_ || steps.size() != basis->axes_) {
    return make_error(Errc::kInvalidArgument, "axes and steps do not fit the dimension");
  }
  for (std::size_t j = 0; j < basis->axes_; ++j) {
    std::copy_n(axes.data() + j * basis->padded_, dimension, basis->by_axis_ + j * basis->padded_);
    basis->steps_[j] = cut_to_16_bits(steps[j]);
  }
  FK_CHECK(basis->measure());
  return BasisPtr(basis);
}

Status Basis::measure() {
  double skew = 0;
  double spread = 0;
  for (std::size_t a = 0; a < axes_; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      const double g = dot(by_axis_ + a * padded_, by_axis_ + b * padded_, dimension_);
      if (a == b) spread += g;
      const double off = (a == b ? 1.0 : 0.0) - g;
      skew += (a == b ? 1 : 2) * off * off;
    }
  }
  skew_ = up(std::sqrt(skew)) + 1e-12 * static_cast<double>(axes_);
  spread_ = up(std::sqrt(spread));
  const double steps = square_sum({steps_, axes_});
  const bool good_steps =
      std::all_of(steps_, steps_ + axes_, [](float s) { return static_cast<double>(s) >= kMinStep; }) &&
      steps <= kMaxSteps * kMaxSteps;
  if (!(skew_ <= kMaxSkew) || !good_steps) {
    return make_error(Errc::kInvalidArgument, "the axes are not orthogonal enough, or their steps are out of range");
  }
  for (std::size_t j = 0; j < axes_; ++j) {
    for (std::size_t i = 0; i < dimension_; ++i) by_value_[i * axes_ + j] = by_axis_[j * padded_ + i];
  }
  return {};
}

void Basis::project(const float* v, float* on_axes) const {
  cosine_rows(v, by_axis_, padded_, axes_, on_axes);
}

void Basis::expand(const float* on_axes, float* v) const {
  cosine_rows(on_axes, by_value_, axes_, dimension_, v);
}

}  // namespace facekeep::match
