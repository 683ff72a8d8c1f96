// An opening in clear (vault/log/FORMAT.md, section 6): 0x01, salt, canonical event. Custody's are stored so; auditors
// are given every opening so; receipts carry one. Pure functions, thread safe.
#pragma once

#include <string>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/ledger/event.h"

namespace facekeep::ledger {

inline constexpr std::uint8_t kClearOpening = 0x01;
inline constexpr std::size_t kClearOpeningHead = 33;  // the byte and the salt

struct ClearOpening {
  Salt salt{};
  std::string_view event;  // canonical text, into the parsed bytes; not read yet
};
// True if a receipt's extra data, say, can only be an opening: no entry begins so.
bool looks_like_opening(ByteView bytes) noexcept;
// kMalformed unless the bytes begin as an opening does and an event's text follows.
Result<ClearOpening> parse_clear_opening(ByteView bytes);

// What an opening opens: its event, and the private entry that commits to it. An opening proves nothing by itself;
// that this entry is in a log is for the caller to check.
struct OpenedEntry {
  Event event;
  std::string entry;
};
// kMalformed, also for an event of governance: those stand in the log themselves.
Result<OpenedEntry> open_clear(ByteView bytes);

}  // namespace facekeep::ledger
