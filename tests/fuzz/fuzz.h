// What every fuzz target shares: a check that also holds in builds without assert().
//
// A target defines LLVMFuzzerTestOneInput (libFuzzer's entry point), feeds the input to one parser, and checks what
// must hold for whatever the parser accepts: written out again and read again, it is the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#define FUZZ_CHECK(condition) \
  do {                        \
    if (!(condition)) {       \
      __builtin_trap();       \
    }                         \
  } while (false)

namespace facekeep::fuzz {

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace facekeep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
