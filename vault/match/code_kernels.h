// The loops over codes, for every instruction set (code_kernels.cc is compiled once for each).
//
// They give the same on every machine, bit for bit: sums are of integers, and float32 operations come in the same
// order. They use the kernel that cosine.h's force_kernel_for_test() names. Pure, thread safe.
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

// What is asked of a row: code.h (1). `weights` are integers of at most 127, one an axis.
struct LeadingQuestion {
  const std::int8_t* weights;
  float per_sum;
  float offset;
  float per_a;
  float per_b;
  float per_c;
  float least;
};

// The codes of some rows and their bounds, a byte a row each. `axes`: a multiple of 32, at most 128.
struct LeadingRows {
  const std::uint8_t* codes;
  const std::uint8_t* a;
  const std::uint8_t* b;
  const std::uint8_t* c;
  std::size_t blocks;  // of 16 rows, at most 4,096
  std::size_t axes;
};

// For each question p, with sum[r] = sum over the axes j of weights[j] * u[r][j], writes to out[p] those rows,
// ascending, for which
//   ((((sum[r] * per_sum + offset) + a[r] * per_a) + b[r] * per_b) + c[r] * per_c) >= least
// and their number to counts[p].
void select_rows(const LeadingRows& rows, const LeadingQuestion* questions, std::size_t count,
                 std::uint16_t* const* out, std::size_t* counts);

// The sum of weights[t] * (low bits of packed[t]) + weights[bytes + t] * (its high bits), t < bytes. `bytes`: a
// multiple of 16, at most 512.
std::int32_t packed_sum(const std::uint8_t* packed, std::size_t bytes, const std::int16_t* weights);

}  // namespace facekeep::match
