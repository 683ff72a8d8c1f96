// Bodies of events as JSON, for the envelope around them (event_envelope.cc).
#pragma once

#include "vault/ledger/event.h"

namespace facekeep::ledger {

Json body_to_json(const Body& body);
// Strict. `type` is the body's position among Body's alternatives, one of them.
Result<Body> body_from_json(std::size_t type, const Json& value);

}  // namespace facekeep::ledger
