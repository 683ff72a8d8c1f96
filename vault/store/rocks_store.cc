#include "vault/store/rocks_store.h"

#include <rocksdb/transaction_log.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include "vault/base/newer.h"
#include "vault/store/ballast.h"
#include "vault/store/file_watch.h"
#include "vault/store/keys.h"
#include "vault/store/rocks_open.h"

namespace facekeep::store {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kFormat = 1;              // of the keys and values, see keys.h
constexpr std::uint64_t kWriteAmplification = 2;  // a batch goes to the write-ahead log, then to a table
constexpr int kCheckAttempts = 3;
constexpr auto kCheckPause = std::chrono::milliseconds(30);

rocksdb::Slice slice(ByteView b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}
ByteView view(const rocksdb::Slice& s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

// The first failure, kept for good. Set by the caller's thread or the engine's background threads.
class Latch {
 public:
  Error set(const Error& cause) {
    const std::scoped_lock lock(mutex_);
    if (!set_) cause_ = cause.message;
    set_ = true;
    return cause;
  }
  bool is_set() const { return set_; }
  Status status() const {
    if (!set_) return {};
    const std::scoped_lock lock(mutex_);
    return make_error(Errc::kIo, "the store has failed, and what it holds is unknown (" + cause_ + ")",
                      "restart the daemon: it reads the log again from the disk");
  }

 private:
  std::atomic<bool> set_{false};
  mutable std::mutex mutex_;
  std::string cause_;
};

// Watches the engine's background threads: their failures, and the room that running compactions
// will still take (their outputs are written before their inputs go).
class Background final : public rocksdb::EventListener {
 public:
  explicit Background(std::shared_ptr<Latch> latch) : latch_(std::move(latch)) {}
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    latch_->set(engine_error("writing in the background failed", *status));
  }
  void OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo& job) override {
    std::uint64_t bytes = 0;
    for (const std::string& file : job.input_files) {
      std::error_code ec;
      const std::uintmax_t size = fs::file_size(file, ec);
      if (!ec) bytes += size;
    }
    const std::scoped_lock lock(mutex_);
    running_[job.job_id] = bytes;
  }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& job) override {
    const std::scoped_lock lock(mutex_);
    running_.erase(job.job_id);
  }
  std::uint64_t compacting_bytes() const {
    const std::scoped_lock lock(mutex_);
    std::uint64_t sum = 0;
    for (const auto& [job, bytes] : running_) sum += bytes;
    return sum;
  }

 private:
  std::shared_ptr<Latch> latch_;
  mutable std::mutex mutex_;
  std::map<int, std::uint64_t> running_;
};

Error out_of_space(std::uint64_t free, std::uint64_t need) {
  return make_error(Errc::kOutOfSpace,
                    "the disk of the store has " + std::to_string(free >> 20) + " MiB left, and " +
                        std::to_string((need + (1 << 20) - 1) >> 20) + " MiB are needed to go on safely",
                    "make room on it; nothing was written, and nothing needs a restart");
}

// The smallest byte string above every one with this prefix; empty if there is none.
Bytes end_of(ByteView prefix) {
  Bytes end = to_bytes(prefix);
  while (!end.empty() && end.back() == 0xff) end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

bool is_reserved(const Bytes& key) {
  return key.empty() || key == keys::meta_head() || key == keys::meta_format();
}

}  // namespace

struct RocksStore::Impl {
  RocksOptions options;
  OpenMark mark;
  std::shared_ptr<Latch> latch = std::make_shared<Latch>();
  std::shared_ptr<Background> background = std::make_shared<Background>(latch);
  OpenedDb engine;
  Ballast ballast;
  mutable std::mutex commit_mutex;  // guards head, ballast
  std::uint64_t head = 0;
  mutable std::mutex watch_mutex;
  mutable FileWatch watch;

  Impl(const RocksOptions& o, OpenMark m)
      : options(o), mark(std::move(m)), ballast(o.dir / "ballast", o.ballast), watch(o.dir) {}

  // Closes, unless the engine has failed: then it stays as it is for the life of the process.
  static void retire(std::unique_ptr<Impl> impl);
  Status open();
  Status load();
  Status initialise();
  Status write(rocksdb::WriteBatch& batch);
  std::uint64_t room_missing(std::uint64_t free, std::uint64_t bytes, Urgency urgency) const;
  Status ensure_room(std::uint64_t bytes, Urgency urgency);
  std::vector<TableFile> tables() const;
  std::string wal() const;
  // Of the newest state, or of a snapshot.
  Result<std::optional<Bytes>> get(ByteView key, const rocksdb::Snapshot* at) const;
  Status scan(ByteView prefix, ByteView from, const Store::Visit& visit, const rocksdb::Snapshot* at) const;
};

Status RocksStore::Impl::open() {
  FK_TRY(std::uint64_t free, free_bytes(options.dir));
  if (free < options.narrowing_reserve) {
    // A vault that went down on a full disk must come up again, to be sealed or to erase.
    FK_CHECK(ballast.release());
    FK_TRY(free, free_bytes(options.dir));
  }
  // What the ballast gave up is not for compactions.
  const std::uint64_t ordinary = ballast.held() ? free : free - std::min(free, ballast.size());
  FK_TRY(engine, open_db(options, ordinary, background));
  FK_CHECK(load());
  FK_TRY(free, free_bytes(options.dir));
  if (!ballast.held() && free >= options.reserve + ballast.size()) FK_CHECK(ballast.hold());
  return {};
}

Status RocksStore::Impl::load() {
  std::string value;
  rocksdb::Status status = engine.db->Get({}, slice(keys::meta_format()), &value);
  if (status.IsNotFound()) return initialise();
  if (!status.ok()) return engine_error("the store can't be read", status);
  if (value.size() != 4) return make_error(Errc::kIntegrity, "the store's format record is damaged");
  if (const std::uint32_t format = load_be32(view(rocksdb::Slice(value)).data()); format != kFormat) {
    if (format > kFormat) return newer_format("the store", format, kFormat);
    return make_error(Errc::kIntegrity, "the store's format record is damaged");
  }
  status = engine.db->Get({}, slice(keys::meta_head()), &value);
  if (!status.ok() && !status.IsNotFound()) return engine_error("the store can't be read", status);
  if (!status.ok() || value.size() != 8) {
    return make_error(Errc::kIntegrity, "the store's head record is missing or damaged",
                      "keep the folder and restore from a backup");
  }
  head = load_be64(view(rocksdb::Slice(value)).data());
  return {};
}

Status RocksStore::Impl::initialise() {
  const std::unique_ptr<rocksdb::Iterator> it(engine.db->NewIterator({}));
  it->SeekToFirst();
  if (!it->status().ok()) return engine_error("the store can't be read", it->status());
  if (it->Valid() || !options.create_if_missing) {
    return make_error(Errc::kIntegrity, "the folder holds a database, but not a store of facekeep",
                      "check the path in the configuration");
  }
  FK_CHECK(ensure_room(0, Urgency::kOrdinary));
  Bytes format;
  append_be32(format, kFormat);
  Bytes zero;
  append_be64(zero, 0);
  rocksdb::WriteBatch batch;
  if (auto s = batch.Put(slice(keys::meta_format()), slice(format)); !s.ok()) return engine_error("new store", s);
  if (auto s = batch.Put(slice(keys::meta_head()), slice(zero)); !s.ok()) return engine_error("new store", s);
  return write(batch);
}

Status RocksStore::Impl::write(rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions sync;
  sync.sync = true;
  const rocksdb::Status status = engine.db->Write(sync, &batch);
  if (!status.ok()) return latch->set(engine_error("a write to the store failed", status));
  return {};
}

// 0 if a batch of `bytes` may be written; else how much free space that would take.
std::uint64_t RocksStore::Impl::room_missing(std::uint64_t free, std::uint64_t bytes, Urgency urgency) const {
  std::uint64_t need = kWriteAmplification * bytes + background->compacting_bytes();
  if (urgency == Urgency::kNarrowing) {
    need += options.narrowing_reserve;
  } else {
    // What the ballast gave up is not for ordinary work: it counts as taken.
    need += options.reserve + (ballast.held() ? 0 : ballast.size());
  }
  return free >= need ? 0 : need;
}

Status RocksStore::Impl::ensure_room(std::uint64_t bytes, Urgency urgency) {
  FK_TRY(std::uint64_t free, free_bytes(options.dir));
  limit_compactions(*engine.files, engine.files->GetTotalSize(), free, options);
  std::uint64_t need = room_missing(free, bytes, urgency);
  if (need != 0 && urgency == Urgency::kNarrowing && ballast.size() != 0 && ballast.held()) {
    FK_CHECK(ballast.release());
    FK_TRY(free, free_bytes(options.dir));
    need = room_missing(free, bytes, urgency);
  } else if (!ballast.held() && room_missing(free, bytes, Urgency::kOrdinary) == 0) {
    FK_CHECK(ballast.hold());
  }
  if (need != 0) return out_of_space(free, need);
  return {};
}

// The name of the write-ahead log that is written now; empty if the engine can't say.
std::string RocksStore::Impl::wal() const {
  std::unique_ptr<rocksdb::LogFile> now;
  if (!engine.db->GetCurrentWalFile(&now).ok() || !now) return {};
  return fs::path(now->PathName()).filename().string();
}

std::vector<TableFile> RocksStore::Impl::tables() const {
  std::vector<rocksdb::LiveFileMetaData> files;
  engine.db->GetLiveFilesMetaData(&files);
  std::vector<TableFile> out;
  out.reserve(files.size());
  for (const auto& f : files) out.push_back({fs::path(f.name).filename().string(), f.size});
  return out;
}

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

void RocksStore::Impl::retire(std::unique_ptr<Impl> impl) {
  if (!impl->latch->is_set()) return;
  // Debian's RocksDB is built with assertions, and closing after a failed write aborts. Kept
  // reachable, so that leak checkers don't call it a leak.
  static std::mutex mutex;
  static auto* const failed = new std::vector<Impl*>();
  const std::scoped_lock lock(mutex);
  failed->push_back(impl.release());
}

RocksStore::~RocksStore() {
  Impl::retire(std::move(impl_));
}

Result<std::unique_ptr<RocksStore>> RocksStore::open(const RocksOptions& requested) {
  RocksOptions options = requested;
  std::error_code ec;
  if (options.create_if_missing) {
    fs::create_directories(options.dir, ec);
    if (!ec) fs::permissions(options.dir, fs::perms::owner_all, ec);
  } else if (!fs::exists(options.dir / "CURRENT", ec)) {
    return make_error(Errc::kNotFound, "there is no store in " + options.dir.string(),
                      "check the path in the configuration; a new vault is made by the ceremony");
  }
  if (!ec) options.dir = fs::canonical(options.dir, ec);
  if (ec) return make_error(Errc::kIo, "the folder " + requested.dir.string() + " can't be used: " + ec.message());
  FK_TRY(OpenMark mark, OpenMark::claim(options.dir));
  auto impl = std::make_unique<Impl>(options, std::move(mark));
  if (Status s = impl->open(); !s) {
    Impl::retire(std::move(impl));
    return std::move(s).error();
  }
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(impl)));
}

Result<std::optional<Bytes>> RocksStore::Impl::get(ByteView key, const rocksdb::Snapshot* at) const {
  FK_CHECK(latch->status());
  std::string value;
  rocksdb::ReadOptions read;
  read.snapshot = at;
  const rocksdb::Status status = engine.db->Get(read, slice(key), &value);
  if (status.IsNotFound()) return std::optional<Bytes>();
  if (!status.ok()) return latch->set(engine_error("a read from the store failed", status));
  return std::optional<Bytes>(to_bytes(std::string_view(value)));
}

Status RocksStore::Impl::scan(ByteView prefix, ByteView from, const Store::Visit& visit,
                              const rocksdb::Snapshot* at) const {
  FK_CHECK(latch->status());
  const Bytes end = end_of(prefix);
  const rocksdb::Slice bound = slice(end);
  rocksdb::ReadOptions read;
  read.snapshot = at;
  read.fill_cache = false;  // a replay of the log must not push everything else out
  if (!end.empty()) read.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(engine.db->NewIterator(read));
  const bool later = std::lexicographical_compare(prefix.begin(), prefix.end(), from.begin(), from.end());
  for (it->Seek(slice(later ? from : prefix)); it->Valid(); it->Next()) {
    if (!visit(view(it->key()), view(it->value()))) break;
  }
  if (!it->status().ok()) return latch->set(engine_error("a read from the store failed", it->status()));
  return {};
}

class RocksStore::AtOneMoment final : public Snapshot {
 public:
  explicit AtOneMoment(const Impl& store) : store_(store), at_(store.engine.db->GetSnapshot()) {}
  ~AtOneMoment() override { store_.engine.db->ReleaseSnapshot(at_); }
  AtOneMoment(const AtOneMoment&) = delete;
  AtOneMoment& operator=(const AtOneMoment&) = delete;

  Result<std::optional<Bytes>> get(ByteView key) const override { return store_.get(key, at_); }
  Status scan(ByteView prefix, ByteView from, const Visit& visit) const override {
    return store_.scan(prefix, from, visit, at_);
  }
  Result<std::uint64_t> head() const override {
    FK_TRY(const auto value, store_.get(keys::meta_head(), at_));
    if (!value || value->size() != 8) return make_error(Errc::kIntegrity, "the store's head record is damaged");
    return load_be64(value->data());
  }

 private:
  const Impl& store_;
  const rocksdb::Snapshot* at_;
};

Result<std::optional<Bytes>> RocksStore::get(ByteView key) const {
  return impl_->get(key, nullptr);
}

Status RocksStore::scan(ByteView prefix, ByteView from, const Visit& visit) const {
  return impl_->scan(prefix, from, visit, nullptr);
}

Result<std::unique_ptr<Snapshot>> RocksStore::snapshot() const {
  FK_CHECK(impl_->latch->status());
  return std::unique_ptr<Snapshot>(new AtOneMoment(*impl_));
}

Status RocksStore::commit(const Batch& batch, Urgency urgency) {
  const std::scoped_lock lock(impl_->commit_mutex);
  FK_CHECK(impl_->latch->status());
  if (impl_->head != batch.head_before) {
    return make_error(Errc::kConflict, "the log is at entry " + std::to_string(impl_->head) + ", not at " +
                                           std::to_string(batch.head_before));
  }
  if (batch.head_after < batch.head_before) return make_error(Errc::kInvalidArgument, "a batch can't shorten the log");
  std::uint64_t bytes = 0;
  rocksdb::WriteBatch out;
  rocksdb::Status status;
  for (const auto& put : batch.puts) {
    if (is_reserved(put.key)) return make_error(Errc::kInvalidArgument, "a batch writes a key of the store's own");
    bytes += put.key.size() + put.value.size();
    if (bytes > kMaxBatchBytes) break;
    if (status.ok()) status = out.Put(slice(put.key), slice(put.value));
  }
  for (const Bytes& key : batch.deletes) {
    if (is_reserved(key)) return make_error(Errc::kInvalidArgument, "a batch deletes a key of the store's own");
    bytes += key.size();
    if (bytes > kMaxBatchBytes) break;
    if (status.ok()) status = out.Delete(slice(key));
  }
  if (bytes > kMaxBatchBytes) return make_error(Errc::kTooLarge, "a batch is at most 32 MiB", "split it");
  Bytes head;
  append_be64(head, batch.head_after);
  if (status.ok()) status = out.Put(slice(keys::meta_head()), slice(head));
  if (!status.ok()) return make_error(Errc::kInternal, "a batch can't be built: " + status.ToString());
  FK_CHECK(impl_->ensure_room(bytes, urgency));
  FK_CHECK(impl_->write(out));
  impl_->head = batch.head_after;
  return {};
}

Result<std::uint64_t> RocksStore::head() const {
  const std::scoped_lock lock(impl_->commit_mutex);
  FK_CHECK(impl_->latch->status());
  return impl_->head;
}

Status RocksStore::check() const {
  FK_CHECK(impl_->latch->status());
  {
    const std::scoped_lock lock(impl_->watch_mutex);
    Status status = impl_->watch.check(impl_->tables(), impl_->wal());
    // The engine may have been changing files itself at that moment.
    for (int i = 1; !status && i < kCheckAttempts; ++i) {
      std::this_thread::sleep_for(kCheckPause);
      status = impl_->watch.check(impl_->tables(), impl_->wal());
    }
    FK_CHECK(std::move(status));
  }
  const std::scoped_lock lock(impl_->commit_mutex);
  FK_TRY(const std::uint64_t free, free_bytes(impl_->options.dir));
  const std::uint64_t need = impl_->room_missing(free, impl_->options.write_buffer, Urgency::kOrdinary);
  if (need != 0) return out_of_space(free, need);
  return {};
}

bool RocksStore::writes_in_background() const {
  std::uint64_t sum = 0;
  using Properties = rocksdb::DB::Properties;
  for (const std::string& property : {Properties::kNumRunningFlushes, Properties::kMemTableFlushPending,
                                      Properties::kNumRunningCompactions, Properties::kCompactionPending}) {
    std::uint64_t value = 0;
    if (!impl_->engine.db->GetIntProperty(property, &value)) return true;  // it can't say
    sum += value;
  }
  return sum != 0;
}

}  // namespace facekeep::store
