#include "tools/common/rows.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tools/common/matrix_file.h"
#include "tools/common/text_lines.h"
#include "vault/base/json.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::tools {
namespace {

void wipe(std::vector<float>& values) {
  cleanse(MutableByteView(reinterpret_cast<std::uint8_t*>(values.data()), values.size() * sizeof(float)));
  values.clear();
}

void reject(Row& row, Errc code, std::string message) {
  row.error = make_error(code, std::move(message));
  wipe(row.values);
}

std::string check_subject(const std::string& subject) {
  if (subject.empty()) return "there is no subject id";
  if (subject.size() > kMaxSubjectBytes) return "the subject id is over 128 bytes";
  if (!is_valid_utf8(subject)) return "the subject id is not UTF-8";
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(subject.begin(), subject.end(), control)) return "the subject id has control characters";
  return {};
}

std::string check_values(const std::vector<float>& values, std::uint32_t dimension) {
  if (values.empty()) return "there are no values";
  if (values.size() > kMaxDimension) return "there are over 4096 values";
  if (dimension != 0 && values.size() != dimension) {
    return "there are " + std::to_string(values.size()) + " values, not " + std::to_string(dimension);
  }
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    return "a value is NaN or infinite";
  }
  if (std::all_of(values.begin(), values.end(), [](float v) { return v == 0; })) return "all values are zero";
  return {};
}

// Keeps the dimension of the first good row, where none was given.
class Checked {
 public:
  explicit Checked(std::uint32_t dimension) : dimension_(dimension) {}
  std::optional<Row> operator()(Row row) {
    check_row(row, dimension_);
    if (dimension_ == 0 && !row.error) dimension_ = static_cast<std::uint32_t>(row.values.size());
    return row;
  }

 private:
  std::uint32_t dimension_;
};

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

class CsvRows final : public RowSource {
 public:
  CsvRows(std::unique_ptr<std::istream> owned, std::istream& in, std::uint32_t dimension)
      : owned_(std::move(owned)), reader_(in), checked_(dimension) {}

  Status read_header() {
    FK_TRY(const auto header, reader_.next());
    if (header && header->error) return *header->error;
    if (!header) return make_error(Errc::kMalformed, "the CSV file is empty");
    columns_ = header->fields.size();
    for (std::size_t i = 0; i < columns_; ++i) {
      if (trimmed(header->fields[i]) != "subject") continue;
      if (subject_ < columns_) return make_error(Errc::kMalformed, "two columns are called \"subject\"");
      subject_ = i;
    }
    if (subject_ >= columns_ || columns_ < 2) {
      return make_error(Errc::kMalformed, "the CSV header names no column \"subject\", or no other",
                        "first line: subject,v0,v1,...");
    }
    return {};
  }

  Result<std::optional<Row>> next() override {
    FK_TRY(auto record, reader_.next());
    if (!record) return std::optional<Row>();
    Row row;
    row.number = ++number_;
    if (record->error) {
      row.error = record->error;
    } else if (record->fields.size() != columns_) {
      reject(row, Errc::kMalformed,
             "there are " + std::to_string(record->fields.size()) + " columns, not " + std::to_string(columns_));
    } else {
      fill(row, *record);
    }
    for (std::string& field : record->fields) cleanse(field);
    return checked_(std::move(row));
  }

 private:
  void fill(Row& row, const CsvReader::Record& record) {
    row.values.reserve(columns_);
    for (std::size_t i = 0; i < columns_; ++i) {
      if (i == subject_) {
        row.subject = record.fields[i];
        continue;
      }
      const std::string_view text = trimmed(record.fields[i]);
      float v = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
      if (error != std::errc() || end != text.data() + text.size()) {
        return reject(row, Errc::kMalformed, "column " + std::to_string(i + 1) + " is no number");
      }
      row.values.push_back(v);
    }
  }

  std::unique_ptr<std::istream> owned_;
  CsvReader reader_;
  Checked checked_;
  std::size_t columns_ = 0;
  std::size_t subject_ = static_cast<std::size_t>(-1);
  std::uint64_t number_ = 0;
};

Status fill_from_base64(Row& row, const std::string& text) {
  FK_TRY(const SecretBytes bytes, secret_from_base64(text));
  if (bytes.size() % 4 != 0) return make_error(Errc::kMalformed, "\"template\" is not a whole number of float32");
  row.values.resize(bytes.size() / 4);
  std::memcpy(row.values.data(), bytes.data(), bytes.size());
  return {};
}

Status fill_from_json(Row& row, const Json& json) {
  if (!json.is_object() || json.size() != 2 || !json.contains("subject") || !json.contains("template")) {
    return make_error(Errc::kMalformed, "the line is not {\"subject\": ..., \"template\": ...}");
  }
  if (!json["subject"].is_string()) return make_error(Errc::kMalformed, "\"subject\" is no text");
  row.subject = json["subject"].get<std::string>();
  const Json& values = json["template"];
  if (values.is_string()) return fill_from_base64(row, values.get_ref<const std::string&>());
  if (!values.is_array()) return make_error(Errc::kMalformed, "\"template\" is neither an array nor base64");
  row.values.reserve(values.size());
  for (const Json& v : values) {
    if (!v.is_number()) return make_error(Errc::kMalformed, "\"template\" holds something that is no number");
    row.values.push_back(static_cast<float>(v.get<double>()));
  }
  return {};
}

class NdjsonRows final : public RowSource {
 public:
  NdjsonRows(std::unique_ptr<std::istream> owned, std::istream& in, std::uint32_t dimension)
      : owned_(std::move(owned)), reader_(in), checked_(dimension) {}

  Result<std::optional<Row>> next() override {
    for (;;) {
      FK_TRY(auto line, reader_.next());
      if (!line) return std::optional<Row>();
      if (!line->error && trimmed(line->text).empty()) continue;
      Row row;
      row.number = ++number_;
      if (line->error) {
        row.error = line->error;
      } else if (auto json = parse_json(line->text, {.max_depth = 4, .max_values = kMaxDimension + 8}); !json) {
        row.error = json.error();
      } else if (auto filled = fill_from_json(row, *json); !filled) {
        row.error = filled.error();
      }
      cleanse(line->text);
      return checked_(std::move(row));
    }
  }

 private:
  std::unique_ptr<std::istream> owned_;
  LineReader reader_;
  Checked checked_;
  std::uint64_t number_ = 0;
};

// A matrix and the labels beside it, in the same order.
class LabelledRows final : public RowSource {
 public:
  LabelledRows(MatrixFile matrix, std::unique_ptr<std::istream> labels)
      : matrix_(std::move(matrix)), stream_(std::move(labels)), labels_(*stream_) {}

  Status read_header(const std::string& column) {
    FK_TRY(const auto header, labels_.next());
    if (header && header->error) return *header->error;
    if (!header) return make_error(Errc::kMalformed, "the labels file is empty");
    columns_ = header->fields.size();
    const auto at = [&](std::string_view name) {
      return static_cast<std::size_t>(std::find(header->fields.begin(), header->fields.end(), name) -
                                      header->fields.begin());
    };
    row_column_ = at("row");
    if (!column.empty()) {
      subject_ = at(column);
    } else {
      for (const char* name : {"label", "person", "subject"}) subject_ = at(name) < columns_ ? at(name) : subject_;
      if (columns_ == 1) subject_ = 0;
    }
    if (subject_ < columns_) return {};
    return make_error(Errc::kMalformed, "the labels file has no column " + (column.empty() ? "\"subject\"" : column),
                      "name the column of the subject ids with --column");
  }

  Result<std::optional<Row>> next() override {
    FK_TRY(const auto label, labels_.next());
    if (row_ == matrix_.rows() && !label) return std::optional<Row>();
    if (row_ == matrix_.rows() || !label) {
      return make_error(Errc::kMalformed, "the labels file has " + std::string(label ? "more" : "fewer") +
                                              " rows than the matrix's " + std::to_string(matrix_.rows()));
    }
    Row row;
    row.values.resize(matrix_.dimension());
    FK_CHECK(matrix_.read(row_, row.values));
    row.number = ++row_;
    if (label->error) {
      reject(row, label->error->code, label->error->message);
    } else if (label->fields.size() != columns_) {
      reject(row, Errc::kMalformed, "the label has another number of columns than the header");
    } else if (row_column_ < columns_ && label->fields[row_column_] != std::to_string(row_ - 1)) {
      reject(row, Errc::kMalformed, "the label is for another row");
    } else {
      row.subject = label->fields[subject_];
    }
    check_row(row, matrix_.dimension());
    return std::optional<Row>(std::move(row));
  }

  [[nodiscard]] std::optional<std::uint64_t> total() const override { return matrix_.rows(); }

 private:
  MatrixFile matrix_;
  std::unique_ptr<std::istream> stream_;
  CsvReader labels_;
  std::size_t columns_ = 0;
  std::size_t subject_ = static_cast<std::size_t>(-1);
  std::size_t row_column_ = static_cast<std::size_t>(-1);
  std::uint64_t row_ = 0;
};

Result<std::unique_ptr<std::istream>> open_text(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return make_error(Errc::kNotFound, "there is no file " + path);
  auto in = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!*in || std::filesystem::is_directory(path, error)) return make_error(Errc::kIo, "can't read " + path);
  return std::unique_ptr<std::istream>(std::move(in));
}

Result<std::unique_ptr<RowSource>> open_matrix(const RowFile& file, bool npy) {
  if (file.labels.empty()) {
    return make_error(Errc::kInvalidArgument, "the file has no subject ids of its own",
                      "give them in a CSV file: --labels FILE.csv");
  }
  FK_TRY(MatrixFile matrix, npy ? MatrixFile::open_npy(file.path) : MatrixFile::open_f32(file.path, file.dimension));
  if (file.dimension != 0 && matrix.dimension() != file.dimension) {
    return make_error(Errc::kInvalidArgument, "the file has " + std::to_string(matrix.dimension()) +
                                                  " values a row, not " + std::to_string(file.dimension));
  }
  FK_TRY(auto labels, open_text(file.labels));
  auto rows = std::make_unique<LabelledRows>(std::move(matrix), std::move(labels));
  FK_CHECK(rows->read_header(file.column));
  return std::unique_ptr<RowSource>(std::move(rows));
}

}  // namespace

Row::~Row() {
  wipe(values);
}

Row& Row::operator=(Row&& other) noexcept {
  if (this == &other) return *this;
  wipe(values);
  number = other.number;
  subject = std::move(other.subject);
  values = std::move(other.values);
  error = std::move(other.error);
  return *this;
}

void check_row(Row& row, std::uint32_t dimension) {
  if (row.error) return wipe(row.values);
  std::string problem = check_subject(row.subject);
  if (problem.empty()) problem = check_values(row.values, dimension);
  if (!problem.empty()) reject(row, Errc::kInvalidArgument, std::move(problem));
}

Result<std::unique_ptr<RowSource>> csv_rows(std::istream& in, std::uint32_t dimension) {
  auto rows = std::make_unique<CsvRows>(nullptr, in, dimension);
  FK_CHECK(rows->read_header());
  return std::unique_ptr<RowSource>(std::move(rows));
}

std::unique_ptr<RowSource> ndjson_rows(std::istream& in, std::uint32_t dimension) {
  return std::make_unique<NdjsonRows>(nullptr, in, dimension);
}

Result<std::unique_ptr<RowSource>> open_rows(const RowFile& file) {
  const std::string extension = std::filesystem::path(file.path).extension().string();
  if (extension == ".npy" || extension == ".f32") return open_matrix(file, extension == ".npy");
  if (extension != ".csv" && extension != ".ndjson" && extension != ".jsonl") {
    return make_error(Errc::kInvalidArgument, "the kind of " + file.path + " is not known by its name",
                      "it ends in .npy, .f32, .csv or .ndjson");
  }
  FK_TRY(auto in, open_text(file.path));
  std::istream& stream = *in;
  if (extension == ".csv") {
    auto rows = std::make_unique<CsvRows>(std::move(in), stream, file.dimension);
    FK_CHECK(rows->read_header());
    return std::unique_ptr<RowSource>(std::move(rows));
  }
  return std::unique_ptr<RowSource>(std::make_unique<NdjsonRows>(std::move(in), stream, file.dimension));
}

}  // namespace facekeep::tools
