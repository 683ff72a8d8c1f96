// The daemon's side of the witnesses: the thread that asks them, and the connections that it asks over.
//
// What is asked and what becomes of the
// answers is vault/witnessing.h. A policy that a proposal brings is followed within a second.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "api/http/client.h"
#include "tools/facekeepd/config.h"
#include "vault/ledger/witness.h"
#include "vault/service.h"
#include "vault/witnessing.h"

namespace facekeep::daemon {

// The TLS connection to one witness, pinned to the key that the log names. One thread.
class WitnessLine {
 public:
  static Result<WitnessLine> open(const ledger::Witness& witness);
  // POSTs to <url>/add-checkpoint. Any status is an answer; it comes within seconds, or an Error does.
  Result<WitnessAnswer> add_checkpoint(const std::string& body);

 private:
  WitnessLine(http::Client client, std::string target) : client_(std::move(client)), target_(std::move(target)) {}
  http::Client client_;
  std::string target_;
};

class WitnessClient {
 public:
  // Starts the thread. The service and the clock must outlive it.
  WitnessClient(const Config& config, Service& service, const Clock& clock);
  ~WitnessClient();  // ends within one request's timeout
  WitnessClient(const WitnessClient&) = delete;
  WitnessClient& operator=(const WitnessClient&) = delete;

 private:
  struct Lines;
  void run();
  void follow_policy();  // the thread's own
  Result<std::unique_ptr<Lines>> connect(const ledger::Witnesses& named);

  const Config config_;
  Service& service_;
  const Clock& clock_;
  std::atomic<bool> stopping_{false};
  std::unique_ptr<Lines> lines_;  // the thread's own; nothing without witnesses
  std::mutex mutex_;              // stops_
  std::condition_variable wakes_;
  bool stops_ = false;
  std::thread thread_;
};

}  // namespace facekeep::daemon
