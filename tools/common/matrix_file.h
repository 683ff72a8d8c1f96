// Matrices of floats on disk: NumPy's .npy and raw little-endian float32.
//
// Source: NumPy, "numpy.lib.format", format versions 1.0 and 2.0. Taken: two dimensions, C order,
// float32 or float64, little-endian; everything else is refused with the way to convert it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::tools {

struct NpyHeader {
  std::uint64_t rows = 0;
  std::uint32_t dimension = 0;   // 1 to kMaxDimension
  std::uint32_t value_size = 4;  // bytes: 4 (float32) or 8 (float64)
  std::uint64_t data_offset = 0;
};
inline constexpr std::size_t kMaxNpyHeader = 65536;  // bytes, from the start of the file to its data

// Parses the start of a .npy file. Total; needs no more than the first kMaxNpyHeader bytes.
Result<NpyHeader> parse_npy_header(ByteView start);
// The header that numpy.save writes for a float32 matrix, padded to 64 bytes.
Bytes npy_header(std::uint64_t rows, std::uint32_t dimension);

// A matrix that is read row by row; the file stays open, and nothing is mapped, so that a file that
// shrinks meanwhile is an error and no signal. Move-only; one thread at a time.
class MatrixFile {
 public:
  static Result<MatrixFile> open_npy(const std::string& path);
  static Result<MatrixFile> open_f32(const std::string& path, std::uint32_t dimension);
  ~MatrixFile();
  MatrixFile(MatrixFile&& other) noexcept;
  MatrixFile& operator=(MatrixFile&&) = delete;
  MatrixFile(const MatrixFile&) = delete;
  MatrixFile& operator=(const MatrixFile&) = delete;

  [[nodiscard]] std::uint64_t rows() const noexcept { return header_.rows; }
  [[nodiscard]] std::uint32_t dimension() const noexcept { return header_.dimension; }
  // Row `row` (0 is the first) as float32; float64 is rounded. Preconditions: row < rows(),
  // out.size() == dimension().
  Status read(std::uint64_t row, std::span<float> out) const;

 private:
  MatrixFile(int fd, NpyHeader header) : fd_(fd), header_(header) {}
  int fd_;
  NpyHeader header_;
};

}  // namespace facekeep::tools
