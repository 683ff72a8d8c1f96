#include "tools/facekeep/vector_input.h"

#include <bit>
#include <filesystem>

#include "tools/common/matrix_file.h"
#include "tools/facekeep/context.h"
#include "vault/base/json.h"

namespace facekeep::tools {
namespace {

static_assert(std::endian::native == std::endian::little, "vectors go out as they lie in memory");

Result<api::ScopedVector> read_row(const MatrixFile& matrix, std::uint64_t row) {
  if (row < 1 || row > matrix.rows()) {
    return say_error(Errc::kInvalidArgument, "no-such-row", Msg::kCliNoRow, Msg::kCliNoRowHint,
                     {std::to_string(row), std::to_string(matrix.rows())});
  }
  api::ScopedVector out;
  out.values.resize(matrix.dimension());
  FK_CHECK(matrix.read(row - 1, out.values));
  return out;
}

Result<api::ScopedVector> read_json(const std::string& path) {
  FK_TRY(std::string text, load_text(path));
  auto out = [&]() -> Result<api::ScopedVector> {
    FK_TRY(const api::JsonView view, api::check_json(text));
    return api::decode_vector(view);
  }();
  cleanse(text);
  return out;
}

}  // namespace

Result<api::ScopedVector> load_vector(const std::string& path, std::uint64_t row) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return say_error(Errc::kNotFound, "no-file", Msg::kCliNoFile, Msg::kCliNoFileHint, {path});
  }
  const std::string extension = std::filesystem::path(path).extension().string();
  if (extension == ".json") return read_json(path);
  if (extension == ".npy") {
    FK_TRY(const MatrixFile matrix, MatrixFile::open_npy(path));
    return read_row(matrix, row);
  }
  if (extension == ".f32") {
    const auto bytes = std::filesystem::file_size(path, error);
    if (error || bytes == 0 || bytes % 4 != 0 || bytes / 4 > 1024) {
      return say_error(Errc::kMalformed, "wrong-dimension", Msg::kCliBadF32, Msg::kCliVectorHint, {path});
    }
    FK_TRY(const MatrixFile matrix, MatrixFile::open_f32(path, static_cast<std::uint32_t>(bytes / 4)));
    return read_row(matrix, 1);
  }
  return say_error(Errc::kInvalidArgument, "unknown-file-kind", Msg::kCliFileKind, Msg::kCliVectorHint, {path});
}

Result<TemplateFile> parse_template_option(const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == 0 || at == std::string::npos || at + 1 == text.size()) {
    return say_error(Errc::kInvalidArgument, "bad-arguments", Msg::kCliTemplateOption, Msg::kCliTemplateOptionHint,
                     {text});
  }
  return TemplateFile{text.substr(0, at), text.substr(at + 1)};
}

void append_text(http::CleansedBytes& out, std::string_view text) {
  http::append(out, as_bytes(text));
}

void append_vector(http::CleansedBytes& out, std::span<const float> values) {
  std::string text = to_base64({reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(float)});
  append_text(out, "\"");
  append_text(out, text);
  append_text(out, "\"");
  cleanse(text);
}

void append_template(http::CleansedBytes& out, std::string_view model, std::span<const float> values) {
  append_text(out, "{\"model\":" + Json(model).dump() + ",\"template\":");
  append_vector(out, values);
  append_text(out, "}");
}

}  // namespace facekeep::tools
