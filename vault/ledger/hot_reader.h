// The reader of the events that a log is full of, and that a replay spends its time in: accesses (`match`,
// `metadata-read`) and a subject's life (`enrolled`, `template`, `suspended`, `erased`), in the one form that their
// writer gives them, without building a document. decode_event() asks it first.
#pragma once

#include <optional>
#include <string_view>

#include "vault/ledger/event.h"

namespace facekeep::ledger {

// The event, or nothing for any text that is not plainly one of these: the strict reader then decides. Never an event
// that the strict reader would refuse or read otherwise; a property test holds them together.
std::optional<Event> read_hot_event(std::string_view canonical);

// The strict reader alone: any type, by way of a parsed document. What decode_event() says of a text is what this says.
Result<Event> decode_event_strictly(std::string_view canonical);

}  // namespace facekeep::ledger
