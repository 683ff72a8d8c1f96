#include "vault/match/code.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <tuple>

#include "vault/base/secret_bytes.h"
#include "vault/match/rounding.h"

namespace facekeep::match {
namespace {

constexpr double kMaxNorm = 1 + 2e-6;  // of a unit vector (vector.h)
constexpr int kTop = kLevels - 1;

// The code whose level 2u - 15, times a step, is nearest to x, but for rounding; `per_step` is 1 / (2 step). Whatever
// code is taken, its error is measured and not derived.
template <class Float>
int nearest_code(Float x, Float per_step) {
  return static_cast<int>(std::clamp(x * per_step + kLevels / 2, Float(0), Float(kTop)));
}

constexpr int level(int code) {
  return 2 * code - kTop;
}

std::uint8_t get(const std::uint8_t* packed, std::size_t half, std::size_t i) {
  return i < half ? packed[i] & 15U : packed[i - half] >> 4U;
}
void put(std::uint8_t* packed, std::size_t half, std::size_t i, int code) {
  const auto u = static_cast<unsigned>(code);
  if (i < half) {
    packed[i] = static_cast<std::uint8_t>((packed[i] & 0xf0U) | u);
  } else {
    packed[i - half] = static_cast<std::uint8_t>((packed[i - half] & 15U) | u << 4U);
  }
}

Result<std::uint8_t> in_units(double bound, double unit) {
  const double units = std::ceil(up(bound) / unit);
  if (!(units >= 0 && units <= 255)) return make_error(Errc::kInternal, "a bound of a template is out of its range");
  return static_cast<std::uint8_t>(units);
}

// The norm of what is left of `r` when it is coded with scale g.
double error_at(std::span<const double> r, double g) {
  double sum = 0;
  for (const double x : r) {
    const double e = x - g * level(nearest_code(x, 0.5 / g));
    sum += e * e;
  }
  return std::sqrt(sum);
}

// About its square: to choose by. Eight sums beside each other, for the compiler's vectors.
float rough_square_error(std::span<const float> r, float g) {
  constexpr std::size_t kBeside = 8;
  const float per_step = 0.5F / g;
  std::array<float, kBeside> sums{};
  const auto add = [&](std::size_t i, std::size_t lane) {
    const float e = r[i] - g * static_cast<float>(level(nearest_code(r[i], per_step)));
    sums[lane] += e * e;
  };
  const std::size_t whole = r.size() / kBeside * kBeside;
  for (std::size_t i = 0; i < whole; i += kBeside) {
    for (std::size_t lane = 0; lane < kBeside; ++lane) add(i + lane, lane);
  }
  for (std::size_t i = whole; i < r.size(); ++i) add(i, 0);
  return std::accumulate(sums.begin(), sums.end(), 0.0F);
}

struct Scale {
  float scale;
  double error;
};

// What suits: among a few shares of the deviation, and the one that clips nothing; 0 for a vector that is next to
// nothing. `rough`: r in float.
Scale best_scale(std::span<const double> r, std::span<const float> rough) {
  double squares = 0;
  double most = 0;
  for (const double x : r) {
    squares += x * x;
    most = std::max(most, std::abs(x));
  }
  const double deviation = std::sqrt(squares / static_cast<double>(r.size()));
  float best = 0;
  float least = std::numeric_limits<float>::infinity();
  for (const double wanted : {0.150 * deviation, 0.1676 * deviation, 0.185 * deviation, most / kTop}) {
    const auto g = static_cast<float>(wanted);
    if (!(g > std::numeric_limits<float>::min())) continue;
    const float error = rough_square_error(rough, g);
    if (error < least) std::tie(best, least) = std::pair(g, error);
  }
  const Scale none{0, std::sqrt(squares)};
  const Scale chosen = best > 0 ? Scale{best, error_at(r, best)} : none;
  return chosen.error < none.error ? chosen : none;
}

// Integers of at most `most`, and their unit: weights = unit * integers + rest. Returns |rest|.
template <class Int>
double to_integers(std::span<const double> weights, int most, std::span<Int> out, double& unit) {
  double greatest = 0;
  for (const double w : weights) greatest = std::max(greatest, std::abs(w));
  unit = greatest > 1e-30 ? greatest / most : 1;
  double rest = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double n =
        std::clamp(std::nearbyint(weights[i] / unit), -static_cast<double>(most), static_cast<double>(most));
    out[i] = static_cast<Int>(n);
    rest += (weights[i] - unit * n) * (weights[i] - unit * n);
  }
  // 1e-15: the products and differences above are rounded, relative to weights, not to what is left of them.
  return up(std::sqrt(rest)) + 1e-15 * greatest * static_cast<double>(weights.size());
}

template <class Int>
std::int64_t sum_of(std::span<const Int> values) {
  std::int64_t sum = 0;
  for (const Int v : values) sum += v;
  return sum;
}

}  // namespace

double unit_c(std::size_t axes) {
  return kTop * std::sqrt(static_cast<double>(axes)) / 254.9;
}

Status encode(const Basis& basis, const float* unit, Code& code) {
  const std::size_t n = basis.dimension();
  const std::size_t k = basis.axes();
  code = Code{};
  alignas(64) std::array<float, kMaxAxes> y{};
  alignas(64) std::array<float, kMaxAxes> kept{};
  alignas(64) std::array<float, kMaxPadded> back{};
  std::array<double, kMaxPadded> r{};
  std::array<float, kMaxPadded> rough{};
  const auto wipe = [&] {
    for (const MutableByteView bytes : {MutableByteView(reinterpret_cast<std::uint8_t*>(&y), sizeof(y)),
                                        MutableByteView(reinterpret_cast<std::uint8_t*>(&kept), sizeof(kept)),
                                        MutableByteView(reinterpret_cast<std::uint8_t*>(&back), sizeof(back)),
                                        MutableByteView(reinterpret_cast<std::uint8_t*>(&r), sizeof(r)),
                                        MutableByteView(reinterpret_cast<std::uint8_t*>(&rough), sizeof(rough))}) {
      cleanse(bytes);
    }
  };
  basis.project(unit, y.data());
  double off_axes = 0;
  double levels = 0;
  for (std::size_t j = 0; j < k; ++j) {
    const int u = nearest_code(y[j], 0.5F / basis.step()[j]);
    put(code.leading.data(), k / 2, j, u);
    kept[j] = basis.step()[j] * static_cast<float>(level(u));
    const double off = static_cast<double>(y[j]) - static_cast<double>(kept[j]);
    off_axes += off * off;
    levels += level(u) * level(u);
  }
  basis.expand(kept.data(), back.data());
  for (std::size_t i = 0; i < n; ++i) {
    r[i] = static_cast<double>(unit[i]) - static_cast<double>(back[i]);
    rough[i] = static_cast<float>(r[i]);
  }
  const auto [scale, left] = best_scale({r.data(), n}, {rough.data(), n});
  code.scale = scale;
  for (std::size_t i = 0; i < n && scale > 0; ++i) {
    put(code.residual.data(), residual_bytes(n), i, nearest_code(r[i], 0.5 / static_cast<double>(scale)));
  }
  const double x_squares = up(square_sum({unit, n}));
  const double eps_y = dot_error(basis.padded()) * basis.spread() * std::sqrt(x_squares) + kTiny;
  const double z = std::max(0.0, down(std::sqrt(square_sum({y.data(), k}))) - eps_y);
  const double from_axes = std::max(0.0, x_squares - down((1 - basis.skew()) * z * z));
  const double eps_r = dot_error(k) * basis.spread() * up(std::sqrt(square_sum({kept.data(), k}))) + kTiny;
  wipe();
  FK_TRY(code.a, in_units(up(std::sqrt(off_axes)) + eps_y, kUnitA));
  FK_TRY(code.b, in_units(up(std::sqrt(from_axes)), kUnitB));
  FK_TRY(code.c, in_units(std::sqrt(levels), unit_c(k)));
  code.error = float_above(up(left) + 1e-14 + eps_r);
  return {};
}

void decode(const Basis& basis, const Code& code, float* unit) {
  alignas(64) std::array<float, kMaxAxes> kept{};
  const std::size_t k = basis.axes();
  const std::size_t n = basis.dimension();
  for (std::size_t j = 0; j < k; ++j) {
    kept[j] = basis.step()[j] * static_cast<float>(level(get(code.leading.data(), k / 2, j)));
  }
  basis.expand(kept.data(), unit);
  for (std::size_t i = 0; i < n; ++i) {
    unit[i] += code.scale * static_cast<float>(level(get(code.residual.data(), residual_bytes(n), i)));
  }
  std::fill(unit + n, unit + basis.padded(), 0.0F);
  cleanse({reinterpret_cast<std::uint8_t*>(&kept), sizeof(kept)});
}

CodedProbe::CodedProbe(const Basis& basis, const float* unit) {
  const std::size_t n = basis.dimension();
  const std::size_t k = basis.axes();
  alignas(64) std::array<float, kMaxAxes> p{};
  alignas(64) std::array<float, kMaxPadded> back{};
  std::array<double, kMaxPadded> weights{};
  basis.project(unit, p.data());
  basis.expand(p.data(), back.data());
  const double p_norm = up(std::sqrt(square_sum({p.data(), k})));
  norm = up(std::sqrt(square_sum({unit, n})));
  const double eps_p = dot_error(basis.padded()) * basis.spread() * norm + kTiny;
  double off_axes = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double off = static_cast<double>(unit[i]) - static_cast<double>(back[i]);
    off_axes += off * off;
  }
  const double q = up(std::sqrt(off_axes)) + 1e-14 + dot_error(k) * basis.spread() * p_norm + kTiny;
  const double cosine_error = dot_error(basis.padded()) * norm * kMaxNorm + kTiny;
  const double z_most = kMaxNorm / (1 - basis.skew());

  for (std::size_t j = 0; j < k; ++j) weights[j] = static_cast<double>(p[j]) * static_cast<double>(basis.step()[j]);
  double coarse_unit = 0;
  const double coarse_rest = to_integers<std::int8_t>({weights.data(), k}, 127, {coarse.data(), k}, coarse_unit);
  const double fine_rest = to_integers<std::int16_t>({weights.data(), k}, 32767, {fine.data(), k}, per_fine);
  for (std::size_t i = 0; i < n; ++i) weights[i] = unit[i];
  const double values_rest = to_integers<std::int16_t>({weights.data(), n}, 32767, {values.data(), n}, per_value);

  // (1): twice the sum of weights times u, less 15 times the sum of the weights.
  const double coarse_15 = kTop * static_cast<double>(sum_of<std::int8_t>({coarse.data(), k}));
  double terms = 0;
  for (std::size_t j = 0; j < k; ++j) terms += std::abs(static_cast<int>(coarse[j]));
  question = {coarse.data(),
              static_cast<float>(2 * coarse_unit),
              static_cast<float>(-coarse_unit * coarse_15),
              float_above(p_norm * kUnitA),
              float_above(q * kUnitB),
              float_above(coarse_rest * unit_c(k)),
              0};
  const double most = 4 * kTop * terms * coarse_unit + 256 * (p_norm * kUnitA + q * kUnitB + coarse_rest * unit_c(k));
  slack = up((eps_p + basis.skew() * p_norm) * z_most + cosine_error + 8 * 0x1p-24 * most);

  // (2)
  fine_15 = kTop * sum_of<std::int16_t>({fine.data(), k});
  values_15 = kTop * sum_of<std::int16_t>({values.data(), n});
  radius = up(eps_p * (z_most + 255 * kUnitA) + cosine_error) + 1e-12;
  radius_c = fine_rest * unit_c(k);
  radius_scale = values_rest * kTop * std::sqrt(static_cast<double>(n));
  for (const MutableByteView bytes : {MutableByteView(reinterpret_cast<std::uint8_t*>(&p), sizeof(p)),
                                      MutableByteView(reinterpret_cast<std::uint8_t*>(&back), sizeof(back)),
                                      MutableByteView(reinterpret_cast<std::uint8_t*>(&weights), sizeof(weights))}) {
    cleanse(bytes);
  }
}

CodedProbe::~CodedProbe() {
  cleanse({reinterpret_cast<std::uint8_t*>(this), sizeof(*this)});
}

Interval close_look(const CodedProbe& probe, std::int64_t fine_sum, std::int64_t value_sum, std::uint8_t c, float scale,
                    float error) {
  const double center =
      probe.per_fine * static_cast<double>(2 * fine_sum - probe.fine_15) +
      static_cast<double>(scale) * probe.per_value * static_cast<double>(2 * value_sum - probe.values_15);
  const double radius = up(probe.radius + c * probe.radius_c + static_cast<double>(scale) * probe.radius_scale +
                           probe.norm * static_cast<double>(error));
  return {center - radius, center + radius};
}

}  // namespace facekeep::match
