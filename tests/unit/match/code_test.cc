// The bounds of code.h, held against the cosine that brute force computes, for good, poor and odd bases; and every
// kernel against the scalar one.
#include "vault/match/code.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/support/catch.h"
#include "tests/unit/match/faces.h"
#include "vault/match/code_kernels.h"
#include "vault/match/rounding.h"
#include "vault/match/unit_vector.h"

using namespace facekeep;
using namespace facekeep::match;
using namespace facekeep::match::testing;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<float> rows_of(const std::vector<std::vector<float>>& faces, std::size_t dimension) {
  const std::size_t padded = padded_dimension(dimension);
  std::vector<float> rows(faces.size() * padded);
  for (std::size_t i = 0; i < faces.size(); ++i) std::ranges::copy(unit(faces[i]), rows.begin() + i * padded);
  return rows;
}

BasisPtr learned(const std::vector<std::vector<float>>& faces, std::size_t dimension) {
  Arena arena({.allow_unlocked = true});
  const auto rows = rows_of(faces, dimension);
  auto basis = Basis::learn(arena, rows.data(), faces.size(), dimension);
  REQUIRE(basis);
  return *basis;
}

// The first axes of the space, pushed off their directions by up to about `push`.
BasisPtr plain_basis(std::size_t dimension, float step, float push, std::mt19937& rng) {
  const std::size_t padded = padded_dimension(dimension);
  const std::size_t axes = axes_of(dimension);
  std::vector<float> rows(axes * padded);
  std::uniform_real_distribution<float> any(-push, push);
  for (std::size_t j = 0; j < axes; ++j) {
    for (std::size_t i = 0; i < dimension; ++i) rows[j * padded + i] = (i == j ? 1.0F : 0.0F) + any(rng);
  }
  auto basis = Basis::create(rows, std::vector<float>(axes, step), dimension);
  REQUIRE(basis);
  return *basis;
}

// All kinds of trouble, the other vector included.
std::vector<std::vector<float>> odd_faces(std::size_t dimension, const std::vector<float>& other, std::mt19937& rng) {
  std::vector<std::vector<float>> faces;
  for (int i = 0; i < 6; ++i) faces.push_back(random_face(dimension, rng));
  for (const float noise : {1e-7F, 1e-3F, 0.3F}) faces.push_back(near(other, noise, rng));
  faces.push_back(other);
  std::vector<float> one(dimension);
  const std::size_t hot = rng() % dimension;
  one[hot] = -1.0F;
  faces.push_back(one);
  one[(hot + 1) % dimension] = 1e-20F;
  faces.push_back(one);
  faces.emplace_back(dimension, 1.0F);
  std::vector<float> few = random_face(dimension, rng);
  for (std::size_t i = 0; i < dimension; ++i) few[i] *= std::pow(0.5F, static_cast<float>(i));
  faces.push_back(few);
  return faces;
}

struct Tightness {
  double coarse = kInfinity;  // least room between a bound and the cosine: never below 0
  double fine = kInfinity;
  double widest = 0;
};

void hold(const Basis& basis, const std::vector<float>& probe, const std::vector<float>& face, Tightness& room) {
  const std::size_t n = basis.dimension();
  UnitVector q;
  UnitVector x;
  REQUIRE(q.assign(probe, n));
  REQUIRE(x.assign(face, n));
  Code code;
  REQUIRE(encode(basis, x.data(), code));
  const CodedProbe coded(basis, q.data());
  const auto score = static_cast<double>(cosine({q.data(), n}, {x.data(), n}));
  double sum = 0;
  for (std::size_t j = 0; j < basis.axes(); ++j) {
    const std::size_t half = basis.axes() / 2;
    sum += coded.coarse[j] * (j < half ? code.leading[j] & 15 : code.leading[j - half] >> 4);
  }
  const LeadingQuestion& ask = coded.question;
  const double upper = sum * ask.per_sum + ask.offset + code.a * static_cast<double>(ask.per_a) +
                       code.b * static_cast<double>(ask.per_b) + code.c * static_cast<double>(ask.per_c);
  room.coarse = std::min(room.coarse, upper + coded.slack - score);
  const Interval in = close_look(coded, packed_sum(code.leading.data(), basis.axes() / 2, coded.fine.data()),
                                 packed_sum(code.residual.data(), residual_bytes(n), coded.values.data()), code.c,
                                 code.scale, code.error);
  room.fine = std::min({room.fine, score - in.low, in.high - score});
  room.widest = std::max(room.widest, in.high - in.low);
}

}  // namespace

TEST_CASE("the cosine never leaves the bounds of a code, whatever the basis") {
  std::mt19937 rng(31);
  for (const std::size_t dimension : {64U, 87U, 100U, 128U, 512U, 1024U}) {
    std::vector<std::vector<float>> crowd;
    for (int i = 0; i < 150; ++i) crowd.push_back(random_face(dimension, rng));
    const std::vector<std::vector<float>> twins(10, crowd[0]);
    std::vector<std::pair<const char*, BasisPtr>> bases = {
        {"learned", learned(crowd, dimension)},
        {"learned from one face", learned(twins, dimension)},
        {"learned from two faces", learned({crowd[1], crowd[2]}, dimension)},
        {"plain", plain_basis(dimension, 0.01F, 0, rng)},
        {"plain, tiny steps", plain_basis(dimension, 0x1p-20F, 0, rng)},
        {"plain, wide steps", plain_basis(dimension, 0.04F, 0, rng)},
        {"skewed", plain_basis(dimension, 0.01F, 4e-6F, rng)},
    };
    for (const auto& [name, basis] : bases) {
      INFO(dimension << " " << name);
      Tightness room;
      for (int p = 0; p < 12; ++p) {
        auto probe = random_face(dimension, rng);
        if (p == 0) std::ranges::fill(probe, 0.0F), probe[1] = 3.0F;
        if (p == 1) probe = crowd[0];
        for (const auto& face : odd_faces(dimension, probe, rng)) hold(*basis, probe, face, room);
      }
      CHECK(room.coarse >= 0);
      CHECK(room.fine >= 0);
      CHECK(room.widest < 2.1);  // finite, whatever happens
    }
  }
}

TEST_CASE("a learned basis bounds the cosine of the faces it is meant for narrowly") {
  // Faces whose energy lies in few of the directions, turned by a random reflection.
  std::mt19937 rng(32);
  constexpr std::size_t kDimension = 256;
  const auto mirror = unit(random_face(kDimension, rng));
  const auto face = [&] {
    auto v = random_face(kDimension, rng);
    for (std::size_t i = 0; i < kDimension; ++i) v[i] *= std::pow(0.98F, static_cast<float>(i));
    double along = 0;
    for (std::size_t i = 0; i < kDimension; ++i) along += v[i] * mirror[i];
    for (std::size_t i = 0; i < kDimension; ++i) v[i] -= static_cast<float>(2 * along) * mirror[i];
    return v;
  };
  std::vector<std::vector<float>> crowd;
  for (int i = 0; i < 1000; ++i) crowd.push_back(face());
  const auto basis = learned(crowd, kDimension);
  CHECK(basis->skew() < 1e-5);
  Tightness room;
  double worst = 0;
  for (int i = 0; i < 50; ++i) {
    Tightness one;
    hold(*basis, face(), face(), one);
    worst = std::max(worst, one.coarse);
    room.widest = std::max(room.widest, one.widest);
  }
  CHECK(worst < 0.5);
  CHECK(room.widest < 0.15);
}

TEST_CASE("axes that are far from orthogonal, and steps out of range, are refused") {
  const std::size_t axes = axes_of(64);
  std::vector<float> rows(axes * 64);
  for (std::size_t j = 0; j < axes; ++j) rows[j * 64 + j] = 1.0F;
  CHECK(Basis::create(rows, std::vector<float>(axes, 0.01F), 64));
  for (const float step : {0.0F, -0.01F, 0x1p-21F, 1.0F, std::numeric_limits<float>::quiet_NaN()}) {
    CHECK_FALSE(Basis::create(rows, std::vector<float>(axes, step), 64));
  }
  CHECK_FALSE(Basis::create(rows, std::vector<float>(axes - 1, 0.01F), 64));
  rows[1] = 0.02F;
  CHECK_FALSE(Basis::create(rows, std::vector<float>(axes, 0.01F), 64));
  rows[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(Basis::create(rows, std::vector<float>(axes, 0.01F), 64));
}

TEST_CASE("what is decoded lies as near to the vector as the code says") {
  std::mt19937 rng(33);
  std::vector<std::vector<float>> crowd;
  for (int i = 0; i < 300; ++i) crowd.push_back(random_face(128, rng));
  const auto basis = learned(crowd, 128);
  for (const auto& face : crowd) {
    UnitVector x;
    REQUIRE(x.assign(face, 128));
    Code code;
    REQUIRE(encode(*basis, x.data(), code));
    std::vector<float> back(128);
    decode(*basis, code, back.data());
    double squares = 0;
    for (std::size_t i = 0; i < 128; ++i) squares += std::pow(static_cast<double>(x.data()[i]) - back[i], 2);
    CHECK(std::sqrt(squares) <= static_cast<double>(code.error) + 1e-6);
  }
}

namespace {

// What select_rows() is to choose, by its definition; nothing is fused.
std::vector<std::uint16_t> plain_choice(const LeadingRows& rows, const LeadingQuestion& q) {
  std::vector<std::uint16_t> chosen;
  for (std::size_t r = 0; r < rows.blocks * kBlockRows; ++r) {
    std::int32_t sum = 0;
    for (std::size_t t = 0; t < rows.axes / 2; ++t) {
      const std::uint8_t both = rows.codes[leading_offset(r, rows.axes, t)];
      sum += q.weights[t] * (both & 15) + q.weights[rows.axes / 2 + t] * (both >> 4);
    }
    volatile float bound = static_cast<float>(sum) * q.per_sum;
    bound = bound + q.offset;
    for (const auto& [bytes, unit] :
         {std::pair(rows.a, q.per_a), std::pair(rows.b, q.per_b), std::pair(rows.c, q.per_c)}) {
      volatile const float part = static_cast<float>(bytes[r]) * unit;
      bound = bound + part;
    }
    if (bound >= q.least) chosen.push_back(static_cast<std::uint16_t>(r));
  }
  return chosen;
}

}  // namespace

TEST_CASE("every kernel chooses the rows that the plain loop chooses") {
  std::mt19937 rng(34);
  const auto byte = [&] { return static_cast<std::uint8_t>(rng()); };
  for (const std::size_t axes : {32U, 64U, 96U, 128U}) {
    const std::size_t count = 63 * kBlockRows;
    constexpr std::size_t kProbes = 13;  // eight, four and one at a time
    std::vector<std::uint8_t> codes(count * axes / 2);
    std::vector<std::uint8_t> bounds(3 * count);
    std::ranges::generate(codes, byte);
    std::ranges::generate(bounds, byte);
    std::fill_n(codes.begin(), kBlockRows * axes / 2, std::uint8_t{0xff});  // the greatest sums there are
    const LeadingRows rows{codes.data(), bounds.data(), &bounds[count], &bounds[2 * count], count / kBlockRows, axes};
    std::vector<std::vector<std::int8_t>> weights(kProbes, std::vector<std::int8_t>(axes));
    for (auto& w : weights) std::ranges::generate(w, [&] { return static_cast<std::int8_t>(rng() % 255 - 127); });
    std::ranges::fill(weights[0], std::int8_t{127});
    std::ranges::fill(weights[1], std::int8_t{-127});
    std::vector<LeadingQuestion> questions;
    std::vector<std::vector<std::uint16_t>> right;
    for (std::size_t p = 0; p < kProbes; ++p) {
      // Thresholds among the bounds, and two that none and all pass.
      questions.push_back(
          {weights[p].data(), 1e-5F, -0.3F, 0.004F, 0.001F, 1e-4F, 0.25F + 0.05F * static_cast<float>(p)});
      if (p == 11) questions[p].least = 1e9F;
      if (p == 12) questions[p].least = -1e9F;
      right.push_back(plain_choice(rows, questions[p]));
    }
    CHECK(right[11].empty());
    CHECK(right[12].size() == count);
    CHECK(right[2].size() > 5);
    CHECK(right[2].size() < count - 5);
    for (const Kernel& kernel : available_kernels()) {
      INFO(kernel.name << " " << axes);
      force_kernel_for_test(kernel.target);
      std::vector<std::vector<std::uint16_t>> chosen(kProbes, std::vector<std::uint16_t>(count));
      std::array<std::uint16_t*, kProbes> out{};
      std::array<std::size_t, kProbes> counts{};
      for (std::size_t p = 0; p < kProbes; ++p) out[p] = chosen[p].data();
      select_rows(rows, questions.data(), kProbes, out.data(), counts.data());
      for (std::size_t p = 0; p < kProbes; ++p) chosen[p].resize(counts[p]);
      CHECK(chosen == right);
    }
    force_kernel_for_test(0);
  }
}

TEST_CASE("every kernel adds packed codes like the plain loop") {
  std::mt19937 rng(35);
  for (const std::size_t bytes : {16U, 32U, 48U, 64U, 256U, 512U}) {
    for (const bool greatest : {false, true}) {
      std::vector<std::uint8_t> packed(bytes, 0xff);
      std::vector<std::int16_t> weights(2 * bytes, greatest ? -32767 : 0);
      if (!greatest) {
        std::ranges::generate(packed, [&] { return static_cast<std::uint8_t>(rng()); });
        std::ranges::generate(weights, [&] { return static_cast<std::int16_t>(rng() % 65535 - 32767); });
      }
      std::int64_t right = 0;
      for (std::size_t t = 0; t < bytes; ++t) {
        right += weights[t] * (packed[t] & 15) + weights[bytes + t] * (packed[t] >> 4);
      }
      for (const Kernel& kernel : available_kernels()) {
        INFO(kernel.name << " " << bytes);
        force_kernel_for_test(kernel.target);
        CHECK(packed_sum(packed.data(), bytes, weights.data()) == right);
      }
      force_kernel_for_test(0);
    }
  }
}
