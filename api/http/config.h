// What the front can be told, and what it counts.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/cert.h"
#include "api/http/types.h"

namespace facekeep::http {

using Millis = std::chrono::milliseconds;

struct ListenerConfig {
  ListenerKind kind = ListenerKind::kMain;
  std::string address = "127.0.0.1";   // numeric IPv4 or IPv6
  std::uint16_t port = 0;              // 0: the system chooses, see Server::port
  std::size_t max_connections = 4096;  // finished handshakes
  std::size_t max_handshakes = 1024;   // unfinished ones, together
  std::size_t max_handshakes_per_address = 256;
  // Finished connections of one key (main) or one address (public). Over it, its oldest idle connection
  // goes; with none idle the new one is refused.
  std::size_t max_per_peer = 256;
  std::size_t max_body = 1 << 20;  // bytes, decoded; a route may say otherwise (ServerConfig::limits_for)
};

struct Timeouts {
  Millis handshake{5'000};
  Millis head{5'000};    // first byte to end of the head
  Millis body{20'000};   // head to end of the body
  Millis total{30'000};  // first byte to the answer
  Millis write{30'000};  // for the peer to take the answer, plus a second for each 64 KiB
  Millis idle{600'000};  // between requests
  Millis linger{1'000};  // to let the peer read a last word before the connection is torn down
};

struct RequestLimits {
  std::size_t max_body;
  Millis body;
  Millis total;
};

// Limits of one request, known by its method and path (not decoded). Gets the defaults, returns what holds.
// Runs on the loop: pure and quick, and must not throw.
using LimitsFor =
    std::function<RequestLimits(const RequestLimits& defaults, std::string_view method, std::string_view path)>;

// Whether a request goes to the reserved workers, by its method and path (not decoded). As LimitsFor.
using IsReserved = std::function<bool(std::string_view method, std::string_view path)>;

// Why a peer did not get through the handshake.
enum class Refusal : std::uint8_t {
  kUnknownKey,  // a certificate, but no registered key
  kNoCertificate,
  kProtocol,   // TLS version, cipher or garbage
  kPlainHttp,  // HTTP without TLS
  kTimeout,
  kClosed,      // the peer went away
  kCrowdedOut,  // silent while others waited
  kTooMany,     // a cap was full of peers that are not silent
  kCount,
};
std::string_view to_string(Refusal r);  // stable, lower case: "unknown-key"

// Called on the front's two threads for each refusal; must neither block nor throw. `spki` is null unless a certificate
// came.
using RefusedHook = std::function<void(Refusal reason, const std::string& address, const Digest* spki)>;

struct ServerConfig {
  std::vector<ListenerConfig> listeners;
  CertPtr certificate;
  KeyPtr key;
  bool allow_tls12 = false;  // with AEAD suites only
  Timeouts timeouts;
  std::size_t max_head = 16 * 1024;
  std::size_t max_buffered = 256U << 20;  // bytes of requests and answers held at once
  unsigned workers = 64;                  // handlers block on the disk, so more than cores
  std::size_t queue = 1024;               // complete requests that wait for a worker
  // The same for public listeners, apart: whatever strangers ask, it takes nothing from registered peers.
  std::size_t public_max_buffered = 32U << 20;
  unsigned public_workers = 4;
  std::size_t public_queue = 256;
  // Requests that `is_reserved` names, of peers that `may_reserve` names (asked once, as they join the loop), have
  // workers and places of their own, so that what narrows gets through while everything else is busy. Main listeners
  // alone.
  unsigned reserved_workers = 2;
  std::size_t reserved_queue = 64;
  Handler handler;
  PeerCheck peer_check;    // needed if there is a main listener
  LimitsFor limits_for;    // optional
  IsReserved is_reserved;  // optional
  PeerCheck may_reserve;   // needed with is_reserved
  RefusedHook refused;     // optional
};

// A snapshot; counters since start unless said otherwise.
struct Stats {
  std::size_t handshaking = 0;  // now
  std::size_t open = 0;         // now: finished connections
  std::uint64_t handshakes = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(Refusal::kCount)> refused{};
  std::uint64_t requests = 0;      // complete ones
  std::uint64_t bad_requests = 0;  // refused by framing, size or encoding
  std::uint64_t timeouts = 0;      // requests that did not arrive in time, answers that were not made or taken in time
  std::uint64_t overloads = 0;     // answered 503 without a worker
  std::uint64_t revoked = 0;       // connections that a revocation ended
};

}  // namespace facekeep::http
