// The daemon's side of the witnesses: the thread that asks them, and the connections that it asks over.
//
// Each witness has one TLS connection, pinned to the key that genesis names. What is asked and what becomes of the
// answers is vault/witnessing.h.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "tools/facekeepd/config.h"
#include "vault/service.h"

namespace facekeep::daemon {

// A witness's URL in its two parts: what http::Client connects to, and the path in front of "/add-checkpoint".
// Precondition: ledger::check_witnesses took it.
struct WitnessUrl {
  std::string origin;  // "https://host:port", with 443 where the URL has no port
  std::string prefix;  // "" or "/w1"
};
WitnessUrl split_witness_url(const std::string& url);

class WitnessClient {
 public:
  // Starts the thread; nothing if genesis names no witnesses. The service and the clock must outlive it.
  static Result<std::unique_ptr<WitnessClient>> start(const Config& config, Service& service, const Clock& clock);
  ~WitnessClient();  // ends within one request's timeout
  WitnessClient(const WitnessClient&) = delete;
  WitnessClient& operator=(const WitnessClient&) = delete;

 private:
  struct Impl;
  explicit WitnessClient(std::unique_ptr<Impl> impl);
  void run(std::int64_t interval_ms);

  std::unique_ptr<Impl> impl_;
  std::mutex mutex_;  // stops_
  std::condition_variable wakes_;
  bool stops_ = false;
  std::thread thread_;
};

}  // namespace facekeep::daemon
