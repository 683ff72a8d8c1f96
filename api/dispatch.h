// The one way in: every request of every listener goes through dispatch(), in this order.
//
//   route       the table's row for listener, method and path, or 404 / 405
//   principal   the peer's key is looked up in the state of this moment; its role must be in the row's set
//   state       sealed or halted: 503 with Retry-After, unless the row says otherwise
//   handler     decodes, calls the service (which authorises again, in log order), encodes
//   problem     every Error becomes a problem document (problems.h), counted where the table says so
//
// Runs on the front's worker threads. Throws nothing.
#pragma once

#include "api/routes.h"

namespace facekeep::api {

http::Response dispatch(ApiContext& api, const http::Request& request) noexcept;

}  // namespace facekeep::api
