// The store on RocksDB, embedded in the daemon.
//
// One process at a time has the folder (RocksDB's own LOCK). Every commit is one WriteBatch with the
// new head in it, written to the write-ahead log and synced before commit() returns.
//
// Trust: who can change these files can delete or alter any record and put back older ones. They
// open no sealed value by it, and the log's hashes, the checkpoints and the token's anchor show it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "vault/store/store.h"

namespace facekeep::store {

inline constexpr std::size_t kMaxBatchBytes = 32u << 20;  // keys and values of one batch

// Sizes in bytes. The room that a full disk must leave is that of one change of write buffers: the
// old one is written out as a table while a new write-ahead log of 1.1 times its size is allocated.
struct RocksOptions {
  std::filesystem::path dir;
  bool create_if_missing = false;               // else kNotFound
  std::uint64_t write_buffer = 32u << 20;       // of these there are at most two
  std::uint64_t reserve = 128u << 20;           // free space under which ordinary commits are refused
  std::uint64_t narrowing_reserve = 72u << 20;  // and narrowing ones, with the ballast given up
  // File "ballast" in the folder; 0: none. It holds a new write-ahead log above narrowing_reserve: a vault comes up
  // whose disk was filled up while it was down.
  std::uint64_t ballast = 128u << 20;
  std::uint64_t block_cache = 32u << 20;
  // Explicit repair after a power cut, by an operator's order only: opens with what precedes the
  // first damaged record of the write-ahead log. The caller must compare head() with the newest
  // checkpoint and anchor that anyone holds.
  bool drop_damaged_log_tail = false;
};

class RocksStore final : public Store {
 public:
  // kNotFound (no store there), kUnavailable (another process has it), kOutOfSpace, kIntegrity
  // (damaged, or not one of ours), kFailedPrecondition (a newer format), kIo.
  static Result<std::unique_ptr<RocksStore>> open(const RocksOptions& options);
  // Closes. After a failure it doesn't (that can abort): memory and lock go with the process.
  ~RocksStore() override;
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;

  // See Store. After the first failure of the engine, in front or in the background, every call
  // returns kIo: what is on the disk is unknown until a new process has read it.
  Result<std::optional<Bytes>> get(ByteView key) const override;
  Status scan(ByteView prefix, ByteView from, const Visit& visit) const override;
  Status commit(const Batch& batch, Urgency urgency) override;
  Result<std::uint64_t> head() const override;
  Result<std::unique_ptr<Snapshot>> snapshot() const override;
  Status check() const override;

  // Whether the engine writes tables in the background, or is about to. Any thread.
  bool writes_in_background() const;

 private:
  struct Impl;
  class AtOneMoment;
  explicit RocksStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace facekeep::store
