// Store: the one narrow interface to durable storage.
//
// Get, scan a prefix, an atomic durable batch with a precondition on the log head, and a view of one moment. Nothing
// else, because a fleet will one day run on a distributed SQL engine instead of the embedded one. The store is not
// trusted: whatever is read back is checked against the log (digests) or opens under an AEAD, or is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::store {

struct Batch {
  struct Put {
    Bytes key;
    Bytes value;
  };
  std::vector<Put> puts;
  std::vector<Bytes> deletes;
  // Log entries before and after this batch. The commit fails with kConflict, and changes nothing,
  // unless the stored head equals head_before; the batch then sets it to head_after.
  std::uint64_t head_before = 0;
  std::uint64_t head_after = 0;
};

// What may use the last of the disk. Narrowing (seal, erase, veto, withdraw, suspend) must still work
// on a full disk, so a ballast is kept that only it may use.
enum class Urgency : std::uint8_t { kOrdinary, kNarrowing };

// The store as it was at one moment, whatever is committed since. Thread safe; must not outlive its store.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  // As those of Store.
  virtual Result<std::optional<Bytes>> get(ByteView key) const = 0;
  using Visit = std::function<bool(ByteView key, ByteView value)>;
  virtual Status scan(ByteView prefix, ByteView from, const Visit& visit) const = 0;
  virtual Result<std::uint64_t> head() const = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Thread safe. kIo if the storage fails.
  virtual Result<std::optional<Bytes>> get(ByteView key) const = 0;
  // Calls `visit` for each pair whose key starts with `prefix` and is not less than `from` (empty:
  // from the prefix), in byte order of the keys, until it returns false. The views live for the call
  // only.
  using Visit = Snapshot::Visit;
  virtual Status scan(ByteView prefix, ByteView from, const Visit& visit) const = 0;

  // One caller at a time (the sequencer). Returns only when the batch is on stable storage.
  // kOutOfSpace before anything is written if the free space is under the reserve for this urgency:
  // nothing happened, and the same call may be tried later. kConflict: see Batch. kInvalidArgument
  // and kTooLarge: the batch is wrong in itself (a defect of the caller), nothing happened. Any other
  // error means *unknown*: the caller must stop the process, reopen and re-derive.
  virtual Status commit(const Batch& batch, Urgency urgency) = 0;

  // Entries in the log as stored; 0 for a new store.
  virtual Result<std::uint64_t> head() const = 0;

  // Holds up no commit. What it sees is kept on the disk until it goes.
  virtual Result<std::unique_ptr<Snapshot>> snapshot() const = 0;

  // Checks that the files are still the ones that were opened (deleted, replaced or truncated files
  // are an inconsistency: kIntegrity) and that there is room for a write buffer of
  // ordinary work (kOutOfSpace): asked for before anything is applied, so that a full disk refuses and changes nothing.
  virtual Status check() const = 0;
};

}  // namespace facekeep::store
