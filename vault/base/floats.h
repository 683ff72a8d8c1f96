// Vectors of float32 as bytes: IEEE 754 binary32, little-endian, one after another. The values are biometric wherever
// this is used; who owns the vector or the bytes overwrites them.
#pragma once

#include <bit>
#include <span>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/secret_bytes.h"

namespace facekeep {

// Precondition: a whole number of values, and `out` has room for them (a vector that grows leaves its old storage
// behind).
inline void append_floats(ByteView bytes, std::vector<float>& out) {
  for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    const std::uint32_t bits = std::uint32_t{bytes[i]} | std::uint32_t{bytes[i + 1]} << 8 |
                               std::uint32_t{bytes[i + 2]} << 16 | std::uint32_t{bytes[i + 3]} << 24;
    out.push_back(std::bit_cast<float>(bits));
  }
}

inline SecretBytes bytes_of_floats(std::span<const float> values) {
  SecretBytes out(values.size() * 4);
  std::size_t at = 0;
  for (const float v : values) {
    const auto bits = std::bit_cast<std::uint32_t>(v);
    for (int shift = 0; shift < 32; shift += 8) out.data()[at++] = static_cast<std::uint8_t>(bits >> shift);
  }
  return out;
}

}  // namespace facekeep
