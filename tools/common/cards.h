// Share cards: what a custodian takes home from the ceremony, to print and for the terminal.
//
// A card holds a share in clear, so all of it is built in secret memory and given out as such; the
// QR code is drawn in a process of its own, because libqrencode leaves copies on the heap.
#pragma once

#include <cstdint>
#include <string>

#include "tools/common/catalogue.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"
#include "vault/seal/slip39_words.h"

namespace facekeep::tools {

// What is printed beside the words. All of it is public, and escaped where it is shown.
struct CardInfo {
  std::string vault;       // name
  std::string vault_id;    // hexadecimal
  std::string group;       // "residents"
  std::string custodian;   // "residents/2"
  std::string date;        // "2026-11-22"
  unsigned member = 1;     // this card's number in the group, from 1
  unsigned members = 1;    // cards of the group
  unsigned threshold = 1;  // of them needed
  unsigned groups = 2;     // all of them needed
  bool rehearsal = false;  // stamped on the card
};

enum class CardPage : std::uint8_t { kA6, kA5 };

// Plain text, at most 80 columns: words with positions and numbers.
Result<SecretBytes> card_text(Lang lang, const CardInfo& info, const seal::SecretWords& words);

// One self-contained HTML page (no script, nothing fetched) of the given size, with the words in a
// numbered grid and a QR code of the word numbers ("0001 0002 ...", as parse_share_text reads them).
// kInvalidArgument without words or over kMaxShareWords; kIo if no process could be started.
Result<SecretBytes> card_html(Lang lang, const CardInfo& info, const seal::SecretWords& words,
                              CardPage page = CardPage::kA6);

// Writes all of it to a descriptor, without a copy. kIo, kOutOfSpace.
Status write_secret_fd(int fd, ByteView bytes);

}  // namespace facekeep::tools
