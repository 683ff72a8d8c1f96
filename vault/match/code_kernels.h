// The loops over codes, for every instruction set (code_kernels.cc is compiled once for each).
//
// All of them give the same on every machine, bit for bit: two add integers, the third does the same float32 operations
// in the same order. They use the kernel that cosine.h's force_kernel_for_test() names. Pure, thread safe.
#pragma once

#include <cstddef>
#include <cstdint>

namespace facekeep::match {

// Leading codes lie in blocks of 16 rows: for every eight axes 64 bytes, of which row r has bytes 4r to 4r + 3; byte i
// of these holds axis 4v + i of vector v in its low bits and axis axes / 2 + 4v + i in its high ones.
inline constexpr std::size_t kBlockRows = 16;
constexpr std::size_t leading_offset(std::size_t row, std::size_t axes, std::size_t byte) {
  return row / kBlockRows * kBlockRows * axes / 2 + byte / 4 * 64 + row % kBlockRows * 4 + byte % 4;
}

// sums[p][r] = sum over the axes j of weights[p][j] * u[r][j], for `blocks` blocks of rows. `axes`: a multiple of 32,
// at most 128. |weights| <= 127.
void leading_sums(const std::uint8_t* codes, std::size_t blocks, std::size_t axes, const std::int8_t* const* weights,
                  std::size_t probes, std::int32_t* const* sums);

// What select_rows() compares: code.h (1).
struct SelectRule {
  float per_sum;
  float offset;
  float per_a;
  float per_b;
  float per_c;
  float least;
};

// Writes to `out` those r < rows, ascending, for which
//   ((((sums[r] * per_sum + offset) + a[r] * per_a) + b[r] * per_b) + c[r] * per_c) >= least
// and returns their number. `rows`: a multiple of 16, at most 65,536.
std::size_t select_rows(const std::int32_t* sums, const std::uint8_t* a, const std::uint8_t* b, const std::uint8_t* c,
                        std::size_t rows, const SelectRule& rule, std::uint16_t* out);

// The sum of weights[t] * (low bits of packed[t]) + weights[bytes + t] * (its high bits), t < bytes. `bytes`: a multiple of
// 16, at most 512.
std::int32_t packed_sum(const std::uint8_t* packed, std::size_t bytes, const std::int16_t* weights);

}  // namespace facekeep::match
