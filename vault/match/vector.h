// Embedding vectors at the door of the engine: what is accepted, and what becomes of it.
//
// A vector (probe or template) has 64 to 1024 float32 values, all finite, and a Euclidean norm
// within [kMinNorm, kMaxNorm]. It need not be normalised; normalise() scales it to unit length:
//
//   norm = sqrt(sum of x[i] * x[i]), in double, summed in index order (each product is exact)
//   |norm - 1| <= 1e-6:  every value is kept, bit for bit
//   otherwise:           x[i] = (float)((double)x[i] / norm), rounded to nearest even
//
// IEEE 754 defines each step, so every machine gets the same bits. The result has a norm within
// 1e-7 of 1, so normalising twice is normalising once.
//
// Pure functions, thread safe. The vectors are biometric: no error quotes a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "vault/base/result.h"

namespace facekeep::match {

inline constexpr std::size_t kMinDimension = 64;
inline constexpr std::size_t kMaxDimension = 1024;
inline constexpr double kMinNorm = 1e-12;
inline constexpr double kMaxNorm = 1e12;
inline constexpr double kUnitTolerance = 1e-6;

// Why a vector was refused. The first that applies, in this order.
enum class VectorFault : std::uint8_t {
  kWrongDimension,  // not the model's dimension
  kNan,             // a value is not a number
  kInfinite,        // a value is infinite
  kZero,            // every value is zero: it has no direction
  kNormOutOfRange,  // the norm is outside [kMinNorm, kMaxNorm]
};

// kInvalidArgument with a sentence and a hint for each fault.
Error to_error(VectorFault fault);

// kInvalidArgument unless a model may have this dimension.
Status check_dimension(std::size_t dimension);

// Nothing if the vector is acceptable for a model of `dimension`.
std::optional<VectorFault> find_fault(std::span<const float> vector, std::size_t dimension);

// Checks `in` as find_fault() does and writes the unit vector to `out`; values of `out` behind the
// dimension are set to zero. `out` must hold at least `dimension` values and may not overlap `in`.
// On an error `out` is untouched.
Status normalise(std::span<const float> in, std::size_t dimension, std::span<float> out);

}  // namespace facekeep::match
