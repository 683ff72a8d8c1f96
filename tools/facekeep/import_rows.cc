#include "tools/facekeep/import_rows.h"

#include <filesystem>
#include <fstream>

#include "api/json_fields.h"
#include "api/vector_codec.h"
#include "tools/common/text_lines.h"
#include "tools/facekeep/context.h"

namespace facekeep::tools {
namespace {

class PlainImport final : public ImportSource {
 public:
  explicit PlainImport(std::unique_ptr<RowSource> rows) : rows_(std::move(rows)) {}
  Result<std::optional<ImportRow>> next() override {
    FK_TRY(auto row, rows_->next());
    if (!row) return std::optional<ImportRow>();
    return std::optional<ImportRow>(ImportRow{std::move(*row), std::nullopt});
  }
  [[nodiscard]] std::optional<std::uint64_t> total() const override { return rows_->total(); }

 private:
  std::unique_ptr<RowSource> rows_;
};

Status fill(ImportRow& out, std::string_view line) {
  FK_TRY(const api::JsonView view, api::check_json(line, {.max_depth = 6, .max_values = kMaxDimension + 64}));
  api::Fields fields(view, "the row");
  out.row.subject = fields.text("subject", 4096);
  const auto vector = fields.take("template");
  const auto consent = fields.take_optional("consent");
  FK_CHECK(fields.finish());
  FK_TRY(api::ScopedVector values, api::decode_vector(*vector));
  out.row.values = std::move(values.values);
  if (!consent) return {};
  FK_TRY(Json own, consent->to_json());
  if (!own.is_object()) return make_error(Errc::kMalformed, "\"consent\" is no object");
  out.consent = std::move(own);
  return {};
}

class NdjsonImport final : public ImportSource {
 public:
  NdjsonImport(std::unique_ptr<std::istream> owned, std::istream& in, std::uint32_t dimension)
      : owned_(std::move(owned)), reader_(in), dimension_(dimension) {}

  Result<std::optional<ImportRow>> next() override {
    for (;;) {
      FK_TRY(auto line, reader_.next());
      if (!line) return std::optional<ImportRow>();
      if (!line->error && line->text.find_first_not_of(" \t\r") == std::string::npos) continue;
      ImportRow out;
      out.row.number = ++number_;
      const Status filled = line->error ? Status(*line->error) : fill(out, line->text);
      cleanse(line->text);
      if (!filled) out.row.error = filled.error();
      check_row(out.row, dimension_);
      if (dimension_ == 0 && !out.row.error) dimension_ = static_cast<std::uint32_t>(out.row.values.size());
      return std::optional<ImportRow>(std::move(out));
    }
  }

 private:
  std::unique_ptr<std::istream> owned_;
  LineReader reader_;
  std::uint32_t dimension_;
  std::uint64_t number_ = 0;
};

}  // namespace

std::unique_ptr<ImportSource> ndjson_import(std::istream& in, std::uint32_t dimension) {
  return std::make_unique<NdjsonImport>(nullptr, in, dimension);
}

Result<std::unique_ptr<ImportSource>> open_import(const RowFile& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file.path, error)) {
    return say_error(Errc::kNotFound, "no-file", Msg::kCliNoFile, Msg::kCliNoFileHint, {file.path});
  }
  const std::string extension = std::filesystem::path(file.path).extension().string();
  if (extension == ".ndjson" || extension == ".jsonl") {
    auto in = std::make_unique<std::ifstream>(file.path, std::ios::binary);
    if (!*in) return say_error(Errc::kIo, "unreadable-file", Msg::kCliUnreadable, Msg::kCliUnreadableHint, {file.path});
    std::istream& stream = *in;
    return std::unique_ptr<ImportSource>(std::make_unique<NdjsonImport>(std::move(in), stream, file.dimension));
  }
  FK_TRY(auto rows, open_rows(file));
  return std::unique_ptr<ImportSource>(std::make_unique<PlainImport>(std::move(rows)));
}

}  // namespace facekeep::tools
