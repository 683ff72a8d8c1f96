// Rows of an import: labelled embeddings, and in NDJSON a consent of their own.
//
// NDJSON: {"subject": "...", "template": [numbers] or "base64", "consent": {...}}; "consent" may be missing,
// and names only the fields that differ from the import's. The other formats: tools/common/rows.h.
#pragma once

#include <memory>
#include <optional>

#include "tools/common/rows.h"
#include "vault/base/json.h"

namespace facekeep::tools {

struct ImportRow {
  Row row;  // good or rejected, as in rows.h
  std::optional<Json> consent;
};

// Not thread safe. As RowSource: an Error means that nothing further can be read.
class ImportSource {
 public:
  virtual ~ImportSource() = default;
  virtual Result<std::optional<ImportRow>> next() = 0;
  [[nodiscard]] virtual std::optional<std::uint64_t> total() const { return std::nullopt; }
};

Result<std::unique_ptr<ImportSource>> open_import(const RowFile& file);
// For a stream that is open already; it must outlive the source.
std::unique_ptr<ImportSource> ndjson_import(std::istream& in, std::uint32_t dimension);

}  // namespace facekeep::tools
