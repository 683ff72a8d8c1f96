// One share: its words <-> its fields, with the RS1024 checksum (SLIP-0039 section "Format of the
// share mnemonic"). In bits: identifier 15, extendable 1, exponent 4; then five 4-bit fields; the
// value, zero-padded in front to whole words; a checksum of three words.
#include <array>
#include <string_view>

#include "vault/seal/shamir.h"
#include "vault/seal/slip39.h"

namespace facekeep::seal {
namespace {

constexpr std::size_t kPrefixWords = 4;
constexpr std::size_t kChecksumWords = 3;
constexpr std::size_t kMinWords = kPrefixWords + 13 + kChecksumWords;  // 13 words carry 128 bits

std::uint32_t polymod_step(std::uint32_t chk, std::uint32_t value) {
  static constexpr std::array<std::uint32_t, 10> kGenerator = {
      0xe0e040, 0x1c1c080, 0x3838100, 0x7070200, 0xe0e0009, 0x1c0c2412, 0x38086c24, 0x3090fc48, 0x21b1f890, 0x3f3f120};
  const std::uint32_t top = chk >> 20;
  chk = ((chk & 0xfffff) << 10) ^ value;
  for (std::size_t i = 0; i < kGenerator.size(); ++i) chk ^= kGenerator[i] & (0U - ((top >> i) & 1U));
  return chk;
}

// The checksum state after the customization string and the first `count` words.
std::uint32_t polymod(const SecretWords& words, std::size_t count, bool extendable) {
  const std::string_view customization = extendable ? "shamir_extendable" : "shamir";
  std::uint32_t chk = 1;
  for (const char c : customization) chk = polymod_step(chk, static_cast<std::uint8_t>(c));
  for (std::size_t i = 0; i < count; ++i) chk = polymod_step(chk, words.at(i));
  return chk;
}

bool is_extendable(const SecretWords& words) {
  return ((words.at(1) >> 4) & 1U) != 0;
}

ShareMeta decode_meta(const SecretWords& words) {
  const std::uint32_t head = (std::uint32_t{words.at(0)} << 10) | words.at(1);
  const std::uint32_t tail = (std::uint32_t{words.at(2)} << 10) | words.at(3);
  const auto nibble = [tail](unsigned shift) { return static_cast<std::uint8_t>((tail >> shift) & 15); };
  ShareMeta m;
  m.identifier = static_cast<std::uint16_t>(head >> 5);
  m.extendable = is_extendable(words);
  m.iteration_exponent = static_cast<std::uint8_t>(head & 15);
  m.group_index = nibble(16);
  m.group_threshold = static_cast<std::uint8_t>(nibble(12) + 1);
  m.group_count = static_cast<std::uint8_t>(nibble(8) + 1);
  m.member_index = nibble(4);
  m.member_threshold = static_cast<std::uint8_t>(nibble(0) + 1);
  return m;
}

bool meta_in_range(const ShareMeta& m) {
  return m.identifier < 0x8000 && m.iteration_exponent < 16 && m.group_index < 16 && m.member_index < 16 &&
         m.group_threshold >= 1 && m.group_threshold <= m.group_count && m.group_count <= 16 &&
         m.group_index < m.group_count && m.member_threshold >= 1 && m.member_threshold <= 16;
}

}  // namespace

Result<Share> decode_share(const SecretWords& words) {
  if (words.size() < kMinWords) {
    return make_error(Errc::kMalformed, "a share has at least 20 words", "check that no word of the card is missing");
  }
  const std::size_t value_words = words.size() - kPrefixWords - kChecksumWords;
  const std::size_t padding = (value_words * 10) % 16;
  const std::size_t size = value_words * 10 / 16 * 2;
  if (padding > 8 || size > kMaxSecret) {
    return make_error(Errc::kMalformed, "a share can't have this number of words", "check for a missing or extra word");
  }
  if (polymod(words, words.size(), is_extendable(words)) != 1) {
    return make_error(Errc::kMalformed, "the checksum of the share does not match",
                      "a word is wrong or in the wrong place: compare each one with the card");
  }
  Share out{decode_meta(words), SecretBytes(size)};
  if (!meta_in_range(out.meta)) return make_error(Errc::kMalformed, "the share names groups that can't be");
  std::uint32_t acc = 0;
  std::size_t bits = 0;
  std::size_t n = 0;
  std::uint32_t pad_bits = 0;
  for (std::size_t i = 0; i < value_words; ++i) {
    acc = ((acc << 10) | words.at(kPrefixWords + i)) & 0xfffff;
    bits += 10;
    if (i == 0) {
      pad_bits = acc >> (10 - padding);
      bits -= padding;
    }
    while (bits >= 8) {
      bits -= 8;
      out.value.data()[n++] = static_cast<std::uint8_t>((acc >> bits) & 0xff);
    }
  }
  if (pad_bits != 0) return make_error(Errc::kMalformed, "the padding of the share is not zero");
  return out;
}

Result<SecretWords> encode_share(const Share& share) {
  const std::size_t size = share.value.size();
  if (size < kMinSecret || size > kMaxSecret || size % 2 != 0 || !meta_in_range(share.meta)) {
    return make_error(Errc::kInvalidArgument, "a share field is outside its range");
  }
  const ShareMeta& m = share.meta;
  const std::size_t value_words = (size * 8 + 9) / 10;
  SecretWords out(kPrefixWords + value_words + kChecksumWords);
  const std::uint32_t head = (std::uint32_t{m.identifier} << 5) | (m.extendable ? 16U : 0U) | m.iteration_exponent;
  const std::uint32_t tail = (std::uint32_t{m.group_index} << 16) | ((m.group_threshold - 1U) << 12) |
                             ((m.group_count - 1U) << 8) | (std::uint32_t{m.member_index} << 4) |
                             (m.member_threshold - 1U);
  const auto word = [](std::uint32_t v) { return static_cast<std::uint16_t>(v & 1023); };
  out.set(0, word(head >> 10));
  out.set(1, word(head));
  out.set(2, word(tail >> 10));
  out.set(3, word(tail));
  std::uint32_t acc = 0;
  std::size_t bits = value_words * 10 - size * 8;  // zero padding in front
  std::size_t n = kPrefixWords;
  for (const std::uint8_t byte : share.value.view()) {
    acc = ((acc << 8) | byte) & 0xfffff;
    bits += 8;
    if (bits >= 10) {
      bits -= 10;
      out.set(n++, word(acc >> bits));
    }
  }
  std::uint32_t chk = polymod(out, n, m.extendable);
  for (std::size_t i = 0; i < kChecksumWords; ++i) chk = polymod_step(chk, 0);
  chk ^= 1;
  out.set(n, word(chk >> 20));
  out.set(n + 1, word(chk >> 10));
  out.set(n + 2, word(chk));
  return out;
}

}  // namespace facekeep::seal
