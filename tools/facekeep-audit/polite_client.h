// An HTTPS client that other people's servers can live with: one connection, a bounded rate, and waiting where the
// server asks for it. One thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "api/http/client.h"

namespace facekeep::tools {

inline constexpr int kMaxTries = 6;                       // of one request
inline constexpr std::chrono::seconds kLongestWait{60};   // whatever Retry-After says
inline constexpr std::size_t kMaxServedFile = 64U << 20;  // bytes of one answer

// How long to wait before try n+1 (n from 1) after 429, 503 or a lost connection. `retry_after` as sent, may be empty;
// dates are not understood (RFC 9110 section 10.2.3 allows both) and count as none.
std::chrono::milliseconds wait_before_retry(int tries, std::string_view retry_after);

class PoliteClient {
 public:
  using Sleep = std::function<void(std::chrono::milliseconds)>;
  // `rate`: requests a second, at least 1. `tries`: of one request, at least 1.
  PoliteClient(http::Client client, unsigned rate, int tries = kMaxTries, Sleep sleep = {});

  // The body of a 2xx answer. kNotFound for 404; the vault's own problem otherwise (kSealed is not waited for).
  Result<Bytes> get(const std::string& target);

 private:
  void pace();
  http::Client client_;
  std::chrono::microseconds interval_;
  int tries_;
  std::chrono::steady_clock::time_point next_{};
  Sleep sleep_;
};

}  // namespace facekeep::tools
