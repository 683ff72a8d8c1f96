// cosine_rows() for every instruction set: this file is compiled once for each.
#include "vault/match/fp_strict.h"
//
#include "vault/match/cosine.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vault/match/kernels.cc"
#include "vault/match/kernel_targets.h"
//
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace facekeep::match::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

void CosineRows(const float* probe, const float* rows, std::size_t padded, std::size_t count, float* scores) {
  for (std::size_t r = 0; r < count; ++r) scores[r] = cosine({probe, padded}, {rows + r * padded, padded});
}

#else

using Tag = hn::CappedTag<float, kLanes>;
using Vec = hn::Vec<Tag>;
constexpr std::size_t kWidth = hn::MaxLanes(Tag());

// eight -> four -> two -> one of the definition; `v` holds the first `width` sums.
template <class D>
HWY_INLINE float Reduce([[maybe_unused]] D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) > 4) {
    const hn::Half<D> half;
    return Reduce(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    const auto two = hn::Add(v, hn::Shuffle1032(v));
    return hn::GetLane(hn::Add(two, hn::Shuffle2301(two)));
  }
}

// The sixteen lanes, in one, two or four vectors. Constructors are spelled out, because implicit
// ones are not compiled for the target.
template <std::size_t kVectors>
struct Lanes;

template <>
struct Lanes<1> {
  Vec a;
  HWY_INLINE Lanes() : a(hn::Zero(Tag())) {}
  HWY_INLINE void Step(const float* p, const float* q) {
    const Tag d;
    a = hn::Add(a, hn::Mul(hn::LoadU(d, p), hn::LoadU(d, q)));
  }
  HWY_INLINE float Sum() const { return Reduce(Tag(), a); }
};

template <>
struct Lanes<2> {
  Vec a;
  Vec b;
  HWY_INLINE Lanes() : a(hn::Zero(Tag())), b(hn::Zero(Tag())) {}
  HWY_INLINE void Step(const float* p, const float* q) {
    const Tag d;
    a = hn::Add(a, hn::Mul(hn::LoadU(d, p), hn::LoadU(d, q)));
    b = hn::Add(b, hn::Mul(hn::LoadU(d, p + kWidth), hn::LoadU(d, q + kWidth)));
  }
  HWY_INLINE float Sum() const { return Reduce(Tag(), hn::Add(a, b)); }
};

template <>
struct Lanes<4> {
  Lanes<2> lo;
  Lanes<2> hi;
  HWY_INLINE Lanes() {}
  HWY_INLINE void Step(const float* p, const float* q) {
    lo.Step(p, q);
    hi.Step(p + 2 * kWidth, q + 2 * kWidth);
  }
  HWY_INLINE float Sum() const { return Reduce(Tag(), hn::Add(hn::Add(lo.a, hi.a), hn::Add(lo.b, hi.b))); }
};

using Sums = Lanes<kLanes / kWidth>;

// Four rows at once hide the latency of the additions, whose order is fixed within a row.
HWY_INLINE void FourRows(const float* probe, const float* rows, std::size_t padded, float* scores) {
  Sums s0;
  Sums s1;
  Sums s2;
  Sums s3;
  for (std::size_t i = 0; i < padded; i += kLanes) {
    s0.Step(probe + i, rows + i);
    s1.Step(probe + i, rows + padded + i);
    s2.Step(probe + i, rows + 2 * padded + i);
    s3.Step(probe + i, rows + 3 * padded + i);
  }
  scores[0] = s0.Sum();
  scores[1] = s1.Sum();
  scores[2] = s2.Sum();
  scores[3] = s3.Sum();
}

void CosineRows(const float* probe, const float* rows, std::size_t padded, std::size_t count, float* scores) {
  std::size_t r = 0;
  for (; r + 4 <= count; r += 4) FourRows(probe, rows + r * padded, padded, scores + r);
  for (; r < count; ++r) {
    Sums s;
    for (std::size_t i = 0; i < padded; i += kLanes) s.Step(probe + i, rows + r * padded + i);
    scores[r] = s.Sum();
  }
}

#endif

}  // namespace facekeep::match::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facekeep::match {

HWY_EXPORT(CosineRows);

void cosine_rows(const float* probe, const float* rows, std::size_t padded, std::size_t count, float* scores) {
  HWY_DYNAMIC_DISPATCH(CosineRows)(probe, rows, padded, count, scores);
}

std::vector<Kernel> available_kernels() {
  std::vector<Kernel> kernels;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    kernels.push_back({target, hwy::TargetName(target)});
  }
  return kernels;
}

void force_kernel_for_test(std::int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace facekeep::match
#endif
