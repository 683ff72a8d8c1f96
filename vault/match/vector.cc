#include "vault/match/vector.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace facekeep::match {
namespace {

double square_sum(std::span<const float> vector) {
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * static_cast<double>(x);
  return sum;
}

// The first fault of a vector of the right dimension, given the sum of its squares. Squares of
// floats neither overflow nor vanish in double, so a good sum needs no second look at the values.
std::optional<VectorFault> fault_of(std::span<const float> vector, double sum) {
  if (!std::isfinite(sum)) {
    const bool nan = std::ranges::any_of(vector, [](float x) { return std::isnan(x); });
    return nan ? VectorFault::kNan : VectorFault::kInfinite;
  }
  if (sum == 0) return VectorFault::kZero;
  const double norm = std::sqrt(sum);
  if (norm < kMinNorm || norm > kMaxNorm) return VectorFault::kNormOutOfRange;
  return std::nullopt;
}

}  // namespace

Error to_error(VectorFault fault) {
  switch (fault) {
    case VectorFault::kWrongDimension:
      return make_error(Errc::kInvalidArgument, "the vector does not have the model's dimension",
                        "send an embedding of the model that is named in the request");
    case VectorFault::kNan:
      return make_error(Errc::kInvalidArgument, "the vector holds a value that is not a number",
                        "check what the camera or the face model put out");
    case VectorFault::kInfinite:
      return make_error(Errc::kInvalidArgument, "the vector holds an infinite value",
                        "check what the camera or the face model put out");
    case VectorFault::kZero:
      return make_error(Errc::kInvalidArgument, "the vector is zero and has no direction",
                        "check that a face was found in the picture");
    case VectorFault::kNormOutOfRange:
      return make_error(Errc::kInvalidArgument, "the vector's length is outside 1e-12 to 1e12",
                        "send the embedding as the face model puts it out");
  }
  return make_error(Errc::kInternal, "unknown vector fault");
}

Status check_dimension(std::size_t dimension) {
  if (dimension < kMinDimension || dimension > kMaxDimension) {
    return make_error(Errc::kInvalidArgument,
                      "a model's dimension must be 64 to 1024, not " + std::to_string(dimension));
  }
  return {};
}

std::optional<VectorFault> find_fault(std::span<const float> vector, std::size_t dimension) {
  if (vector.size() != dimension) return VectorFault::kWrongDimension;
  return fault_of(vector, square_sum(vector));
}

Status normalise(std::span<const float> in, std::size_t dimension, std::span<float> out) {
  if (in.size() != dimension) return to_error(VectorFault::kWrongDimension);
  const double sum = square_sum(in);
  if (const auto fault = fault_of(in, sum)) return to_error(*fault);
  if (out.size() < dimension) return make_error(Errc::kInternal, "no room for the unit vector");
  const double norm = std::sqrt(sum);
  if (std::abs(norm - 1.0) <= kUnitTolerance) {
    std::ranges::copy(in, out.begin());
  } else {
    std::ranges::transform(in, out.begin(),
                           [norm](float x) { return static_cast<float>(static_cast<double>(x) / norm); });
  }
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(dimension), out.end(), 0.0F);
  return {};
}

}  // namespace facekeep::match
