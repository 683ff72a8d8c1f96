// The counters behind Stats, shared by the front's threads.
#pragma once

#include <atomic>

#include "api/http/config.h"

namespace facekeep::http {

struct Counters {
  std::atomic<std::size_t> handshaking{0}, open{0};
  std::atomic<std::uint64_t> handshakes{0}, requests{0}, bad_requests{0}, timeouts{0}, overloads{0}, revoked{0};
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Refusal::kCount)> refused{};

  [[nodiscard]] Stats snapshot() const {
    Stats s;
    s.handshaking = handshaking;
    s.open = open;
    s.handshakes = handshakes;
    s.requests = requests;
    s.bad_requests = bad_requests;
    s.timeouts = timeouts;
    s.overloads = overloads;
    s.revoked = revoked;
    for (std::size_t i = 0; i < refused.size(); ++i) s.refused[i] = refused[i];
    return s;
  }
};

}  // namespace facekeep::http
