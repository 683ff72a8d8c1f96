// Opening RocksDB the way that the vault needs it: the options with their reasons, and errors that
// say what to do. Used by rocks_store.cc only.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/sst_file_manager.h>

#include <filesystem>
#include <memory>

#include "vault/base/result.h"
#include "vault/store/rocks_store.h"

namespace facekeep::store {

struct OpenedDb {
  std::unique_ptr<rocksdb::DB> db;
  std::shared_ptr<rocksdb::SstFileManager> files;  // counts the tables' bytes, limits compactions
};

// `free`: bytes free on the disk. What the write-ahead log holds is written out as tables while
// opening only if that leaves the reserve alone.
Result<OpenedDb> open_db(const RocksOptions& options, std::uint64_t free,
                         std::shared_ptr<rocksdb::EventListener> listener);

// Lets a compaction start only if its output leaves the reserve free. To be told again whenever the
// free space changes; `tables` is what the tables take now.
void limit_compactions(rocksdb::SstFileManager& files, std::uint64_t tables, std::uint64_t free,
                       const RocksOptions& options);

// kIntegrity for corruption, else kIo.
Error engine_error(const char* what, const rocksdb::Status& status);

// A folder that this process has open, given back on destruction. The lock file must not be touched
// by a second open in the same process: closing any descriptor of it would drop the first one's lock.
class OpenMark {
 public:
  static Result<OpenMark> claim(const std::filesystem::path& dir);
  ~OpenMark();
  OpenMark(OpenMark&& other) noexcept;
  OpenMark& operator=(OpenMark&&) = delete;

 private:
  explicit OpenMark(std::string dir) : dir_(std::move(dir)) {}
  std::string dir_;
};

}  // namespace facekeep::store
