// The bytes of a key-slot file (vault/seal/FORMAT.md, "Key slots"): a header and slots, 128 bytes
// each, so that none crosses a disk sector. Pure functions; the I/O is in slots.h.
#pragma once

#include <array>
#include <cstdint>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::seal {

inline constexpr std::size_t kSlotSize = 128;
inline constexpr std::size_t kMaxSlotData = 108;
inline constexpr std::uint32_t kMaxSlots = std::uint32_t{1} << 26;  // 8 GiB a copy

using SlotBytes = std::array<std::uint8_t, kSlotSize>;

SlotBytes make_slot_header(const Id128& vault);
// The vault that a header names. Total: any bytes give a vault or kMalformed.
Result<Id128> parse_slot_header(ByteView header);

enum class SlotState : std::uint8_t {
  kEmpty,  // every byte zero: never written, or erased
  kGood,   // written in full
  kTorn,   // anything else
};

// Precondition: 1 to kMaxSlotData bytes.
SlotBytes make_slot(const Id128& vault, std::uint32_t slot, ByteView data);
SlotState slot_state(const Id128& vault, std::uint32_t slot, ByteView bytes);
// The data of a slot in state kGood.
ByteView slot_data(ByteView bytes);

// What the two copies of a slot mean together: one whole copy is enough. (Half an erasure looks like
// a lost copy; recovery erases what no event owns before anything is read, see slots.h.)
enum class SlotVerdict : std::uint8_t {
  kEmpty,    // nothing in either copy
  kUse,      // both copies are good and equal
  kHealB,    // use copy a and write it over b
  kHealA,    // use copy b and write it over a
  kDamaged,  // no whole copy, or two whole ones that differ
};
SlotVerdict judge_slot(const Id128& vault, std::uint32_t slot, ByteView a, ByteView b);

}  // namespace facekeep::seal
