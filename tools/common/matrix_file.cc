#include "tools/common/matrix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "tools/common/rows.h"
#include "vault/base/secret_bytes.h"

static_assert(std::endian::native == std::endian::little, "matrix files are little-endian");

namespace facekeep::tools {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::uint64_t kMaxRows = std::uint64_t{1} << 36;

Error bad_header(std::string what) {
  return make_error(Errc::kMalformed, "the .npy header is damaged: " + std::move(what));
}

// The header's text is a Python dict literal; this reads the few forms that the format allows.
class Literal {
 public:
  explicit Literal(std::string_view text) : text_(text) {}
  bool take(char c) {
    skip_space();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    skip_space();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  [[nodiscard]] char peek() {
    skip_space();
    return text_.empty() ? '\0' : text_[0];
  }
  std::optional<std::string_view> quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return std::nullopt;
    const auto end = text_.find(quote, 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view out = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return out;
  }
  std::optional<std::uint64_t> number() {
    skip_space();
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), n);
    if (error != std::errc()) return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return n;
  }

 private:
  void skip_space() {
    const auto n = std::min(text_.find_first_not_of(" \t\r\n"), text_.size());
    text_.remove_prefix(n);
  }
  std::string_view text_;
};

Result<std::uint32_t> value_size_of(Literal& in) {
  if (in.peek() == '[') {
    return make_error(Errc::kMalformed, "the array has a structured dtype", "save a plain float32 matrix");
  }
  const auto descr = in.quoted();
  if (!descr) return bad_header("descr is no text");
  if (*descr == "<f4") return std::uint32_t{4};
  if (*descr == "<f8") return std::uint32_t{8};
  return make_error(Errc::kMalformed, "the array's dtype is neither little-endian float32 nor float64",
                    "convert it with: numpy.save(FILE, array.astype('<f4'))");
}

Status read_shape(Literal& in, NpyHeader& out) {
  std::vector<std::uint64_t> shape;
  if (!in.take('(')) return bad_header("shape is no tuple");
  while (!in.take(')')) {
    const auto n = in.number();
    if (!n || shape.size() == 32) return bad_header("shape is no tuple of numbers");
    shape.push_back(*n);
    if (!in.take(',') && in.peek() != ')') return bad_header("shape is no tuple of numbers");
  }
  if (shape.size() != 2) {
    return make_error(Errc::kMalformed, "the array has " + std::to_string(shape.size()) + " dimensions, not 2",
                      "one row an embedding: array.reshape(rows, dimension)");
  }
  if (shape[0] > kMaxRows || shape[1] == 0 || shape[1] > kMaxDimension) {
    return make_error(Errc::kTooLarge, "the array's shape is outside what can be read (1 to 4096 values a row)");
  }
  out.rows = shape[0];
  out.dimension = static_cast<std::uint32_t>(shape[1]);
  return {};
}

Status read_entry(Literal& in, NpyHeader& out, std::array<bool, 3>& seen) {
  const auto key = in.quoted();
  if (!key || !in.take(':')) return bad_header("not a dict of keys and values");
  const auto once = [&](std::size_t i) { return !std::exchange(seen[i], true); };
  if (*key == "descr" && once(0)) {
    FK_TRY(out.value_size, value_size_of(in));
    return {};
  }
  if (*key == "fortran_order" && once(1)) {
    if (in.take("True")) {
      return make_error(Errc::kMalformed, "the array is in Fortran (column) order",
                        "convert it with: numpy.save(FILE, numpy.ascontiguousarray(array))");
    }
    if (in.take("False")) return {};
    return bad_header("fortran_order is neither True nor False");
  }
  if (*key == "shape" && once(2)) return read_shape(in, out);
  return bad_header("an unknown or repeated key");
}

Status read_dict(std::string_view text, NpyHeader& out) {
  Literal in(text);
  std::array<bool, 3> seen{};
  if (!in.take('{')) return bad_header("not a dict");
  while (!in.take('}')) {
    FK_CHECK(read_entry(in, out, seen));
    if (!in.take(',') && in.peek() != '}') return bad_header("not a dict of keys and values");
  }
  if (in.peek() != '\0') return bad_header("bytes behind the dict");
  if (!seen[0] || !seen[1] || !seen[2]) return bad_header("descr, fortran_order or shape is missing");
  return {};
}

struct OpenFile {
  int fd;
  std::uint64_t size;
};
Result<OpenFile> open_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return make_error(errno == ENOENT ? Errc::kNotFound : Errc::kIo,
                      "can't open " + path + ": " + std::strerror(errno));
  }
  struct stat st {};
  if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    ::close(fd);
    return make_error(Errc::kInvalidArgument, path + " is not a regular file");
  }
  return OpenFile{fd, static_cast<std::uint64_t>(st.st_size)};
}

Status read_exactly(int fd, std::uint64_t offset, MutableByteView out) {
  while (!out.empty()) {
    const ssize_t n = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return make_error(Errc::kIo, std::string("the file can't be read: ") + std::strerror(errno));
    if (n == 0) return make_error(Errc::kIo, "the file became shorter while it was read");
    offset += static_cast<std::uint64_t>(n);
    out = out.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<NpyHeader> parse_npy_header(ByteView start) {
  if (!as_chars(start).starts_with(kMagic) || start.size() < 10) {
    return make_error(Errc::kMalformed, "this is not a .npy file", "write it with numpy.save");
  }
  const bool version1 = start[6] == 1 && start[7] == 0;
  const bool version2 = start[6] == 2 && start[7] == 0;
  if (!version1 && !version2) {
    return make_error(Errc::kMalformed, "the .npy file is of a version other than 1.0 and 2.0");
  }
  if (version2 && start.size() < 12) return bad_header("it is cut short");
  NpyHeader out;
  std::uint64_t length = start[8] + (std::uint64_t{start[9]} << 8);
  if (version2) length += (std::uint64_t{start[10]} << 16) + (std::uint64_t{start[11]} << 24);
  const std::size_t head = version1 ? 10 : 12;
  if (length > kMaxNpyHeader - head) return make_error(Errc::kTooLarge, "the .npy header is over 65536 bytes");
  if (start.size() - head < length) return bad_header("it is cut short");
  FK_CHECK(read_dict(as_chars(start.subspan(head, length)), out));
  out.data_offset = head + length;
  return out;
}

Bytes npy_header(std::uint64_t rows, std::uint32_t dimension) {
  std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                     std::to_string(dimension) + "), }";
  while ((10 + dict.size() + 1) % 64 != 0) dict += ' ';
  dict += '\n';
  Bytes out = to_bytes(kMagic);
  for (const std::size_t b : {std::size_t{1}, std::size_t{0}, dict.size() & 0xff, dict.size() >> 8}) {
    out.push_back(static_cast<std::uint8_t>(b));
  }
  out.insert(out.end(), dict.begin(), dict.end());
  return out;
}

Result<MatrixFile> MatrixFile::open_npy(const std::string& path) {
  FK_TRY(const OpenFile file, open_file(path));
  MatrixFile out(file.fd, {});  // owns the descriptor on every way out
  Bytes start(std::min<std::uint64_t>(file.size, kMaxNpyHeader));
  FK_CHECK(read_exactly(file.fd, 0, start));
  FK_TRY(out.header_, parse_npy_header(start));
  const std::uint64_t row_size = std::uint64_t{out.header_.dimension} * out.header_.value_size;
  const std::uint64_t expected = out.header_.data_offset + out.header_.rows * row_size;
  if (file.size < expected) {
    return make_error(Errc::kMalformed,
                      "the .npy file is cut short: " + std::to_string(out.header_.rows) + " rows are announced, " +
                          std::to_string((file.size - out.header_.data_offset) / row_size) + " are there");
  }
  if (file.size > expected) return make_error(Errc::kMalformed, "the .npy file has bytes behind its array");
  return out;
}

Result<MatrixFile> MatrixFile::open_f32(const std::string& path, std::uint32_t dimension) {
  if (dimension == 0 || dimension > kMaxDimension) {
    return make_error(Errc::kInvalidArgument, "a .f32 file needs its dimension, 1 to 4096", "--dimension 512");
  }
  FK_TRY(const OpenFile file, open_file(path));
  const std::uint64_t row_size = std::uint64_t{dimension} * 4;
  MatrixFile out(file.fd, {file.size / row_size, dimension, 4, 0});
  if (file.size % row_size != 0) {
    return make_error(Errc::kMalformed,
                      "the .f32 file's size is not a multiple of " + std::to_string(dimension) + " float32 values",
                      "is the dimension right, and the file whole?");
  }
  return out;
}

MatrixFile::~MatrixFile() {
  if (fd_ >= 0) ::close(fd_);
}

MatrixFile::MatrixFile(MatrixFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)), header_(other.header_) {}

Status MatrixFile::read(std::uint64_t row, std::span<float> out) const {
  const std::uint64_t row_size = std::uint64_t{header_.dimension} * header_.value_size;
  const std::uint64_t offset = header_.data_offset + row * row_size;
  if (header_.value_size == 4) {
    return read_exactly(fd_, offset, {reinterpret_cast<std::uint8_t*>(out.data()), out.size_bytes()});
  }
  SecretBytes wide(row_size);
  FK_CHECK(read_exactly(fd_, offset, wide.mutable_view()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    double v = 0;
    std::memcpy(&v, wide.data() + i * 8, 8);
    out[i] = static_cast<float>(v);
  }
  return {};
}

}  // namespace facekeep::tools
