// The decisions of an import, without I/O: which rows go together, what an answer means for each row.
//
// Rows of one subject become one enrolment with up to 8 templates; rows of a subject that an earlier batch
// enrolled become further templates. Sending a batch twice does no harm: the vault says how many templates
// the subject holds, and what the file's earlier rows account for is not sent again.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/http/buffer.h"
#include "tools/facekeep/import_rows.h"

namespace facekeep::tools {

inline constexpr std::size_t kImportBatchRows = 256;          // doors are answered between batches
inline constexpr std::size_t kImportBatchBytes = 4U << 20;    // of values
inline constexpr std::size_t kImportTemplatesPerSubject = 8;  // of the vault

struct ImportGroup {
  std::string subject;
  Json consent;
  std::vector<Row> rows;
};

// What the vault answered for a group's line.
struct GroupAnswer {
  enum class Kind : std::uint8_t { kCreated, kExists, kRefused } kind = Kind::kRefused;
  std::size_t held = 0;        // kExists: templates that the subject has
  std::optional<Error> error;  // kRefused
};
// One answer a group, in order. kMalformed for anything else.
Result<std::vector<GroupAnswer>> parse_enrolment_answers(ByteView body, std::size_t groups);

// What became of a group's rows (positions in ImportGroup::rows).
struct Settlement {
  std::size_t enrolled = 0;
  std::size_t existing = 0;
  std::vector<std::size_t> add;  // to be sent one by one as further templates
  std::optional<Error> refused;  // all of them
};

// Not thread safe.
class ImportBatcher {
 public:
  // `consent`: of every row that has none of its own.
  ImportBatcher(std::string model, Json consent) : model_(std::move(model)), consent_(std::move(consent)) {}

  // A row that an earlier run of the same file brought in.
  void count_earlier(const std::string& subject) { bump(subject, 1); }

  // Takes a good row into the batch, or says why it can't be taken.
  std::optional<Error> add(ImportRow row);
  [[nodiscard]] bool full() const { return rows_ >= kImportBatchRows || bytes_ >= kImportBatchBytes; }
  [[nodiscard]] bool empty() const { return groups_.empty(); }
  [[nodiscard]] const std::vector<ImportGroup>& groups() const { return groups_; }

  // The batch as NDJSON, one line a group. Templates of a subject that has some from this file already are
  // not in it: settle() says which of them to add.
  [[nodiscard]] http::CleansedBytes body() const;
  // Does not count anything yet.
  [[nodiscard]] Settlement settle(const ImportGroup& group, const GroupAnswer& answer) const;
  // `rows` more of the subject's rows are in the vault.
  void count(const std::string& subject, std::size_t rows) { bump(subject, rows); }
  void clear();

 private:
  void bump(const std::string& subject, std::size_t rows);
  [[nodiscard]] std::size_t earlier(const std::string& subject) const;

  std::string model_;
  Json consent_;
  std::unordered_map<std::string, std::uint8_t> earlier_;  // rows of this file that are in the vault
  std::vector<ImportGroup> groups_;
  std::map<std::string, std::size_t, std::less<>> at_;  // subject -> position in groups_
  std::size_t rows_ = 0;
  std::size_t bytes_ = 0;
};

// Refusals after which no further row would fare better: the import stops and can go on later.
bool stops_import(const Error& error);

}  // namespace facekeep::tools
