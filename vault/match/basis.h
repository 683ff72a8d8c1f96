// The axes that the codes of a model's templates are drawn on.
//
// A basis is a matrix V of `axes` columns (the axes) of `dimension` values each, and a step for each axis. The axes are
// meant to be the directions in which the templates vary most, so that few numbers say most about a template; learn()
// finds them. What the engine answers does not depend on them: code.h's bounds hold for every V. A poor one only lets
// fewer templates be skipped.
//
// What the bounds need to know of V is measured here, in double, of the float32 values as they are:
//
//   skew    at least the spectral norm of I - V^T V (by the Frobenius norm)
//   spread  at least the Frobenius norm of V
//
// Axes and steps come from many templates together; they lie in secret memory all the same. Immutable, so thread safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"
#include "vault/match/arena.h"

namespace facekeep::match {

inline constexpr std::size_t kMaxAxes = 128;
// Levels of a 4-bit code u are the odd numbers 2u - 15, times a step.
inline constexpr int kLevels = 16;

// About three quarters of the dimension, a multiple of 32, at most 128: more axes cost more bytes than they save.
constexpr std::size_t axes_of(std::size_t dimension) {
  const std::size_t wanted = std::min((dimension * 3 / 4 + 31) / 32 * 32, dimension / 32 * 32);
  return std::min(wanted, kMaxAxes);
}

class Basis {
 public:
  static constexpr double kMaxSkew = 0.01;
  static constexpr double kMaxSteps = 0.5;  // of the norm of all steps

  // The leading axes of `count` unit vectors (padded rows, one behind the other), by subspace iteration, and the steps
  // that suit them. Fewer vectors than axes are fine, none are not. `arena`: for a copy of the vectors while it works;
  // kExhausted as Arena::allocate.
  static Result<std::shared_ptr<const Basis>> learn(Arena& arena, const float* rows, std::size_t count,
                                                    std::size_t dimension);
  // Any axes (axes_of(dimension) padded rows) and steps. kInvalidArgument unless skew <= kMaxSkew, every step is at
  // least 2^-20 and their norm at most kMaxSteps. Steps are cut to 16 bits, so that a step times a level is exact.
  static Result<std::shared_ptr<const Basis>> create(std::span<const float> axes, std::span<const float> steps,
                                                     std::size_t dimension);

  [[nodiscard]] std::size_t dimension() const { return dimension_; }
  [[nodiscard]] std::size_t padded() const { return padded_; }
  [[nodiscard]] std::size_t axes() const { return axes_; }
  [[nodiscard]] const float* step() const { return steps_; }
  [[nodiscard]] double skew() const { return skew_; }
  [[nodiscard]] double spread() const { return spread_; }

  // on_axes[j] = V^T v, by cosine_rows(). `v` padded; off by at most dot_error(padded()) * spread() * |v| in norm.
  void project(const float* v, float* on_axes) const;
  // v[i] = (V on_axes)[i] for i < dimension(), by cosine_rows(). Off by at most
  // dot_error(axes()) * spread() * |on_axes| in norm.
  void expand(const float* on_axes, float* v) const;

 private:
  explicit Basis(std::size_t dimension);
  Status measure();

  const std::size_t dimension_;
  const std::size_t padded_;
  const std::size_t axes_;
  SecretBytes memory_;
  double skew_ = 0;
  double spread_ = 0;
  float* by_axis_ = nullptr;   // axes x padded
  float* by_value_ = nullptr;  // dimension x axes
  float* steps_ = nullptr;     // axes
};

using BasisPtr = std::shared_ptr<const Basis>;

}  // namespace facekeep::match
