// What an HTTPS load generator is told to do, and what it saw. One thread, HTTP/1.1 keep-alive.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace facekeep::bench {

using Clock = std::chrono::steady_clock;
using Moment = Clock::time_point;

// A client key, with the bodies that its connections send in turn (empty: no body).
struct Identity {
  std::string certificate;  // PEM files
  std::string key;
  std::vector<std::string> bodies;
};

struct LoadPlan {
  std::string host;  // numeric IPv4
  std::uint16_t port = 0;
  std::string pin;  // SHA-256 of the server's SubjectPublicKeyInfo, hexadecimal; empty: any server
  std::string method = "GET";
  std::string path = "/";
  std::vector<std::string> headers;
  std::vector<Identity> identities;  // connection i has number i modulo their count; none: no client certificate
  std::size_t connections = 1;       // 0: only those beside
  double rate = 0;  // requests a second of all connections together, on a fixed schedule; 0: the next after each answer
  double warm_up = 1;          // seconds that are not counted
  double duration = 10;        // seconds that are
  std::uint64_t requests = 0;  // ends after so many counted answers, if not 0
  double patience = 30;        // seconds until a request or handshake without an answer is an error
  std::size_t silent = 0;      // connections that say nothing, opened again when the server ends them
  std::size_t drip = 0;        // connections that send one byte of a request a second, likewise
  unsigned sources = 1;  // silent and dripping ones come from so many addresses 127.0.0.2, ...; 1: from the usual one
  const std::atomic<bool>* stop = nullptr;  // ends the run early when it becomes true
  std::string count_field;                  // counts the values of this JSON text field in the answers
};

// Microseconds.
struct Latencies {
  std::vector<std::uint32_t> values;
  void add(Clock::duration d);
  void sort();
  [[nodiscard]] std::uint32_t at(double quantile) const;  // 0 if there are none; call sort() before
};

struct LoadResult {
  double seconds = 0;
  std::uint64_t answers = 0;
  // From the moment at which the request was due (not from when it could be sent) to the answer's last byte.
  Latencies latency;
  Latencies handshake;  // TCP and TLS, of the measured connections
  std::map<int, std::uint64_t> statuses;
  std::map<std::string, std::uint64_t> fields;  // count_field
  std::map<std::string, std::uint64_t> errors;  // of the measured connections
  std::uint64_t without_retry_after = 0;        // answers 503 that do not say when to come again
  std::size_t least_answers = 0;                // of the connection that got the fewest
  std::uint64_t beside_opened = 0;              // silent and dripping connections, again and again
  std::uint64_t beside_ended = 0;               // by the server
  std::size_t beside_open_at_end = 0;
};

}  // namespace facekeep::bench
