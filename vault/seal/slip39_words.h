// The text of a SLIP-0039 share: words, 4-letter prefixes or numbers <-> word indices.
//
// A word number, as share cards print it, is the plain word index plus one: 0001 ("academic") to
// 1024 ("zero"), always four digits. A text may mix words, prefixes and numbers. Errors name the
// position of the bad word (1 is the first) and never the word.
#pragma once

#include <cstdint>
#include <string_view>

#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::seal {

inline constexpr std::size_t kWordListSize = 1024;
inline constexpr std::size_t kMaxShareWords = 64;   // 59 words carry the largest secret, 64 bytes
inline constexpr std::size_t kMaxShareText = 4096;  // bytes that are looked at

// Word indices (0 to 1023) in secret memory.
class SecretWords {
 public:
  SecretWords() noexcept = default;
  explicit SecretWords(std::size_t count) : bytes_(count * 2) {}
  [[nodiscard]] SecretWords clone() const;
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() / 2; }
  // Preconditions: i < size(), index < 1024.
  [[nodiscard]] std::uint16_t at(std::size_t i) const noexcept;
  void set(std::size_t i, std::uint16_t index) noexcept;
  // The first `count` words. Precondition: count <= size().
  void shrink(std::size_t count) noexcept { bytes_.shrink(count * 2); }
  // Each index as a big-endian 16-bit integer.
  [[nodiscard]] ByteView view() const noexcept { return bytes_.view(); }

 private:
  SecretBytes bytes_;
};

// Reads words, prefixes of at least four letters, or numbers, separated by ASCII white space, in
// either case. Total: any bytes give words or an error. Does not check the checksum (see
// decode_share). The time does not depend on which words they are. kMalformed, kTooLarge.
Result<SecretWords> parse_share_text(std::string_view text);

// "academic acid ..." and "0001 0002 ...", in secret memory, single spaces, no final one.
SecretBytes share_words_text(const SecretWords& words);
SecretBytes share_numbers_text(const SecretWords& words);

// One word of the list, for cards and tests. Precondition: index < 1024.
std::string_view slip39_word(std::uint16_t index);

}  // namespace facekeep::seal
