// The daemon's side of the box of restart tickets: the thread that asks it, and the connection that it asks over.
//
// Mutual TLS: the box is pinned by the key that the log names, and shown the vault's own server key, which the box
// knows from the notice. What is asked and what becomes of the answers is vault/ticketing.h.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "api/http/cert.h"
#include "api/http/client.h"
#include "vault/ticketing.h"

namespace facekeep::daemon {

class TicketClient {
 public:
  // Starts the thread. Service and clock must outlive it; key and certificate are shared.
  TicketClient(Service& service, const Clock& clock, EVP_PKEY* key, X509* certificate);
  ~TicketClient();  // ends within one request's timeout
  TicketClient(const TicketClient&) = delete;
  TicketClient& operator=(const TicketClient&) = delete;

 private:
  void run();
  Result<Json> send(const ledger::TicketBox& box, const std::string& path, const std::optional<Json>& body);
  Status connect(const ledger::TicketBox& box);

  http::KeyPtr key_;
  http::CertPtr certificate_;
  std::atomic<bool> stopping_{false};
  ledger::TicketBox box_;               // the thread's own, as what follows
  std::optional<http::Client> client_;  // to box_
  std::string prefix_;
  Ticketing ticketing_;
  std::mutex mutex_;  // stops_
  std::condition_variable wakes_;
  bool stops_ = false;
  std::thread thread_;
};

}  // namespace facekeep::daemon
