// The HTTPS front of a box of restart tickets: mutual TLS for the vault's server and the custodians.
//
//   GET  /v1/box             what it keeps and what waits; POST /v1/tickets, /v1/restarts, /v1/endings: the vault's
//   POST /v1/confirmations   a custodian's
#pragma once

#include <memory>

#include "api/http/server.h"
#include "tools/common/listen.h"
#include "tools/facekeep/box/box.h"

namespace facekeep::tools {

// The answer to one request; refusals are problem documents.
http::Response answer_box_request(Box& box, const http::Request& request);

// Serves until it is destroyed. The box must outlive it. kIo: address in use.
Result<std::unique_ptr<http::Server>> serve_box(Box& box, const BoxIdentity& identity, const ListenAddress& at);

}  // namespace facekeep::tools
