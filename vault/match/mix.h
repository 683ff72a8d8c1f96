// Numbers that look random and are the same every time: SplitMix64's finaliser (Steele, Lea and Flood, 2014). For
// spreading things, never for secrets.
#pragma once

#include <cstdint>

namespace facekeep::match {

constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

}  // namespace facekeep::match
