#include "vault/match/fp_strict.h"
//
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "vault/match/code_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vault/match/code_kernels.cc"
#include "vault/match/kernel_targets.h"
//
#include <hwy/foreach_target.h>
//
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace facekeep::match::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

void SelectRows(const LeadingRows& rows, const LeadingQuestion* questions, std::size_t count, std::uint16_t* const* out,
                std::size_t* counts) {
  const std::size_t half = rows.axes / 2;
  for (std::size_t p = 0; p < count; ++p) {
    const LeadingQuestion& q = questions[p];
    counts[p] = 0;
    for (std::size_t r = 0; r < rows.blocks * kBlockRows; ++r) {
      std::int32_t sum = 0;
      for (std::size_t t = 0; t < half; ++t) {
        const std::uint8_t both = rows.codes[leading_offset(r, rows.axes, t)];
        sum += q.weights[t] * (both & 15) + q.weights[half + t] * (both >> 4);
      }
      const float at_a = (static_cast<float>(sum) * q.per_sum + q.offset) + static_cast<float>(rows.a[r]) * q.per_a;
      const float at_b = at_a + static_cast<float>(rows.b[r]) * q.per_b;
      if (at_b + static_cast<float>(rows.c[r]) * q.per_c >= q.least)
        out[p][counts[p]++] = static_cast<std::uint16_t>(r);
    }
  }
}

std::int32_t PackedSum(const std::uint8_t* packed, std::size_t bytes, const std::int16_t* weights) {
  std::int32_t sum = 0;
  for (std::size_t t = 0; t < bytes; ++t) sum += weights[t] * (packed[t] & 15) + weights[bytes + t] * (packed[t] >> 4);
  return sum;
}

#else

// Has codes fetched early. What the processor fetches by itself ends with a page: a scan of a large gallery takes half
// the time with this. Past the end it asks for what nobody reads.
HWY_INLINE void FetchAhead(const std::uint8_t* codes) {
  constexpr std::uintptr_t kAhead = 8192;
  hwy::Prefetch(reinterpret_cast<const std::uint8_t*>(reinterpret_cast<std::uintptr_t>(codes) + kAhead));
}

// Notes the rows whose bits are set.
HWY_INLINE void Note(std::uint64_t bits, std::size_t first, std::uint16_t* out, std::size_t& count) {
  for (; bits != 0; bits &= bits - 1) {
    out[count++] = static_cast<std::uint16_t>(first + static_cast<std::size_t>(std::countr_zero(bits)));
  }
}

// The bound of a few rows of a block from their sums, and which of them pass.
template <class D32>
HWY_INLINE void Judge(D32 d32, hn::Vec<D32> sum, const LeadingRows& rows, std::size_t first, const LeadingQuestion& q,
                      std::uint16_t* out, std::size_t& count) {
  const hn::RebindToFloat<D32> d;
  const hn::Rebind<std::uint8_t, D32> d8;
  const auto times = [&](const std::uint8_t* bytes, float unit) HWY_ATTR {
    return hn::Mul(hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, bytes + first))), hn::Set(d, unit));
  };
  auto bound = hn::Add(hn::Mul(hn::ConvertTo(d, sum), hn::Set(d, q.per_sum)), hn::Set(d, q.offset));
  bound = hn::Add(bound, times(rows.a, q.per_a));
  bound = hn::Add(hn::Add(bound, times(rows.b, q.per_b)), times(rows.c, q.per_c));
  const auto passes = hn::Ge(bound, hn::Set(d, q.least));
  if (HWY_LIKELY(hn::AllFalse(d, passes))) return;
  std::array<std::uint8_t, 8> bytes{};
  hn::StoreMaskBits(d, passes, bytes.data());
  std::uint64_t bits = 0;
  std::memcpy(&bits, bytes.data(), sizeof(bits));
  Note(bits, first, out, count);
}

// Sixteen-bit sums of sixteen products of at most 127 * 15 do not overflow; after that they go into 32 bits.
void SelectRowsOne(const LeadingRows& rows, const LeadingQuestion& q, std::uint16_t* out, std::size_t& count) {
  const hn::CappedTag<std::uint8_t, 64> d8;
  const hn::Repartition<std::uint16_t, decltype(d8)> du16;
  const hn::Repartition<std::int16_t, decltype(d8)> d16;
  const hn::Repartition<std::int32_t, decltype(d8)> d32;
  constexpr std::size_t kWidth = hn::MaxLanes(decltype(d8)());
  const std::size_t vectors = rows.axes / 8;
  // Of each vector: the weights of bytes 0 and 2, low and high bits, then of bytes 1 and 3, as pairs of 16 bits.
  std::array<std::int32_t, 4 * 16> pairs{};
  for (std::size_t v = 0; v < vectors; ++v) {
    for (std::size_t i = 0; i < 4; ++i) {
      const std::int8_t* w = q.weights + (i % 2) * (rows.axes / 2) + 4 * v + i / 2;
      const std::array<std::int16_t, 2> pair = {w[0], w[2]};
      pairs[4 * v + i] = std::bit_cast<std::int32_t>(pair);
    }
  }
  const auto low = hn::Set(du16, 15);
  const auto weight = [&](std::size_t i) HWY_ATTR { return hn::BitCast(d16, hn::Set(d32, pairs[i])); };
  const std::uint8_t* codes = rows.codes;
  for (std::size_t block = 0; block < rows.blocks; ++block, codes += kBlockRows * rows.axes / 2) {
    for (std::size_t part = 0; part < 64; part += kWidth) {
      auto wide = hn::Zero(d32);
      for (std::size_t v = 0; v < vectors; v += 4) {
        auto narrow = hn::Zero(d16);
        for (std::size_t w = v; w < v + 4; ++w) {
          if (part == 0) FetchAhead(codes + 64 * w);
          const auto x = hn::BitCast(du16, hn::LoadU(d8, codes + 64 * w + part));
          const auto u0 = hn::BitCast(d16, hn::And(x, low));
          const auto u1 = hn::BitCast(d16, hn::And(hn::ShiftRight<4>(x), low));
          const auto u2 = hn::BitCast(d16, hn::And(hn::ShiftRight<8>(x), low));
          const auto u3 = hn::BitCast(d16, hn::ShiftRight<12>(x));
          narrow = hn::Add(narrow, hn::Add(hn::Mul(u0, weight(4 * w)), hn::Mul(u1, weight(4 * w + 1))));
          narrow = hn::Add(narrow, hn::Add(hn::Mul(u2, weight(4 * w + 2)), hn::Mul(u3, weight(4 * w + 3))));
        }
        const auto both = hn::BitCast(d32, narrow);
        wide = hn::Add(wide, hn::Add(hn::ShiftRight<16>(both), hn::ShiftRight<16>(hn::ShiftLeft<16>(both))));
      }
      Judge(d32, wide, rows, block * kBlockRows + part / 4, q, out, count);
    }
  }
}

#if HWY_TARGET != HWY_AVX3_DL
void SelectRows(const LeadingRows& rows, const LeadingQuestion* questions, std::size_t count, std::uint16_t* const* out,
                std::size_t* counts) {
  for (std::size_t p = 0; p < count; ++p) SelectRowsOne(rows, questions[p], out[p], counts[p] = 0);
}
#endif

std::int32_t PackedSum(const std::uint8_t* packed, std::size_t bytes, const std::int16_t* weights) {
  const hn::CappedTag<std::int16_t, 16> d16;
  const hn::Rebind<std::uint8_t, decltype(d16)> d8;
  const hn::Repartition<std::int32_t, decltype(d16)> d32;
  const auto low = hn::Set(d16, 15);
  auto s0 = hn::Zero(d32);
  auto s1 = hn::Zero(d32);
  auto t0 = hn::Zero(d32);
  auto t1 = hn::Zero(d32);
  for (std::size_t t = 0; t < bytes; t += hn::MaxLanes(decltype(d16)())) {
    const auto x = hn::PromoteTo(d16, hn::LoadU(d8, packed + t));
    s0 = hn::ReorderWidenMulAccumulate(d32, hn::And(x, low), hn::LoadU(d16, weights + t), s0, s1);
    t0 = hn::ReorderWidenMulAccumulate(d32, hn::ShiftRight<4>(x), hn::LoadU(d16, weights + bytes + t), t0, t1);
  }
  return hn::GetLane(hn::SumOfLanes(d32, hn::Add(hn::Add(s0, s1), hn::Add(t0, t1))));
}

#endif

}  // namespace facekeep::match::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_TARGET == HWY_AVX3_DL
// Highway's attributes for this target lack the instruction that makes it worth while.
HWY_PUSH_ATTRIBUTES("avx512vnni," HWY_TARGET_STR)
namespace facekeep::match::HWY_NAMESPACE {

// The bound of a block's rows from their sums; the bits of those that pass.
struct Bounds {
  __m512 a;
  __m512 b;
  __m512 c;
};
HWY_INLINE Bounds LoadBounds(const LeadingRows& rows, std::size_t first) {
  const auto bytes = [](const std::uint8_t* at) HWY_ATTR {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))));
  };
  return {bytes(rows.a + first), bytes(rows.b + first), bytes(rows.c + first)};
}
HWY_INLINE std::uint64_t Passes(__m512i sum, const Bounds& rows, const LeadingQuestion& q) {
  const auto times = [](__m512 v, float unit) HWY_ATTR { return _mm512_mul_ps(v, _mm512_set1_ps(unit)); };
  __m512 bound = _mm512_add_ps(times(_mm512_cvtepi32_ps(sum), q.per_sum), _mm512_set1_ps(q.offset));
  bound = _mm512_add_ps(bound, times(rows.a, q.per_a));
  bound = _mm512_add_ps(_mm512_add_ps(bound, times(rows.b, q.per_b)), times(rows.c, q.per_c));
  return _mm512_cmp_ps_mask(bound, _mm512_set1_ps(q.least), _CMP_GE_OQ);
}

// `kProbes` probes and `kBlocks` blocks at once, so that codes are unpacked once for all probes and weights are fetched
// once for all blocks. `first`: a block; `blocks` from it on, a multiple of kBlocks.
template <std::size_t kProbes, std::size_t kBlocks>
void SelectRowsOf(const LeadingRows& rows, std::size_t first, std::size_t blocks, const LeadingQuestion* q,
                  std::uint16_t* const* out, std::size_t* counts) {
  const __m512i low = _mm512_set1_epi8(15);
  const std::size_t half = rows.axes / 2;
  const auto weight = [](const std::int8_t* w) HWY_ATTR {
    std::int32_t four = 0;
    std::memcpy(&four, w, sizeof(four));
    return _mm512_set1_epi32(four);
  };
  for (std::size_t block = first; block < first + blocks; block += kBlocks) {
    const std::uint8_t* codes = rows.codes + block * kBlockRows * half;
    __m512i sum[kBlocks][kProbes];
    for (std::size_t b = 0; b < kBlocks; ++b) {
      for (std::size_t p = 0; p < kProbes; ++p) sum[b][p] = _mm512_setzero_si512();
    }
    for (std::size_t t = 0; t < half; t += 4) {
      __m512i u0[kBlocks];
      __m512i u1[kBlocks];
      for (std::size_t b = 0; b < kBlocks; ++b) {
        const std::uint8_t* at = codes + b * kBlockRows * half + 16 * t;
        FetchAhead(at);
        const __m512i x = _mm512_loadu_si512(at);
        u0[b] = _mm512_and_si512(x, low);
        u1[b] = _mm512_and_si512(_mm512_srli_epi16(x, 4), low);
      }
      for (std::size_t p = 0; p < kProbes; ++p) {
        const __m512i w0 = weight(q[p].weights + t);
        const __m512i w1 = weight(q[p].weights + half + t);
        for (std::size_t b = 0; b < kBlocks; ++b) sum[b][p] = _mm512_dpbusd_epi32(sum[b][p], u0[b], w0);
        for (std::size_t b = 0; b < kBlocks; ++b) sum[b][p] = _mm512_dpbusd_epi32(sum[b][p], u1[b], w1);
      }
    }
    for (std::size_t b = 0; b < kBlocks; ++b) {
      const std::size_t row = (block + b) * kBlockRows;
      const Bounds bounds = LoadBounds(rows, row);
      for (std::size_t p = 0; p < kProbes; ++p) Note(Passes(sum[b][p], bounds, q[p]), row, out[p], counts[p]);
    }
  }
}

template <std::size_t kProbes>
void SelectRowsOf(const LeadingRows& rows, const LeadingQuestion* q, std::uint16_t* const* out, std::size_t* counts) {
  const std::size_t even = rows.blocks / 2 * 2;
  SelectRowsOf<kProbes, 2>(rows, 0, even, q, out, counts);  // more, and sums no longer fit the registers
  SelectRowsOf<kProbes, 1>(rows, even, rows.blocks - even, q, out, counts);
}

void SelectRows(const LeadingRows& rows, const LeadingQuestion* questions, std::size_t count, std::uint16_t* const* out,
                std::size_t* counts) {
  std::fill_n(counts, count, 0);
  std::size_t p = 0;
  for (; p + 8 <= count; p += 8) SelectRowsOf<8>(rows, questions + p, out + p, counts + p);
  for (; p + 4 <= count; p += 4) SelectRowsOf<4>(rows, questions + p, out + p, counts + p);
  for (; p < count; ++p) SelectRowsOf<1>(rows, questions + p, out + p, counts + p);
}

}  // namespace facekeep::match::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace facekeep::match {

HWY_EXPORT(SelectRows);
HWY_EXPORT(PackedSum);

void select_rows(const LeadingRows& rows, const LeadingQuestion* questions, std::size_t count,
                 std::uint16_t* const* out, std::size_t* counts) {
  HWY_DYNAMIC_DISPATCH(SelectRows)(rows, questions, count, out, counts);
}

std::int32_t packed_sum(const std::uint8_t* packed, std::size_t bytes, const std::int16_t* weights) {
  return HWY_DYNAMIC_DISPATCH(PackedSum)(packed, bytes, weights);
}

}  // namespace facekeep::match
#endif
