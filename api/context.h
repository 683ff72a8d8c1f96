// What every handler gets: the vault, the clock, the counters. One object a process, shared by all
// worker threads, outlives the front.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/http/types.h"
#include "api/metrics.h"
#include "vault/service.h"

namespace facekeep::api {

struct ApiContext {
  Service& service;
  const Clock& clock;
  Metrics& metrics;
  // Where GET /metrics answers; nothing: nowhere.
  std::optional<http::ListenerKind> metrics_at;
  // Ends the open connections of a key that turned out to be no principal any more. May be empty.
  std::function<void(const Digest& spki)> close_peer;
  // Told each error that a client sees without its own words. Fields of a fixed list, never a body.
  std::function<void(std::string_view route, const Error& error)> report;
};

// One request that the dispatch let through. `captured` has the percent-decoded segments of the route's braces,
// in order; of a tail ("{path...}") the undecoded rest of the path.
struct Call {
  const http::Request& request;
  std::vector<std::string> captured;
};

}  // namespace facekeep::api
