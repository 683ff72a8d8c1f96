// A Store in memory, for tests of what stands on one: it can fail a commit in both ways that a disk
// can, and afterwards behaves as the real one does (everything fails until it is reopened).
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "vault/store/store.h"

namespace facekeep::test {

enum class CommitFault : std::uint8_t {
  kNotPersisted,        // kIo, and the batch is not there after reopen()
  kPersistedButFailed,  // kIo, and the batch is there after reopen()
  kNoSpace,             // kOutOfSpace: nothing happened, the store goes on
};

class MemoryStore final : public store::Store {
 public:
  // The n-th commit from now (0: the next) fails so.
  void fail_commit(unsigned n, CommitFault fault) {
    const std::scoped_lock lock(mutex_);
    faults_[commits_ + n] = fault;
  }
  // What check() returns from now on; nothing: all is well.
  void set_check(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    check_ = std::move(error);
  }
  // As a new process finds it: what was persisted, no failure.
  void reopen() {
    const std::scoped_lock lock(mutex_);
    failed_ = false;
  }
  // Attempts, failed ones included.
  unsigned commits() const {
    const std::scoped_lock lock(mutex_);
    return commits_;
  }
  // Changes a record behind the vault's back; nothing: removes it.
  void tamper(ByteView key, std::optional<Bytes> value) {
    const std::scoped_lock lock(mutex_);
    if (value) {
      records_[to_bytes(key)] = std::move(*value);
    } else {
      records_.erase(to_bytes(key));
    }
  }
  std::map<Bytes, Bytes> records() const {
    const std::scoped_lock lock(mutex_);
    return records_;
  }

  // What there is now, and back to it: an older disk in its place.
  struct Disk {
    std::map<Bytes, Bytes> records;
    std::uint64_t head = 0;
  };
  Disk disk() const {
    const std::scoped_lock lock(mutex_);
    return {records_, head_};
  }
  void put_back(Disk disk) {
    const std::scoped_lock lock(mutex_);
    records_ = std::move(disk.records);
    head_ = disk.head;
  }

  Result<std::optional<Bytes>> get(ByteView key) const override {
    const std::scoped_lock lock(mutex_);
    if (failed_) return failed();
    const auto it = records_.find(to_bytes(key));
    return it == records_.end() ? std::optional<Bytes>() : std::optional<Bytes>(it->second);
  }

  Status scan(ByteView prefix, ByteView from, const Visit& visit) const override {
    std::map<Bytes, Bytes> copy;  // the visitor may call back into the store
    {
      const std::scoped_lock lock(mutex_);
      if (failed_) return failed();
      copy = records_;
    }
    visit_records(copy, prefix, from, visit);
    return {};
  }

  Result<std::unique_ptr<store::Snapshot>> snapshot() const override {
    const std::scoped_lock lock(mutex_);
    if (failed_) return failed();
    return std::unique_ptr<store::Snapshot>(new Copy(records_, head_));
  }

  Status commit(const store::Batch& batch, store::Urgency) override {
    const std::scoped_lock lock(mutex_);
    if (failed_) return failed();
    std::optional<CommitFault> fault;
    if (const auto it = faults_.find(commits_); it != faults_.end()) fault = it->second;
    ++commits_;
    if (batch.head_before != head_) return make_error(Errc::kConflict, "the head is " + std::to_string(head_));
    if (fault == CommitFault::kNoSpace) return make_error(Errc::kOutOfSpace, "no space (injected)");
    if (fault != CommitFault::kNotPersisted) {
      for (const auto& put : batch.puts) records_[put.key] = put.value;
      for (const Bytes& key : batch.deletes) records_.erase(key);
      head_ = batch.head_after;
    }
    if (!fault) return {};
    failed_ = true;
    return make_error(Errc::kIo, "a write failed (injected)");
  }

  Result<std::uint64_t> head() const override {
    const std::scoped_lock lock(mutex_);
    if (failed_) return failed();
    return head_;
  }

  Status check() const override {
    const std::scoped_lock lock(mutex_);
    if (failed_) return failed();
    if (check_) return *check_;
    return {};
  }

 private:
  using Records = std::map<Bytes, Bytes>;
  static void visit_records(const Records& records, ByteView prefix, ByteView from, const Visit& visit) {
    const Bytes start = std::max(to_bytes(prefix), to_bytes(from));
    for (auto it = records.lower_bound(start); it != records.end(); ++it) {
      if (!as_chars(it->first).starts_with(as_chars(prefix))) break;
      if (!visit(it->first, it->second)) break;
    }
  }
  class Copy final : public store::Snapshot {
   public:
    Copy(Records records, std::uint64_t head) : records_(std::move(records)), head_(head) {}
    Result<std::optional<Bytes>> get(ByteView key) const override {
      const auto it = records_.find(to_bytes(key));
      return it == records_.end() ? std::optional<Bytes>() : std::optional<Bytes>(it->second);
    }
    Status scan(ByteView prefix, ByteView from, const Visit& visit) const override {
      visit_records(records_, prefix, from, visit);
      return {};
    }
    Result<std::uint64_t> head() const override { return head_; }

   private:
    const Records records_;
    const std::uint64_t head_;
  };
  static Error failed() { return make_error(Errc::kIo, "the store has failed, and what it holds is unknown"); }

  mutable std::mutex mutex_;
  std::map<Bytes, Bytes> records_;
  std::map<unsigned, CommitFault> faults_;
  std::optional<Error> check_;
  std::uint64_t head_ = 0;
  unsigned commits_ = 0;
  bool failed_ = false;
};

}  // namespace facekeep::test
