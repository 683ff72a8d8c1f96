// Generated faces: unit vectors with the statistics of real embeddings, of nobody.
//
// The model, in principal axes: a face is a common mean direction (it gives impostors their small
// positive mean), a direction of the person, and a deviation of the image whose share varies with
// the image's quality. Axis energies fall off exponentially, so that the leading quarter of 512 axes
// carries about nine tenths, as in real embeddings; a random rotation then spreads them over all
// coordinates. At 512 dimensions: genuine cosine mean .66 sd .10, impostor mean .03 sd .09. Below
// 128 dimensions the impostor deviation grows, as it must (1/sqrt(dimension) at least).
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "vault/base/result.h"

namespace facekeep::tools {

struct GenerateOptions {
  std::uint32_t dimension = 512;  // 64 to 1024
  std::uint32_t persons = 1000;   // at least 1
  std::uint32_t images = 3;       // of each person, at least 1
  std::uint64_t seed = 1;
};

class FaceGenerator {
 public:
  // kInvalidArgument outside the limits.
  static Result<FaceGenerator> make(std::uint32_t dimension, std::uint64_t seed);

  [[nodiscard]] std::uint32_t dimension() const noexcept { return static_cast<std::uint32_t>(scale_.size()); }
  // Image `image` of person `person`, any numbers: the same for the same dimension and seed, on the
  // same mathematics library and processor kind. Precondition: out.size() == dimension(). Thread safe.
  void face(std::uint64_t person, std::uint64_t image, std::span<float> out) const;

 private:
  FaceGenerator(std::uint32_t dimension, std::uint64_t seed);
  [[nodiscard]] std::vector<double> direction(std::initializer_list<std::uint64_t> stream) const;
  void rotate(std::vector<double>& v) const;

  struct Turn {  // in the plane of two axes
    std::uint32_t a, b;
    double cosine, sine;
  };
  std::uint64_t seed_;
  std::vector<double> scale_;  // standard deviation along each principal axis
  std::vector<double> mean_;
  std::vector<Turn> turns_;
};

// The subject id of a generated person: "generated-000042".
std::string generated_subject(std::uint64_t person);

// Writes persons * images rows, all images of a person in a run, as a float32 .npy, and
// "row,subject,image" beside it. `progress` gets the number of rows done (may be empty). Existing
// files are replaced. kInvalidArgument, kIo.
Status write_generated(const GenerateOptions& options, const std::string& npy_path, const std::string& labels_path,
                       const std::function<void(std::uint64_t)>& progress = {});

}  // namespace facekeep::tools
