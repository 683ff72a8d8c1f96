#include "vault/store/rocks_open.h"

#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <system_error>

namespace facekeep::store {
namespace {

std::mutex open_mutex;
std::set<std::string>& open_dirs() {
  static std::set<std::string> dirs;
  return dirs;
}

rocksdb::Options engine_options(const RocksOptions& options, bool roomy) {
  rocksdb::Options o;
  o.create_if_missing = options.create_if_missing;
  o.paranoid_checks = true;
  o.compression = rocksdb::kNoCompression;  // nearly everything is hashes and ciphertext

  // A record that a power cut tore off at the end of the log was never acknowledged and is dropped.
  // Damage anywhere else may have eaten acknowledged batches, so opening fails and says so. Absolute
  // consistency would refuse every torn end; point-in-time recovery would open without a word on
  // what it had dropped.
  o.wal_recovery_mode = options.drop_damaged_log_tail ? rocksdb::WALRecoveryMode::kPointInTimeRecovery
                                                      : rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  o.recycle_log_file_num = 0;  // old bytes behind a torn end could look like records
  o.track_and_verify_wals_in_manifest = true;
  // Writing tables out needs room; on a full disk that would be the end of opening and closing.
  o.avoid_flush_during_recovery = !roomy;
  o.avoid_flush_during_shutdown = true;
  o.max_bgerror_resume_count = 0;  // after an error nobody goes on: the process restarts

  o.write_buffer_size = options.write_buffer;
  o.max_write_buffer_number = 2;
  o.target_file_size_base = options.write_buffer;
  o.max_compaction_bytes = options.write_buffer * 8;
  o.manifest_preallocation_size = 64 << 10;
  o.max_background_jobs = 2;
  o.max_open_files = 512;

  // Key names are refs, yet the engine's own log stays small and terse.
  o.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  o.max_log_file_size = 1 << 20;
  o.keep_log_file_num = 3;
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return o;
}

// RocksDB's Open takes a plain pointer up to version 10, an owning one later.
template <class Db>
rocksdb::Status open_any(const rocksdb::Options& options, const std::string& dir, std::unique_ptr<Db>& out) {
  if constexpr (requires { Db::Open(options, dir, &out); }) {
    return Db::Open(options, dir, &out);
  } else {
    Db* db = nullptr;
    rocksdb::Status status = Db::Open(options, dir, &db);
    out.reset(db);
    return status;
  }
}

std::uint64_t table_bytes(const std::filesystem::path& dir) {
  std::uint64_t sum = 0;
  std::error_code ec;
  for (std::filesystem::directory_iterator it(dir, ec), end; !ec && it != end; it.increment(ec)) {
    if (it->path().extension() != ".sst") continue;
    std::error_code gone;
    const std::uintmax_t size = it->file_size(gone);
    if (!gone) sum += size;
  }
  return sum;
}

// The process that has the folder locked, or 0. Only for folders that this process hasn't open.
pid_t lock_holder(const std::filesystem::path& dir) {
  const int fd = ::open((dir / "LOCK").c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return 0;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool held = ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(fd);
  return held ? lock.l_pid : 0;
}

}  // namespace

Error engine_error(const char* what, const rocksdb::Status& status) {
  const bool damaged = status.IsCorruption();
  return make_error(damaged ? Errc::kIntegrity : Errc::kIo, std::string(what) + ": " + status.ToString(),
                    damaged ? "the store's files are damaged: keep the folder and restore from a backup"
                            : "look at the disk and the kernel's messages, then restart the daemon");
}

void limit_compactions(rocksdb::SstFileManager& files, std::uint64_t tables, std::uint64_t free,
                       const RocksOptions& options) {
  files.SetCompactionBufferSize(options.reserve);
  // The limit itself must never be met, the engine takes that for an error: so it is at least the
  // reserve away, which is more than the write buffers can add before the next batch.
  files.SetMaxAllowedSpaceUsage(tables + std::max(free, options.reserve));
}

Result<OpenedDb> open_db(const RocksOptions& options, std::uint64_t free,
                         std::shared_ptr<rocksdb::EventListener> listener) {
  rocksdb::Options o = engine_options(options, free >= options.reserve);
  OpenedDb opened;
  opened.files.reset(rocksdb::NewSstFileManager(rocksdb::Env::Default()));
  // The engine may start a compaction before it has counted the tables that are there: until it has,
  // there is room for none.
  limit_compactions(*opened.files, table_bytes(options.dir), free, options);
  opened.files->SetCompactionBufferSize(std::uint64_t{1} << 60);
  o.sst_file_manager = opened.files;
  o.listeners.push_back(std::move(listener));
  const rocksdb::Status status = open_any(o, options.dir.string(), opened.db);
  if (status.ok()) {
    limit_compactions(*opened.files, opened.files->GetTotalSize(), free, options);
    return opened;
  }
  if (status.IsNoSpace()) {
    return make_error(Errc::kOutOfSpace, "the disk is too full to open the store",
                      "make room on it, then start the daemon again");
  }
  if (status.IsIOError()) {
    if (const pid_t pid = lock_holder(options.dir); pid != 0) {
      return make_error(Errc::kUnavailable, "another process (" + std::to_string(pid) + ") has the store open",
                        "only one daemon can use the folder: stop the other one");
    }
  }
  return engine_error("the store can't be opened", status);
}

Result<OpenMark> OpenMark::claim(const std::filesystem::path& dir) {
  const std::scoped_lock lock(open_mutex);
  if (!open_dirs().insert(dir.string()).second) {
    return make_error(Errc::kUnavailable, "this process has the store open already");
  }
  return OpenMark(dir.string());
}

OpenMark::OpenMark(OpenMark&& other) noexcept : dir_(std::move(other.dir_)) {
  other.dir_.clear();
}

OpenMark::~OpenMark() {
  if (dir_.empty()) return;
  const std::scoped_lock lock(open_mutex);
  open_dirs().erase(dir_);
}

}  // namespace facekeep::store
