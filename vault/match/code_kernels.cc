#include "vault/match/fp_strict.h"
//
#include "vault/match/code_kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vault/match/code_kernels.cc"
#include "vault/match/kernel_targets.h"
//
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace facekeep::match::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

void LeadingSums(const std::uint8_t* codes, std::size_t blocks, std::size_t axes, const std::int8_t* const* weights,
                 std::size_t probes, std::int32_t* const* sums) {
  for (std::size_t p = 0; p < probes; ++p) {
    for (std::size_t r = 0; r < blocks * kBlockRows; ++r) {
      std::int32_t sum = 0;
      for (std::size_t t = 0; t < axes / 2; ++t) {
        const std::uint8_t byte = codes[leading_offset(r, axes, t)];
        sum += weights[p][t] * (byte & 15) + weights[p][axes / 2 + t] * (byte >> 4);
      }
      sums[p][r] = sum;
    }
  }
}

std::size_t SelectRows(const std::int32_t* sums, const std::uint8_t* a, const std::uint8_t* b, const std::uint8_t* c,
                       std::size_t rows, const SelectRule& rule, std::uint16_t* out) {
  std::size_t count = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    const float sum = static_cast<float>(sums[r]) * rule.per_sum;
    const float at_a = (sum + rule.offset) + static_cast<float>(a[r]) * rule.per_a;
    const float at_b = at_a + static_cast<float>(b[r]) * rule.per_b;
    if (at_b + static_cast<float>(c[r]) * rule.per_c >= rule.least) out[count++] = static_cast<std::uint16_t>(r);
  }
  return count;
}

std::int32_t PackedSum(const std::uint8_t* packed, std::size_t bytes, const std::int16_t* weights) {
  std::int32_t sum = 0;
  for (std::size_t t = 0; t < bytes; ++t) sum += weights[t] * (packed[t] & 15) + weights[bytes + t] * (packed[t] >> 4);
  return sum;
}

#else

// Sixteen-bit sums of sixteen products of at most 127 * 15 do not overflow; after that they go into 32 bits.
void LeadingSumsOne(const std::uint8_t* codes, std::size_t blocks, std::size_t axes, const std::int8_t* weights,
                    std::int32_t* sums) {
  const hn::CappedTag<std::uint8_t, 64> d8;
  const hn::Repartition<std::uint16_t, decltype(d8)> du16;
  const hn::Repartition<std::int16_t, decltype(d8)> d16;
  const hn::Repartition<std::int32_t, decltype(d8)> d32;
  constexpr std::size_t kWidth = hn::MaxLanes(decltype(d8)());
  const std::size_t vectors = axes / 8;
  // Of each vector: the weights of bytes 0 and 2, low and high bits, then of bytes 1 and 3, as pairs of 16 bits.
  std::array<std::int32_t, 4 * 16> pairs{};
  for (std::size_t v = 0; v < vectors; ++v) {
    for (std::size_t i = 0; i < 4; ++i) {
      const std::int8_t* w = weights + (i % 2) * (axes / 2) + 4 * v + i / 2;
      const std::array<std::int16_t, 2> pair = {w[0], w[2]};
      pairs[4 * v + i] = std::bit_cast<std::int32_t>(pair);
    }
  }
  const auto low = hn::Set(du16, 15);
  const auto weight = [&](std::size_t i) HWY_ATTR { return hn::BitCast(d16, hn::Set(d32, pairs[i])); };
  for (std::size_t block = 0; block < blocks; ++block, codes += kBlockRows * axes / 2) {
    for (std::size_t part = 0; part < 64; part += kWidth) {
      auto wide = hn::Zero(d32);
      for (std::size_t v = 0; v < vectors; v += 4) {
        auto narrow = hn::Zero(d16);
        for (std::size_t w = v; w < v + 4; ++w) {
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
      hn::StoreU(wide, d32, sums + block * kBlockRows + part / 4);
    }
  }
}

#if HWY_TARGET != HWY_AVX3_DL
void LeadingSums(const std::uint8_t* codes, std::size_t blocks, std::size_t axes, const std::int8_t* const* weights,
                 std::size_t probes, std::int32_t* const* sums) {
  for (std::size_t p = 0; p < probes; ++p) LeadingSumsOne(codes, blocks, axes, weights[p], sums[p]);
}
#endif

std::size_t SelectRows(const std::int32_t* sums, const std::uint8_t* a, const std::uint8_t* b, const std::uint8_t* c,
                       std::size_t rows, const SelectRule& rule, std::uint16_t* out) {
  const hn::CappedTag<float, kBlockRows> d;
  const hn::RebindToSigned<decltype(d)> d32;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  const auto times = [&](const std::uint8_t* bytes, float unit) HWY_ATTR {
    return hn::Mul(hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, bytes))), hn::Set(d, unit));
  };
  std::size_t count = 0;
  for (std::size_t r = 0; r < rows; r += hn::MaxLanes(decltype(d)())) {
    auto sum = hn::Mul(hn::ConvertTo(d, hn::LoadU(d32, sums + r)), hn::Set(d, rule.per_sum));
    sum = hn::Add(hn::Add(sum, hn::Set(d, rule.offset)), times(a + r, rule.per_a));
    sum = hn::Add(hn::Add(sum, times(b + r, rule.per_b)), times(c + r, rule.per_c));
    const auto passes = hn::Ge(sum, hn::Set(d, rule.least));
    if (HWY_LIKELY(hn::AllFalse(d, passes))) continue;
    std::array<std::uint8_t, 8> bytes{};
    hn::StoreMaskBits(d, passes, bytes.data());
    std::uint64_t bits = 0;
    std::memcpy(&bits, bytes.data(), sizeof(bits));
    for (; bits != 0; bits &= bits - 1) {
      out[count++] = static_cast<std::uint16_t>(r + static_cast<std::size_t>(std::countr_zero(bits)));
    }
  }
  return count;
}

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

// `kProbes` at once, so that codes are unpacked once for all of them.
template <std::size_t kProbes>
void LeadingSumsOf(const std::uint8_t* codes, std::size_t blocks, std::size_t axes, const std::int8_t* const* weights,
                   std::int32_t* const* sums) {
  const __m512i low = _mm512_set1_epi8(15);
  const auto weight = [](const std::int8_t* w) HWY_ATTR {
    std::int32_t four = 0;
    std::memcpy(&four, w, sizeof(four));
    return _mm512_set1_epi32(four);
  };
  for (std::size_t block = 0; block < blocks; ++block, codes += kBlockRows * axes / 2) {
    __m512i sum[kProbes];
    for (std::size_t p = 0; p < kProbes; ++p) sum[p] = _mm512_setzero_si512();
    for (std::size_t t = 0; t < axes / 2; t += 4) {
      const __m512i x = _mm512_loadu_si512(codes + 16 * t);
      const __m512i u0 = _mm512_and_si512(x, low);
      const __m512i u1 = _mm512_and_si512(_mm512_srli_epi16(x, 4), low);
      for (std::size_t p = 0; p < kProbes; ++p) {
        sum[p] = _mm512_dpbusd_epi32(sum[p], u0, weight(weights[p] + t));
        sum[p] = _mm512_dpbusd_epi32(sum[p], u1, weight(weights[p] + axes / 2 + t));
      }
    }
    for (std::size_t p = 0; p < kProbes; ++p) _mm512_storeu_si512(sums[p] + block * kBlockRows, sum[p]);
  }
}

void LeadingSums(const std::uint8_t* codes, std::size_t blocks, std::size_t axes, const std::int8_t* const* weights,
                 std::size_t probes, std::int32_t* const* sums) {
  std::size_t p = 0;
  for (; p + 8 <= probes; p += 8) LeadingSumsOf<8>(codes, blocks, axes, weights + p, sums + p);
  for (; p + 4 <= probes; p += 4) LeadingSumsOf<4>(codes, blocks, axes, weights + p, sums + p);
  for (; p < probes; ++p) LeadingSumsOf<1>(codes, blocks, axes, weights + p, sums + p);
}

}  // namespace facekeep::match::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace facekeep::match {

HWY_EXPORT(LeadingSums);
HWY_EXPORT(SelectRows);
HWY_EXPORT(PackedSum);

void leading_sums(const std::uint8_t* codes, std::size_t blocks, std::size_t axes, const std::int8_t* const* weights,
                  std::size_t probes, std::int32_t* const* sums) {
  HWY_DYNAMIC_DISPATCH(LeadingSums)(codes, blocks, axes, weights, probes, sums);
}

std::size_t select_rows(const std::int32_t* sums, const std::uint8_t* a, const std::uint8_t* b, const std::uint8_t* c,
                        std::size_t rows, const SelectRule& rule, std::uint16_t* out) {
  return HWY_DYNAMIC_DISPATCH(SelectRows)(sums, a, b, c, rows, rule, out);
}

std::int32_t packed_sum(const std::uint8_t* packed, std::size_t bytes, const std::int16_t* weights) {
  return HWY_DYNAMIC_DISPATCH(PackedSum)(packed, bytes, weights);
}

}  // namespace facekeep::match
#endif
