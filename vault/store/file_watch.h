// Notices when somebody deletes, replaces or truncates the files of a running store.
//
// The engine keeps writing to a file that has no name any more, and everything looks well until the
// next start finds nothing. So the files that it writes (the write-ahead log, the manifest) are
// compared, by device, inode and length, with what their names lead to now; and the files that it
// only reads with what they were when they were first seen.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "vault/base/result.h"

namespace facekeep::store {

struct TableFile {
  std::string name;  // in the folder
  std::uint64_t size = 0;
};

// One thread at a time. Reads /proc/self/fd.
class FileWatch {
 public:
  explicit FileWatch(std::filesystem::path dir) : dir_(std::move(dir)) {}

  // `tables`: the table files that the engine says are live; `wal`: the name of the write-ahead log that it writes,
  // empty if it doesn't say. kIntegrity with the file's name, kIo. A file that the engine itself replaces meanwhile can
  // look wrong for a moment: ask again before believing it.
  Status check(const std::vector<TableFile>& tables, const std::string& wal);

 private:
  Result<std::optional<std::string>> look(const std::string& fd) const;
  Status check_names(const std::set<std::string>& open) const;
  bool is_as_before(const std::string& wal) const;
  Status check_written(const std::string& wal);
  Status check_tables(const std::vector<TableFile>& tables);

  std::filesystem::path dir_;     // canonical
  std::vector<std::string> fds_;  // the descriptors of the files that the engine wrote at the last full look
  std::map<std::string, std::pair<dev_t, ino_t>> seen_;
};

}  // namespace facekeep::store
