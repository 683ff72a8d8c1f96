// An export's parts: rows in, CMS messages of a bounded size out, each whole in itself.
//
// Constant memory, whatever the number of rows: one row of the caller's, and what the cipher holds.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/export/cms_stream.h"
#include "vault/export/recipient.h"

namespace facekeep::exporter {

// `openssl cms -decrypt` holds a message almost three times in memory, and fails beyond 2 GB.
inline constexpr std::uint64_t kMaxPartSize = std::uint64_t{256} << 20;  // bytes
inline constexpr std::uint64_t kMinPartSize = std::uint64_t{128} << 10;  // a head for 8 recipients and one row
inline constexpr std::size_t kMaxParts = 400;                            // their digests fit into one log entry

// Where parts are put: begin_part, any number of write, end_part, and so on. Its first Error ends the export.
class PartOutput {
 public:
  virtual ~PartOutput() = default;
  virtual Status begin_part(std::size_t number) = 0;  // from 1
  virtual Status write(ByteView sealed) = 0;
  virtual Status end_part() = 0;  // durable when it returns
};

// Not thread safe.
class PartWriter {
 public:
  // `part_size` in bytes, kMinPartSize to kMaxPartSize (kInvalidArgument). `output` must outlive this.
  static Result<PartWriter> create(std::vector<Recipient> recipients, std::uint64_t part_size, PartOutput& output);

  // A row never spans two parts. kTooLarge: beyond kMaxParts, or a row that fills a part. After an Error the export is
  // worthless, and later calls give the Error again.
  Status add(ByteView row);
  // Ends the last part. No row: no part.
  Result<std::vector<SealedSize>> finish();

 private:
  PartWriter(std::vector<Recipient> recipients, std::uint64_t part_size, PartOutput& output)
      : recipients_(std::move(recipients)), part_size_(part_size), output_(&output) {}
  Status begin();
  Status end();
  Status put(ByteView row);

  std::vector<Recipient> recipients_;
  std::uint64_t part_size_;
  PartOutput* output_;
  std::optional<CmsStream> part_;
  std::vector<SealedSize> done_;
  std::optional<Error> error_;
};

}  // namespace facekeep::exporter
