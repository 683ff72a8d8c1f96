#include "tools/common/generate.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <numbers>
#include <numeric>

#include "tools/common/matrix_file.h"
#include "tools/common/random.h"

namespace facekeep::tools {
namespace {

enum Stream : std::uint64_t { kMean = 1, kRotation, kPerson, kImage, kQuality };

constexpr double kMeanEnergy = 0.030;   // of a face: the impostors' mean cosine
constexpr double kImpostorSd = 0.090;   // at dimensions that allow it
constexpr double kQualityMean = 0.806;  // cosine between an image and its person, mean removed
constexpr double kQualitySd = 0.079;
constexpr double kQualitySkew = 0.20;  // bad images are further off than good ones are close

double norm(const std::vector<double>& v) {
  return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
}

// Energies exp(-i/tau), scaled to the sum 1.
std::vector<double> energies(std::uint32_t dimension, double tau) {
  std::vector<double> out(dimension);
  for (std::uint32_t i = 0; i < dimension; ++i) out[i] = std::exp(-static_cast<double>(i) / tau);
  const double sum = std::accumulate(out.begin(), out.end(), 0.0);
  for (double& e : out) e /= sum;
  return out;
}

// Cosines of independent directions have the variance sum(energy^2): finds the fall-off for it.
std::vector<double> spectrum(std::uint32_t dimension) {
  const double sd = std::max(kImpostorSd, 1.1 / std::sqrt(static_cast<double>(dimension)));
  double low = 1;
  double high = 1e6;
  for (int i = 0; i < 60; ++i) {
    const double tau = std::sqrt(low * high);
    const auto e = energies(dimension, tau);
    (std::inner_product(e.begin(), e.end(), e.begin(), 0.0) > sd * sd ? low : high) = tau;
  }
  return energies(dimension, high);
}

}  // namespace

Result<FaceGenerator> FaceGenerator::make(std::uint32_t dimension, std::uint64_t seed) {
  if (dimension < 64 || dimension > 1024) {
    return make_error(Errc::kInvalidArgument, "faces are generated with 64 to 1024 dimensions");
  }
  return FaceGenerator(dimension, seed);
}

FaceGenerator::FaceGenerator(std::uint32_t dimension, std::uint64_t seed) : seed_(seed), scale_(spectrum(dimension)) {
  for (double& s : scale_) s = std::sqrt(s);
  mean_ = direction({seed, kMean});
  // Rounds of turns in random pairs of axes: after 2 log2(n) of them every axis has reached every
  // coordinate. O(n log n) a face, where a dense rotation would be O(n^2).
  Xoshiro256 random({seed, kRotation});
  std::vector<std::uint32_t> axes(dimension);
  std::iota(axes.begin(), axes.end(), 0U);
  const int rounds = 2 * std::bit_width(dimension);
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = axes.size() - 1; i > 0; --i) std::swap(axes[i], axes[random.next() % (i + 1)]);
    for (std::size_t i = 0; i + 1 < axes.size(); i += 2) {
      const double angle = 2 * std::numbers::pi * random.uniform();
      turns_.push_back({axes[i], axes[i + 1], std::cos(angle), std::sin(angle)});
    }
  }
}

std::vector<double> FaceGenerator::direction(std::initializer_list<std::uint64_t> stream) const {
  Xoshiro256 random(stream);
  std::vector<double> v(scale_.size());
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = scale_[i] * random.normal();
  const double length = norm(v);
  for (double& x : v) x /= length;
  return v;
}

void FaceGenerator::rotate(std::vector<double>& v) const {
  for (const Turn& t : turns_) {
    const double a = v[t.a];
    const double b = v[t.b];
    v[t.a] = t.cosine * a - t.sine * b;
    v[t.b] = t.sine * a + t.cosine * b;
  }
}

void FaceGenerator::face(std::uint64_t person, std::uint64_t image, std::span<float> out) const {
  const auto identity = direction({seed_, kPerson, person});
  const auto deviation = direction({seed_, kImage, person, image});
  const double z = Xoshiro256({seed_, kQuality, person, image}).normal();
  const double quality = std::clamp(kQualityMean + kQualitySd * (z - kQualitySkew * (z * z - 1)), 0.35, 0.97);
  const double own = std::sqrt(1 - kMeanEnergy) * quality;
  const double rest = std::sqrt(1 - kMeanEnergy) * std::sqrt(1 - quality * quality);
  std::vector<double> v(scale_.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    v[i] = std::sqrt(kMeanEnergy) * mean_[i] + own * identity[i] + rest * deviation[i];
  }
  rotate(v);
  const double length = norm(v);
  for (std::size_t i = 0; i < v.size(); ++i) out[i] = static_cast<float>(v[i] / length);
}

std::string generated_subject(std::uint64_t person) {
  char text[40];
  std::snprintf(text, sizeof(text), "generated-%06llu", static_cast<unsigned long long>(person));
  return text;
}

Status write_generated(const GenerateOptions& options, const std::string& npy_path, const std::string& labels_path,
                       const std::function<void(std::uint64_t)>& progress) {
  if (options.persons == 0 || options.images == 0) {
    return make_error(Errc::kInvalidArgument, "there must be at least one person and one image");
  }
  FK_TRY(const FaceGenerator generator, FaceGenerator::make(options.dimension, options.seed));
  std::ofstream npy(npy_path, std::ios::binary | std::ios::trunc);
  std::ofstream labels(labels_path, std::ios::binary | std::ios::trunc);
  const std::uint64_t rows = std::uint64_t{options.persons} * options.images;
  npy << as_chars(npy_header(rows, options.dimension));
  labels << "row,subject,image\n";
  std::vector<float> face(options.dimension);
  for (std::uint64_t row = 0; row < rows && npy && labels; ++row) {
    const std::uint64_t person = row / options.images;
    const std::uint64_t image = row % options.images;
    generator.face(person, image, face);
    npy.write(reinterpret_cast<const char*>(face.data()), static_cast<std::streamsize>(face.size() * sizeof(float)));
    labels << row << ',' << generated_subject(person) << ',' << image + 1 << '\n';
    if (progress) progress(row + 1);
  }
  npy.close();
  labels.close();
  if (!npy) return make_error(Errc::kIo, "can't write " + npy_path);
  if (!labels) return make_error(Errc::kIo, "can't write " + labels_path);
  return {};
}

}  // namespace facekeep::tools
