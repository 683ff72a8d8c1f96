// Key slots: the only place where wrapped keys live, so that destroying a key is overwriting 128
// bytes in two files, and no database, log or backup of them keeps a copy.
//
// Two copies, `slots.a` and `slots.b`, each synced before the next step. How a slot relates to the
// log (design: the log is the vault):
//
//   new key        write(), then the batch with its event commits. A crash in between leaves a slot
//                  that no event owns.
//   destroyed key  the batch with its event commits, then erase(), then the answer leaves. A crash
//                  in between leaves a slot that no event owns any more.
//   recovery       in_use() minus the slots that the state owns: erase() them, before any read() or
//                  for_each(), which would take half an erasure for a lost copy and heal it.
//
// This is one generation; seal/slot_generations.h has them all.
//
// A live slot is never overwritten: write() refuses a slot that is not empty in both copies, so
// rewrapping goes to another slot.
//
// The limit, to be said wherever erasure is promised: this overwrites files, not flash cells or
// file-system snapshots.
//
// Thread safe (one mutex, which nothing holds while it walks through all slots). One process: flock on `slots.lock`.
// After kIo from write() or erase() what is on disk is unknown: the object refuses everything further (kHalted); the
// process reopens and recovers, never guesses. kOutOfSpace from write() means that nothing was changed.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/seal/function_ref.h"
#include "vault/seal/slot_file.h"
#include "vault/seal/slot_format.h"

namespace facekeep::seal {

struct SlotWrite {
  std::uint32_t slot = 0;   // below kMaxSlots; the files grow as needed
  Bytes data;               // 1 to kMaxSlotData bytes, a wrapped key
  std::uint32_t epoch = 1;  // the generation that it is for: see slot_generations.h; KeySlots does not look at it
};

class KeySlots {
 public:
  // Makes both copies, empty. kAlreadyExists if there is one.
  static Result<std::unique_ptr<KeySlots>> create(const std::string& dir, const Id128& vault);
  // Opens both copies; restores a missing or shortened one from the other. kNotFound: neither is
  // there. kUnavailable: another process has them. kIntegrity: of another vault, or both damaged.
  static Result<std::unique_ptr<KeySlots>> open(const std::string& dir, const Id128& vault);

  // Writes slots, durable in both copies on return. kConflict if one is in use, kInvalidArgument if
  // one is named twice or its data has a wrong length: then nothing was changed.
  Status write(const std::vector<SlotWrite>& writes);

  // Overwrites slots with zeros in both copies, durable, then reads both again and checks. Erasing an
  // empty slot is fine. kIo if anything is still there.
  Status erase(const std::vector<std::uint32_t>& slots);

  // A slot's data. Takes the copy that is whole and heals the other. kNotFound: empty. kIntegrity:
  // no whole copy, or two that differ.
  Result<Bytes> read(std::uint32_t slot);

  // Every slot in order, read in large pieces. Heals as read() does. Returns the damaged slots, which `visit` does not
  // get. Of slots that are written or erased meanwhile it says what they were before or after; `visit` may do that too.
  Result<std::vector<std::uint32_t>> for_each(FunctionRef<Status(std::uint32_t slot, ByteView data)> visit);

  // Slots in which either copy has a byte that is not zero, as for_each. Changes nothing.
  Result<std::vector<std::uint32_t>> in_use();

  // Overwrites every slot with zeros in both copies, durable, then reads all of both again. kIo if anything is there.
  Status erase_all();

  // Slots that the files have room for now.
  [[nodiscard]] std::uint32_t count();

 private:
  KeySlots(const Id128& vault, FileHandle lock) : vault_(vault), lock_(std::move(lock)) {}
  friend class SlotGenerations;
  static Result<FileHandle> take_lock(const std::string& dir);
  static std::array<std::string, 2> file_names(std::uint32_t epoch);
  static Result<std::unique_ptr<KeySlots>> create_locked(const std::string& dir, const Id128& vault,
                                                         std::uint32_t epoch, FileHandle lock);
  static Result<std::unique_ptr<KeySlots>> open_locked(const std::string& dir, const Id128& vault, std::uint32_t epoch,
                                                       FileHandle lock);
  Status check_header(const SlotFile& file, const std::string& name) const;
  Status zero_copy(const SlotFile& file) const;
  Status reconcile_sizes();
  Status check_writes(const std::vector<SlotWrite>& writes);
  Status reserve(std::uint32_t slots);
  Status write_copy(const SlotFile& file, const std::vector<SlotWrite>& writes);
  Status erase_copy(const SlotFile& file, const std::vector<std::uint32_t>& slots);
  Status verify_empty(const SlotFile& file, const std::vector<std::uint32_t>& slots);
  Status scan(FunctionRef<Status(std::uint32_t slot, ByteView a, ByteView b)> visit);
  Result<Bytes> settle(std::uint32_t slot);
  Status usable() const;
  Status failed(Status why);

  std::mutex mutex_;
  Id128 vault_;
  FileHandle lock_;
  SlotFile a_;
  SlotFile b_;
  std::uint32_t count_ = 0;
  bool halted_ = false;
};

}  // namespace facekeep::seal
