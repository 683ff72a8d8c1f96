#include "vault/match/fp_strict.h"
//
#include <array>
#include <cassert>

#include "vault/match/cosine.h"

namespace facekeep::match {

float cosine(std::span<const float> a, std::span<const float> b) {
  assert(a.size() == b.size());
  std::array<float, kLanes> lane{};
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float product = a[i] * b[i];
    lane[i % kLanes] = lane[i % kLanes] + product;
  }
  for (std::size_t width = kLanes / 2; width > 0; width /= 2) {
    for (std::size_t l = 0; l < width; ++l) lane[l] = lane[l] + lane[l + width];
  }
  return lane[0];
}

}  // namespace facekeep::match
