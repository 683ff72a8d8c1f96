// Reproducible pseudo-random numbers for generated faces. Never for keys.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>

namespace facekeep::tools {

// SplitMix64 (Steele, Lea, Flood 2014): a bijective mixer.
constexpr std::uint64_t splitmix64(std::uint64_t& state) noexcept {
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// xoshiro256** 1.0 (Blackman, Vigna 2018). Each tuple of stream numbers gives an independent
// sequence, so that any face can be made without those before it.
class Xoshiro256 {
 public:
  explicit Xoshiro256(std::initializer_list<std::uint64_t> stream) noexcept {
    std::uint64_t seed = 0;
    for (const std::uint64_t part : stream) {
      seed ^= part;
      seed = splitmix64(seed);
    }
    for (auto& word : s_) word = splitmix64(seed);
  }
  // The state itself, for checking against the published algorithm. Not all zero.
  explicit Xoshiro256(const std::array<std::uint64_t, 4>& state) noexcept : s_(state) {}

  std::uint64_t next() noexcept {
    const std::uint64_t result = rotl(s_[1] * 5, 7) * 9;
    const std::uint64_t t = s_[1] << 17;
    s_[2] ^= s_[0];
    s_[3] ^= s_[1];
    s_[1] ^= s_[2];
    s_[0] ^= s_[3];
    s_[2] ^= t;
    s_[3] = rotl(s_[3], 45);
    return result;
  }
  // Uniform in (0, 1].
  double uniform() noexcept { return (static_cast<double>(next() >> 11) + 1) * 0x1p-53; }
  // Standard normal (Box, Muller 1958).
  double normal() noexcept {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const double radius = std::sqrt(-2 * std::log(uniform()));
    const double angle = 2 * std::numbers::pi * uniform();
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle);
  }

 private:
  static constexpr std::uint64_t rotl(std::uint64_t x, int k) noexcept { return (x << k) | (x >> (64 - k)); }
  std::array<std::uint64_t, 4> s_{};
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace facekeep::tools
