// Rows of labelled embeddings from the files that customers have.
//
// A bad row is reported and skipped, never fatal: an import of a million rows names its rejects and
// goes on. Only a source that can't be read further ends early.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/result.h"

namespace facekeep::tools {

inline constexpr std::size_t kMaxSubjectBytes = 128;  // of a subject id, UTF-8
inline constexpr std::uint32_t kMaxDimension = 4096;  // of any file read here

// Either good (subject and values) or rejected (error). The values are someone's face: they are
// cleansed with the row.
struct Row {
  std::uint64_t number = 0;  // 1 is the first data row of the file
  std::string subject;
  std::vector<float> values;
  std::optional<Error> error;

  Row() = default;
  ~Row();
  Row(Row&&) noexcept = default;
  Row& operator=(Row&&) noexcept;
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;
};

// Rejects (sets `error`, drops the values of) a row that no vault takes: subject empty, over 128
// bytes, not UTF-8 or with control characters; no values, another number of them than `dimension`
// (0: any), NaN, infinity, all zero. Leaves a row that is rejected already.
void check_row(Row& row, std::uint32_t dimension);

class RowSource {
 public:
  virtual ~RowSource() = default;
  // The next row, or nothing at the end. An Error means that nothing further can be read. Not thread safe.
  virtual Result<std::optional<Row>> next() = 0;
  // The number of rows, where the file tells beforehand.
  [[nodiscard]] virtual std::optional<std::uint64_t> total() const { return std::nullopt; }
};

struct RowFile {
  std::string path;             // .npy, .f32, .csv, .ndjson or .jsonl
  std::string labels;           // .npy and .f32: the CSV file that names each row's subject
  std::string column;           // of the labels; empty: "subject", "person", "label", or the only one
  std::uint32_t dimension = 0;  // .f32 needs it; elsewhere 0 takes the first row's
};
// Opens by the path's extension. kInvalidArgument for an unknown one; kNotFound, kIo, kMalformed.
Result<std::unique_ptr<RowSource>> open_rows(const RowFile& file);

// The parts, for streams that are open already (they must outlive the source).
// CSV with a header: a column "subject", every other column one value, in order.
Result<std::unique_ptr<RowSource>> csv_rows(std::istream& in, std::uint32_t dimension);
// NDJSON: {"subject": "...", "template": [numbers] or "base64 of little-endian float32"} a line.
std::unique_ptr<RowSource> ndjson_rows(std::istream& in, std::uint32_t dimension);

}  // namespace facekeep::tools
