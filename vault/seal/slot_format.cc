#include "vault/seal/slot_format.h"

#include <algorithm>
#include <string_view>

#include "vault/base/digest.h"
#include "vault/base/newer.h"

namespace facekeep::seal {
namespace {

constexpr std::string_view kMagic{"FKSLOTS\0", 8};
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kHeaderDigestAt = 96;
constexpr std::size_t kSlotDigestAt = 112;
constexpr std::uint8_t kUsed = 1;

Digest slot_digest(const Id128& vault, std::uint32_t slot, ByteView body) {
  Bytes number;
  append_be32(number, slot);
  return sha256({as_bytes(std::string_view("facekeep/slot/v1\0", 17)), vault, number, body});
}

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

}  // namespace

SlotBytes make_slot_header(const Id128& vault) {
  SlotBytes out{};
  Bytes head = to_bytes(kMagic);
  append_be16(head, kVersion);
  append_be16(head, kSlotSize);
  head.insert(head.end(), vault.begin(), vault.end());
  std::copy(head.begin(), head.end(), out.begin());
  const Digest digest = sha256(ByteView(out).first(kHeaderDigestAt));
  std::copy(digest.begin(), digest.end(), out.begin() + kHeaderDigestAt);
  return out;
}

Result<Id128> parse_slot_header(ByteView header) {
  if (header.size() != kSlotSize || as_chars(header.first(8)) != kMagic) {
    return make_error(Errc::kMalformed, "this is not a key-slot file");
  }
  const Digest digest = sha256(header.first(kHeaderDigestAt));
  if (!std::equal(digest.begin(), digest.end(), header.begin() + kHeaderDigestAt)) {
    return make_error(Errc::kMalformed, "the header of a key-slot file is damaged");
  }
  const std::uint16_t version = load_be16(header.data() + 8);
  if (version > kVersion) return newer_format("a key-slot file", version, kVersion);
  if (version != kVersion || load_be16(header.data() + 10) != kSlotSize) {
    return make_error(Errc::kMalformed, "the header of a key-slot file has another form than any version's");
  }
  Id128 vault{};
  std::copy_n(header.begin() + 12, vault.size(), vault.begin());
  if (!all_zero(header.first(kHeaderDigestAt).subspan(12 + vault.size()))) {
    return make_error(Errc::kMalformed, "the header of a key-slot file has more than a header has");
  }
  return vault;
}

SlotBytes make_slot(const Id128& vault, std::uint32_t slot, ByteView data) {
  SlotBytes out{};
  out[0] = kUsed;
  out[1] = static_cast<std::uint8_t>(data.size());
  std::copy(data.begin(), data.end(), out.begin() + 2);
  const Digest digest = slot_digest(vault, slot, ByteView(out).first(kSlotDigestAt));
  std::copy_n(digest.begin(), kSlotSize - kSlotDigestAt, out.begin() + kSlotDigestAt);
  return out;
}

SlotState slot_state(const Id128& vault, std::uint32_t slot, ByteView bytes) {
  if (bytes.size() != kSlotSize) return SlotState::kTorn;
  if (all_zero(bytes)) return SlotState::kEmpty;
  if (bytes[0] != kUsed || bytes[1] == 0 || bytes[1] > kMaxSlotData) return SlotState::kTorn;
  if (!all_zero(bytes.first(kSlotDigestAt).subspan(2U + bytes[1]))) return SlotState::kTorn;
  const Digest digest = slot_digest(vault, slot, bytes.first(kSlotDigestAt));
  const bool whole = std::equal(bytes.begin() + kSlotDigestAt, bytes.end(), digest.begin());
  return whole ? SlotState::kGood : SlotState::kTorn;
}

ByteView slot_data(ByteView bytes) {
  return bytes.subspan(2, bytes[1]);
}

SlotVerdict judge_slot(const Id128& vault, std::uint32_t slot, ByteView a, ByteView b) {
  const SlotState in_a = slot_state(vault, slot, a);
  if (std::equal(a.begin(), a.end(), b.begin(), b.end())) {  // by far the most
    if (in_a == SlotState::kEmpty) return SlotVerdict::kEmpty;
    return in_a == SlotState::kGood ? SlotVerdict::kUse : SlotVerdict::kDamaged;
  }
  const SlotState in_b = slot_state(vault, slot, b);
  if (in_a == SlotState::kGood && in_b != SlotState::kGood) return SlotVerdict::kHealB;
  if (in_b == SlotState::kGood && in_a != SlotState::kGood) return SlotVerdict::kHealA;
  return SlotVerdict::kDamaged;
}

}  // namespace facekeep::seal
