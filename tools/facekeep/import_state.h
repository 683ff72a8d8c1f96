// Where an import stands: FILE.import-state, which a second run of the same command goes on from, and
// FILE.rejected.ndjson, one line for each row that was not taken.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "vault/base/json.h"
#include "vault/base/result.h"

namespace facekeep::tools {

struct ImportState {
  // What the import is of; a run with another of these is another import.
  std::string vault;
  std::string site;
  std::string model;
  std::uint64_t file_size = 0;
  // How far it is.
  std::uint64_t next = 1;  // the first row that is not dealt with
  std::uint64_t enrolled = 0;
  std::uint64_t existing = 0;
  std::uint64_t rejected = 0;
  friend bool operator==(const ImportState&, const ImportState&) = default;
};

Json to_json(const ImportState& state);
Result<ImportState> parse_import_state(std::string_view text);

class ImportFiles {
 public:
  explicit ImportFiles(const std::string& file) : state_(file + ".import-state"), rejects_(file + ".rejected.ndjson") {}
  [[nodiscard]] const std::string& state_path() const { return state_; }
  [[nodiscard]] const std::string& rejects_path() const { return rejects_; }

  // The state to go on from: `fresh` if there is none (old rejects are removed then). kFailedPrecondition if the
  // one that is there is of another import; kMalformed, kIo.
  Result<ImportState> resume(const ImportState& fresh) const;
  // Replaces it atomically.
  [[nodiscard]] Status save(const ImportState& state) const;
  // The import is complete: the state goes, the rejects stay.
  void finish() const;

  // Appends one line. `number` is the row.
  [[nodiscard]] Status reject(std::uint64_t number, const std::string& subject, const Error& error) const;
  // Rows before `next` that were rejected. Drops lines of rows from there on: they are dealt with again.
  Result<std::set<std::uint64_t>> rejected_before(std::uint64_t next) const;

 private:
  std::string state_;
  std::string rejects_;
};

}  // namespace facekeep::tools
