// Codes: what the engine keeps of a template instead of its values, and what they prove about its cosine with a probe.
//
// Let x be a template and q a probe (both with a norm within 2e-6 of 1), and V a basis (basis.h: any matrix, nearly
// orthogonal). Of x is kept, with c = 2u - 15 for every 4-bit code u,
//
//   leading    c_j for each axis j; it stands for the point y' on the axes, y'_j = step_j c_j
//   residual   d_i for each of the dimension's values, and a scale g; r' = g d stands for r = x - V y'
//   A  >= |z - y'|            how far x's own point z = V^T x on the axes is from y'
//   B  >= |x - V z|           how far x is from the axes
//   C  >= |c|
//   E  >= |r - r'|
//
// Of q are computed p, about V^T q, and Q >= |q - V p|. Then, exactly and for every V, p and y':
//
//   q.x = (V p).x + (q - V p).x
//       = p.z + (q - V p).(x - V z) + (V^T (q - V p)).z
//   |V^T (q - V p)| <= |V^T q - p| + |(I - V^T V) p| <= eps_p + skew |p|
//
//   (1)  q.x <= p.y' + |p| A + Q B + (eps_p + skew |p|) |z|
//
//   q.x = (V^T q).y' + q.r' + q.(r - r')
//
//   (2)  |q.x - (p.y' + q.r')| <= eps_p |y'| + |q| E
//
// eps_p is what float32 may get wrong in p (rounding.h): dot_error * spread * |q|. B comes without computing V z:
//
//   |x - V z|^2 = |x|^2 - 2 |z|^2 + z^T (V^T V) z <= |x|^2 - (1 - skew) |z|^2
//
// and z is known as y = fl(V^T x) with |y - z| <= eps_y = dot_error * spread * |x|, so A = |y - y'| + eps_y and
// |z| >= |y| - eps_y. y' is exact in float32 (a step has 16 bits, a level 4), so r is known as x - fl(V y'), which is
// off by at most dot_error * spread * |y'|: this is in E.
//
// The sums over codes are made of integers. With w_j = step_j p_j = a n_j + rest_j, n_j an integer:
//
//   p.y' = sum w_j c_j = a sum n_j c_j + rest.c,   |rest.c| <= |rest| C
//
// with n_j of 8 bits for (1) and of 16 bits for (2); in the same way q.r' = g (b sum m_i d_i + rest.d),
// |d| <= 15 sqrt(dimension). Integer sums are the same on every machine.
//
// At last, the cosine that decides is the float32 of cosine.h, at most dot_error * |q| |x| from q.x. With this added,
// (1) and (2) bound the float32 that brute force would compute. What is evaluated in float32 (1) gets 8 * 2^-24 of the
// sum of its greatest terms on top; what is in double, up().
//
// A, B, C are kept as bytes, rounded up; E as a float32, rounded up. |z| <= |x| / (1 - skew) and so on give the ranges
// that the bytes must cover; they are checked, not trusted.
//
// Pure and thread safe. Codes are as secret as templates: callers keep them in the arena or cleanse them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "vault/base/result.h"
#include "vault/match/basis.h"
#include "vault/match/code_kernels.h"

namespace facekeep::match {

inline constexpr std::size_t kMaxPadded = 1024;

// Residual codes of a vector: two a byte, over the dimension padded to 32.
constexpr std::size_t residual_values(std::size_t dimension) {
  return (dimension + 31) / 32 * 32;
}
constexpr std::size_t residual_bytes(std::size_t dimension) {
  return residual_values(dimension) / 2;
}

// One template's code. Byte t of packed codes holds value t in its low four bits and value t + half in the high ones.
struct Code {
  std::array<std::uint8_t, kMaxAxes / 2> leading{};
  std::array<std::uint8_t, kMaxPadded / 2> residual{};
  std::uint8_t a = 0;  // A, B and C in units of kUnitA, kUnitB and unit_c()
  std::uint8_t b = 0;
  std::uint8_t c = 0;
  float scale = 0;  // g
  float error = 0;  // E
};

inline constexpr double kUnitA = 1.28 / 255;
inline constexpr double kUnitB = 1.02 / 255;
double unit_c(std::size_t axes);

// `unit` as UnitVector keeps it: padded, of norm 1 within 2e-6. kInternal if a bound is out of its range, which (by
// the limits of basis.h) can't be.
Status encode(const Basis& basis, const float* unit, Code& code);

// y' and r' put together: about the vector. For learning a new basis. Writes padded() values.
void decode(const Basis& basis, const Code& code, float* unit);

// A probe as the scan needs it for the codes of one basis. Cleansed at the end of its life.
struct CodedProbe {
  CodedProbe(const Basis& basis, const float* unit);
  ~CodedProbe();
  CodedProbe(const CodedProbe&) = delete;
  CodedProbe& operator=(const CodedProbe&) = delete;

  // (1): for select_rows() (code_kernels.h), all but `least`. A template's cosine is at most its bound plus `slack`.
  alignas(64) std::array<std::int8_t, kMaxAxes> coarse{};
  LeadingQuestion question{};
  double slack = 0;

  // (2)
  alignas(64) std::array<std::int16_t, kMaxAxes> fine{};
  alignas(64) std::array<std::int16_t, kMaxPadded> values{};
  std::int64_t fine_15 = 0;  // 15 times the sum
  std::int64_t values_15 = 0;
  double per_fine = 0;
  double per_value = 0;
  double radius = 0;        // what does not depend on the template
  double radius_c = 0;      // a unit of C
  double radius_scale = 0;  // of g
  double norm = 0;
};

// The cosine lies in [low, high]. `fine_sum` and `value_sum` are the sums of weights times u over the codes.
struct Interval {
  double low;
  double high;
};
Interval close_look(const CodedProbe& probe, std::int64_t fine_sum, std::int64_t value_sum, std::uint8_t c, float scale,
                    float error);

}  // namespace facekeep::match
