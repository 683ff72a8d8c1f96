#include "vault/ledger/opening.h"

#include <algorithm>

namespace facekeep::ledger {

bool looks_like_opening(ByteView bytes) noexcept {
  return !bytes.empty() && bytes[0] == kClearOpening;
}

Result<ClearOpening> parse_clear_opening(ByteView bytes) {
  if (!looks_like_opening(bytes) || bytes.size() <= kClearOpeningHead) {
    return make_error(Errc::kMalformed, "it does not begin as an opening does");
  }
  ClearOpening out;
  std::copy_n(bytes.begin() + 1, out.salt.size(), out.salt.begin());
  out.event = as_chars(bytes.subspan(kClearOpeningHead));
  return out;
}

Result<OpenedEntry> open_clear(ByteView bytes) {
  FK_TRY(const ClearOpening opening, parse_clear_opening(bytes));
  FK_TRY(Event event, decode_event(opening.event));
  const EventClass c = class_of(event.body);
  if (c == EventClass::kGovernance) {
    return make_error(Errc::kMalformed, "an opening of an event that stands in the log in clear");
  }
  return OpenedEntry{std::move(event), private_leaf(c, commit(opening.salt, opening.event))};
}

}  // namespace facekeep::ledger
