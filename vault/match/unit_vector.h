// A checked, unit, padded vector on 64 bytes, cleansed at the end of its life.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"
#include "vault/match/vector.h"

namespace facekeep::match {

class UnitVector {
 public:
  UnitVector() = default;
  ~UnitVector() { cleanse({reinterpret_cast<std::uint8_t*>(values_.data()), sizeof(values_)}); }
  UnitVector(const UnitVector&) = delete;
  UnitVector& operator=(const UnitVector&) = delete;
  // As match::normalise (vector.h).
  Status assign(std::span<const float> vector, std::size_t dimension) { return normalise(vector, dimension, values_); }
  // Where somebody else writes that many values.
  std::span<float> room(std::size_t dimension) { return {values_.data(), dimension}; }
  [[nodiscard]] const float* data() const { return values_.data(); }

 private:
  alignas(64) std::array<float, 1024> values_{};
};

}  // namespace facekeep::match
