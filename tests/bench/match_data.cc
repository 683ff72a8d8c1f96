#include "tests/bench/match_data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "vault/match/cosine.h"
#include "vault/match/vector.h"

namespace facekeep::bench {
namespace {

using Rows = std::vector<float>;
constexpr std::size_t kProbes = 512;

Rows read_rows(const std::string& path, std::size_t dimension) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto bytes = static_cast<std::size_t>(file.tellg());
  Rows rows(bytes / sizeof(float) / dimension * dimension);
  file.seekg(0);
  file.read(reinterpret_cast<char*>(rows.data()), static_cast<std::streamsize>(rows.size() * sizeof(float)));
  return file ? rows : Rows();
}

// Row numbers by person, in the order of their images.
std::map<int, std::vector<std::size_t>> read_people(const std::string& path) {
  std::ifstream file(path);
  std::map<int, std::vector<std::size_t>> people;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    unsigned row = 0;
    int person = 0;
    if (std::sscanf(line.c_str(), "%u,%d", &row, &person) == 2) people[person].push_back(row);
  }
  return people;
}

// About normal: the sum of four uniform numbers, from one draw.
float draw(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t x = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  x ^= x >> 31;
  const auto sum = static_cast<std::int64_t>((x & 0xffff) + (x >> 16 & 0xffff) + (x >> 32 & 0xffff) + (x >> 48));
  return static_cast<float>(sum - 2 * 65535) * static_cast<float>(1 / (65536 * 0.57735026919));
}

struct Spread {
  std::size_t dimension;
  Rows mean;
  Rows root;  // row-major, lower triangle: root times its transpose is the covariance

  void face(std::uint64_t seed, float* out) const {
    std::array<float, match::kMaxDimension> z{};
    std::array<float, match::kMaxDimension> x{};
    for (std::size_t i = 0; i < dimension; ++i) z[i] = draw(seed);
    match::cosine_rows(z.data(), root.data(), dimension, dimension, x.data());
    for (std::size_t i = 0; i < dimension; ++i) x[i] += mean[i];
    if (!match::normalise({x.data(), dimension}, dimension, {out, dimension})) std::abort();
  }
};

Spread spread_of(const Rows& rows, std::size_t d) {
  const std::size_t n = rows.size() / d;
  Rows columns(d * match::padded_dimension(n));
  const std::size_t stride = match::padded_dimension(n);
  Spread s{d, Rows(d), Rows(d * d)};
  for (std::size_t i = 0; i < d; ++i) {
    double sum = 0;
    for (std::size_t r = 0; r < n; ++r) sum += rows[r * d + i];
    s.mean[i] = static_cast<float>(sum / static_cast<double>(n));
    for (std::size_t r = 0; r < n; ++r) columns[i * stride + r] = rows[r * d + i] - s.mean[i];
  }
  Rows covariance(d * d);
  for (std::size_t i = 0; i < d; ++i) {
    match::cosine_rows(columns.data() + i * stride, columns.data(), stride, d, covariance.data() + i * d);
  }
  std::vector<double> l(d * d);  // Cholesky
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = static_cast<double>(covariance[i * d + j]) / static_cast<double>(n) + (i == j ? 1e-9 : 0);
      for (std::size_t k = 0; k < j; ++k) sum -= l[i * d + k] * l[j * d + k];
      l[i * d + j] = i == j ? std::sqrt(std::max(sum, 1e-12)) : sum / l[j * d + j];
      s.root[i * d + j] = static_cast<float>(l[i * d + j]);
    }
  }
  return s;
}

// Like the real ones' spectrum: half of the energy in a tenth of the axes.
Spread made_up_spread(std::size_t d) {
  Spread s{d, Rows(d), Rows(d * d)};
  for (std::size_t i = 0; i < d; ++i) {
    s.root[i * d + i] = std::exp(-3.0F * static_cast<float>(i) / static_cast<float>(d));
  }
  return s;
}

}  // namespace

MatchData make_match_data(match::Arena& arena, const std::string& folder, std::size_t dimension, std::size_t count,
                          unsigned threads) {
  MatchData data;
  data.dimension = dimension;
  data.count = count;
  auto block = arena.allocate(count * dimension * sizeof(float));
  if (!block) std::abort();
  data.block = std::move(*block);
  auto* out = reinterpret_cast<float*>(data.block.data());
  const Rows rows = read_rows(folder + "/faces-" + std::to_string(dimension) + ".f32", dimension);
  const auto people = read_people(folder + "/faces.labels.csv");
  data.real = !rows.empty() && !people.empty();
  const Spread spread = data.real ? spread_of(rows, dimension) : made_up_spread(dimension);
  std::size_t filled = 0;
  std::vector<std::size_t> mated;
  std::vector<std::size_t> strangers;
  for (const auto& [person, images] : people) {
    if (images.size() < 2) {
      strangers.push_back(images[0]);
    } else if (filled < count) {
      std::copy_n(rows.data() + images[0] * dimension, dimension, out + filled++ * dimension);
      mated.insert(mated.end(), images.begin() + 1, images.end());
    }
  }
  std::mt19937 rng(7);
  std::ranges::shuffle(mated, rng);
  std::ranges::shuffle(strangers, rng);
  for (std::size_t p = 0; p < kProbes; ++p) {
    std::vector<float> probe(dimension);
    if (data.real) {
      const auto& from = p % 2 == 0 ? mated : strangers;
      std::copy_n(rows.data() + from[p / 2 % from.size()] * dimension, dimension, probe.begin());
    } else {
      spread.face(p << 40U, probe.data());
    }
    data.probes.push_back(std::move(probe));
  }
  std::vector<std::thread> team;
  for (unsigned t = 0; t < threads; ++t) {
    team.emplace_back([&, t] {
      for (std::size_t i = filled + t; i < count; i += threads) spread.face(i << 20U, out + i * dimension);
    });
  }
  for (auto& thread : team) thread.join();
  return data;
}

}  // namespace facekeep::bench
