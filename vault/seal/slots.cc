#include "vault/seal/slots.h"

#include <algorithm>
#include <set>

namespace facekeep::seal {
namespace {

constexpr std::uint32_t kChunkSlots = 8192;  // files grow, and are scanned, by 1 MiB

std::uint64_t offset_of(std::uint32_t slot) {
  return (std::uint64_t{slot} + 1) * kSlotSize;  // the header has the place of a slot
}

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

}  // namespace

Status KeySlots::usable() const {
  if (halted_) return make_error(Errc::kHalted, "the key slots failed before", "restart, so that they are recovered");
  return {};
}

// After a failed write or sync nobody knows what the disk has.
Status KeySlots::failed(Status why) {
  halted_ = true;
  // kOutOfSpace promises that nothing was changed; a file system that runs out in the middle breaks it.
  if (why.error().code == Errc::kOutOfSpace) why.error().code = Errc::kIo;
  return why;
}

std::uint32_t KeySlots::count() {
  const std::lock_guard lock(mutex_);
  return count_;
}

Status KeySlots::check_writes(const std::vector<SlotWrite>& writes) {
  std::set<std::uint32_t> seen;
  for (const SlotWrite& w : writes) {
    if (w.slot >= kMaxSlots) return make_error(Errc::kExhausted, "there are no more key slots");
    if (w.data.empty() || w.data.size() > kMaxSlotData || !seen.insert(w.slot).second) {
      return make_error(Errc::kInvalidArgument, "a key slot is written once, with 1 to 108 bytes");
    }
    if (w.slot >= count_) continue;  // not there yet, so empty
    SlotBytes bytes{};
    for (const SlotFile* file : {&a_, &b_}) {
      FK_CHECK(file->read(offset_of(w.slot), bytes));
      if (!all_zero(bytes)) return make_error(Errc::kConflict, "key slot " + std::to_string(w.slot) + " is in use");
    }
  }
  return {};
}

// Reserves room in both copies or in neither. A crash between the two leaves them of different
// length; open() evens that out. The blocks are durable with the write's own sync.
Status KeySlots::reserve(std::uint32_t slots) {
  if (slots <= count_) return {};
  const std::uint32_t rounded = (slots + kChunkSlots - 1) / kChunkSlots * kChunkSlots;
  FK_CHECK(a_.grow(offset_of(rounded)));
  if (Status grown = b_.grow(offset_of(rounded)); !grown) {
    if (Status cut = a_.cut(offset_of(count_)); !cut) return failed(cut);
    return grown;
  }
  count_ = rounded;
  return {};
}

Status KeySlots::write_copy(const SlotFile& file, const std::vector<SlotWrite>& writes) {
  for (const SlotWrite& w : writes) FK_CHECK(file.write(offset_of(w.slot), make_slot(vault_, w.slot, w.data)));
  return file.sync();
}

Status KeySlots::write(const std::vector<SlotWrite>& writes) {
  const std::lock_guard lock(mutex_);
  FK_CHECK(usable());
  FK_CHECK(check_writes(writes));
  std::uint32_t needed = 0;
  for (const SlotWrite& w : writes) needed = std::max(needed, w.slot + 1);
  FK_CHECK(reserve(needed));
  // Commit points. Crash before the first write: nothing. During copy a: some slots whole or torn in
  // a, empty in b; no event owns them. Between a and b, and during b: whole in a; no event owns them.
  // After both: written, and still nobody's until the batch commits. Recovery erases in every case.
  if (Status s = write_copy(a_, writes); !s) return failed(std::move(s));
  if (Status s = write_copy(b_, writes); !s) return failed(std::move(s));
  return {};
}

Status KeySlots::erase_copy(const SlotFile& file, const std::vector<std::uint32_t>& slots) {
  static constexpr SlotBytes kZero{};
  for (const std::uint32_t s : slots) FK_CHECK(file.write(offset_of(s), kZero));
  return file.sync();
}

Status KeySlots::verify_empty(const SlotFile& file, const std::vector<std::uint32_t>& slots) {
  for (const std::uint32_t s : slots) {
    SlotBytes bytes{};
    file.forget(offset_of(s), kSlotSize);
    FK_CHECK(file.read(offset_of(s), bytes));
    if (!all_zero(bytes)) {
      return make_error(Errc::kIo, "key slot " + std::to_string(s) + " is still there after its erasure",
                        "the disk does not keep what is written to it");
    }
  }
  return {};
}

Status KeySlots::erase(const std::vector<std::uint32_t>& slots) {
  const std::lock_guard lock(mutex_);
  FK_CHECK(usable());
  std::vector<std::uint32_t> present;
  for (const std::uint32_t s : slots) {
    if (s < count_) present.push_back(s);  // beyond the files there is nothing to erase
  }
  // Commit points. The batch with the erasure has committed before, so no event owns the slots. Crash
  // during a: torn or gone in a, whole in b. Between a and b, and during b: gone in a. In every case
  // in_use() still names the slot, recovery erases it again, and the answer has not left yet.
  if (Status s = erase_copy(a_, present); !s) return failed(std::move(s));
  if (Status s = erase_copy(b_, present); !s) return failed(std::move(s));
  for (const SlotFile* file : {&a_, &b_}) {
    if (Status s = verify_empty(*file, present); !s) return failed(std::move(s));
  }
  return {};
}

Status KeySlots::zero_copy(const SlotFile& file) const {
  const Bytes zero(kChunkSlots * kSlotSize);
  for (std::uint32_t first = 0; first < count_; first += kChunkSlots) {
    FK_CHECK(file.write(offset_of(first), ByteView(zero).first(std::min(kChunkSlots, count_ - first) * kSlotSize)));
  }
  FK_CHECK(file.sync());
  file.forget(0, offset_of(count_));
  return {};
}

// Commit points: as erase(). What a crash leaves is overwritten again by the next call.
Status KeySlots::erase_all() {
  {
    const std::lock_guard lock(mutex_);
    FK_CHECK(usable());
    if (Status s = zero_copy(a_); !s) return failed(std::move(s));
    if (Status s = zero_copy(b_); !s) return failed(std::move(s));
  }
  FK_TRY(const auto left, in_use());
  if (left.empty()) return {};
  const std::lock_guard lock(mutex_);
  return failed(make_error(Errc::kIo, "key slots are still there after their erasure",
                           "the disk does not keep what is written to it"));
}

// The data of a slot, after healing; empty for an empty slot. Under the lock.
Result<Bytes> KeySlots::settle(std::uint32_t slot) {
  if (slot >= count_) return Bytes();
  SlotBytes a{};
  SlotBytes b{};
  FK_CHECK(a_.read(offset_of(slot), a));
  FK_CHECK(b_.read(offset_of(slot), b));
  switch (judge_slot(vault_, slot, a, b)) {
    case SlotVerdict::kEmpty: return Bytes();
    case SlotVerdict::kUse: return to_bytes(slot_data(a));
    case SlotVerdict::kHealB:
      // Crash while healing: torn again, healed again by the next reader.
      FK_CHECK(b_.write(offset_of(slot), a));
      FK_CHECK(b_.sync());
      return to_bytes(slot_data(a));
    case SlotVerdict::kHealA:
      FK_CHECK(a_.write(offset_of(slot), b));
      FK_CHECK(a_.sync());
      return to_bytes(slot_data(b));
    case SlotVerdict::kDamaged: break;
  }
  return make_error(Errc::kIntegrity, "key slot " + std::to_string(slot) + " is damaged in both copies",
                    "restore it from a backup");
}

Result<Bytes> KeySlots::read(std::uint32_t slot) {
  const std::lock_guard lock(mutex_);
  FK_CHECK(usable());
  FK_TRY(Bytes data, settle(slot));
  if (data.empty()) return make_error(Errc::kNotFound, "key slot " + std::to_string(slot) + " is empty");
  return data;
}

// Requests get at their slots between two pieces, and while one is looked through.
Status KeySlots::scan(FunctionRef<Status(std::uint32_t slot, ByteView a, ByteView b)> visit) {
  Bytes a;
  Bytes b;
  for (std::uint32_t first = 0;; first += kChunkSlots) {
    std::uint32_t n = 0;
    {
      const std::lock_guard lock(mutex_);
      FK_CHECK(usable());
      if (first >= count_) return {};
      n = std::min(kChunkSlots, count_ - first);
      a.resize(n * kSlotSize);
      b.resize(n * kSlotSize);
      FK_CHECK(a_.read(offset_of(first), a));
      FK_CHECK(b_.read(offset_of(first), b));
    }
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::size_t at = i * kSlotSize;
      FK_CHECK(visit(first + i, ByteView(a).subspan(at, kSlotSize), ByteView(b).subspan(at, kSlotSize)));
    }
  }
}

Result<std::vector<std::uint32_t>> KeySlots::for_each(FunctionRef<Status(std::uint32_t slot, ByteView data)> visit) {
  std::vector<std::uint32_t> damaged;
  FK_CHECK(scan([&](std::uint32_t slot, ByteView a, ByteView b) -> Status {
    const SlotVerdict verdict = judge_slot(vault_, slot, a, b);
    if (verdict == SlotVerdict::kEmpty) return {};
    if (verdict == SlotVerdict::kUse) return visit(slot, slot_data(a));
    const auto data = read(slot);  // as it is now: somebody may have been writing it
    if (data) return visit(slot, *data);
    if (data.error().code == Errc::kNotFound) return {};
    if (data.error().code != Errc::kIntegrity) return data.error();
    damaged.push_back(slot);
    return {};
  }));
  return damaged;
}

Result<std::vector<std::uint32_t>> KeySlots::in_use() {
  std::vector<std::uint32_t> out;
  FK_CHECK(scan([&](std::uint32_t slot, ByteView a, ByteView b) -> Status {
    if (!all_zero(a) || !all_zero(b)) out.push_back(slot);
    return {};
  }));
  return out;
}

}  // namespace facekeep::seal
