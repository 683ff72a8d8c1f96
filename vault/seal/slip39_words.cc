#include "vault/seal/slip39_words.h"

#include <algorithm>
#include <array>
#include <string>

namespace facekeep::seal {
namespace {

constexpr std::array<std::string_view, kWordListSize> kWords = {
#include "vault/seal/slip39_words.inc"
};

// A word of at most eight letters as one integer, first letter on top, so that a prefix compare is
// one masked compare.
constexpr std::uint64_t pack(std::string_view word) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = (out << 8) | (i < word.size() ? static_cast<std::uint8_t>(word[i]) : 0U);
  return out;
}

constexpr auto kPacked = [] {
  std::array<std::uint64_t, kWordListSize> out{};
  for (std::size_t i = 0; i < kWordListSize; ++i) out[i] = pack(kWords[i]);
  return out;
}();

constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

Error bad_word(std::size_t position, const char* why, const char* hint) {
  return make_error(Errc::kMalformed, "word " + std::to_string(position) + " " + why, hint);
}

// The index of the one list word that starts with `token`, or -1. Looks at the whole list whatever
// the word is, without a branch on it: the cache and the clock must not learn the share.
int find_word(std::uint64_t packed, std::size_t size) {
  const std::uint64_t mask = ~std::uint64_t{0} << (8 * (8 - size));
  std::uint64_t found = 0;
  std::uint64_t index = 0;
  for (std::size_t i = 0; i < kWordListSize; ++i) {
    const std::uint64_t diff = (kPacked[i] ^ packed) & mask;
    const std::uint64_t equal = 1 ^ ((diff | (~diff + 1)) >> 63);
    found |= equal;
    index |= i & (~equal + 1);
  }
  return found == 1 ? static_cast<int>(index) : -1;
}

Result<std::uint16_t> parse_number(std::string_view token, std::size_t position) {
  constexpr const char* kHint = "word numbers go from 0001 to 1024";
  if (token.size() > 4) return bad_word(position, "is not a word number", kHint);
  unsigned v = 0;
  for (const char c : token) {
    if (c < '0' || c > '9') return bad_word(position, "is not a word number", kHint);
    v = v * 10 + static_cast<unsigned>(c - '0');
  }
  if (v < 1 || v > kWordListSize) return bad_word(position, "is not a word number", kHint);
  return static_cast<std::uint16_t>(v - 1);
}

Result<std::uint16_t> parse_token(std::string_view token, std::size_t position) {
  if (token[0] >= '0' && token[0] <= '9') return parse_number(token, position);
  if (token.size() > 8) return bad_word(position, "is not in the word list", "check its spelling on the card");
  std::uint64_t packed = 0;
  for (const char c : token) {
    const char lower = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
    packed = (packed << 8) | static_cast<std::uint8_t>(lower);
  }
  packed <<= 8 * (8 - token.size());
  if (token.size() < 4) {
    return bad_word(position, "is ambiguous: it has fewer than four letters",
                    "type at least four letters of each word");
  }
  const int index = find_word(packed, token.size());
  if (index < 0) return bad_word(position, "is not in the word list", "check its spelling on the card");
  return static_cast<std::uint16_t>(index);
}

}  // namespace

SecretWords SecretWords::clone() const {
  SecretWords out;
  out.bytes_ = bytes_.clone();
  return out;
}

std::uint16_t SecretWords::at(std::size_t i) const noexcept {
  return load_be16(bytes_.data() + 2 * i);
}

void SecretWords::set(std::size_t i, std::uint16_t index) noexcept {
  bytes_.data()[2 * i] = static_cast<std::uint8_t>(index >> 8);
  bytes_.data()[2 * i + 1] = static_cast<std::uint8_t>(index & 0xff);
}

Result<SecretWords> parse_share_text(std::string_view text) {
  if (text.size() > kMaxShareText) return make_error(Errc::kTooLarge, "a share has at most 4096 bytes of text");
  SecretWords out(kMaxShareWords);
  std::size_t count = 0;
  std::size_t i = 0;
  while (true) {
    while (i < text.size() && is_space(text[i])) ++i;
    if (i == text.size()) break;
    const std::size_t start = i;
    while (i < text.size() && !is_space(text[i])) ++i;
    if (count == kMaxShareWords) return make_error(Errc::kTooLarge, "a share has at most 64 words");
    FK_TRY(const std::uint16_t index, parse_token(text.substr(start, i - start), count + 1));
    out.set(count++, index);
  }
  if (count == 0) return make_error(Errc::kMalformed, "a share without words", "type or scan the words of the card");
  out.shrink(count);
  return out;
}

SecretBytes share_words_text(const SecretWords& words) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < words.size(); ++i) size += slip39_word(words.at(i)).size() + (i > 0 ? 1 : 0);
  SecretBytes out(size);
  std::uint8_t* p = out.data();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) *p++ = ' ';
    const std::string_view w = slip39_word(words.at(i));
    p = std::copy(w.begin(), w.end(), p);
  }
  return out;
}

SecretBytes share_numbers_text(const SecretWords& words) {
  SecretBytes out(words.size() == 0 ? 0 : words.size() * 5 - 1);
  std::uint8_t* p = out.data();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) *p++ = ' ';
    const unsigned v = words.at(i) + 1U;
    for (const unsigned unit : {1000U, 100U, 10U, 1U}) *p++ = static_cast<std::uint8_t>('0' + v / unit % 10);
  }
  return out;
}

std::string_view slip39_word(std::uint16_t index) {
  return kWords[index];
}

}  // namespace facekeep::seal
