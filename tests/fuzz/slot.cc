// Key slots: a header or a slot that is taken as whole is the one that would be written.
#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "vault/seal/slot_format.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint32_t kSlot = 7;
  const Id128 vault{};
  const ByteView input(data, size);
  const auto header = seal::parse_slot_header(input);
  if (header) FUZZ_CHECK(std::ranges::equal(seal::make_slot_header(*header), input));
  // Both copies of a slot, as they lie in the two files.
  if (size < 2 * seal::kSlotSize) return 0;
  const ByteView a = input.first(seal::kSlotSize);
  const ByteView b = input.subspan(seal::kSlotSize, seal::kSlotSize);
  for (const ByteView copy : {a, b}) {
    if (seal::slot_state(vault, kSlot, copy) != seal::SlotState::kGood) continue;
    FUZZ_CHECK(std::ranges::equal(seal::make_slot(vault, kSlot, seal::slot_data(copy)), copy));
  }
  const auto verdict = seal::judge_slot(vault, kSlot, a, b);
  if (verdict == seal::SlotVerdict::kUse) FUZZ_CHECK(std::ranges::equal(a, b));
  return 0;
}
