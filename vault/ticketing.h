// Talking to the box of restart tickets: one round does what is due. It brings the box its half of a new ticket, asks
// for it back while the vault is sealed, and tells the box to forget a ticket that is over.
//
//   GET  /v1/box                  {"seal_to"}: X25519 key of the box, drawn at its start
//   POST /v1/tickets              {"entry","half","number","vault"}: the half, sealed to it; base64
//   POST /v1/restarts             {"number","start","vault"}: {"state":"waiting"}, or {"state":"given","by","half",
//                                 "signature","time"}: the half, sealed to the start's key, and who confirmed
//   POST /v1/endings              {"number","vault"}: the ticket is over
//
// The HTTP call is the caller's (`Send`), so nothing here knows a connection. Never in the way of an answer: it has a
// thread of its own. What the box answers is held against the log by Service::open_with_ticket. One thread at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "vault/base/clock.h"
#include "vault/base/json.h"
#include "vault/base/retry.h"
#include "vault/service.h"

namespace facekeep {

class Ticketing {
 public:
  // Sends a request to the box (a body: POST) and gives the JSON object of a 2xx answer; any other status is an Error.
  using Send = std::function<Result<Json>(const ledger::TicketBox& box, const std::string& path,
                                          const std::optional<Json>& body)>;
  // Told when a call failed for another reason than before, and when it is well again. May be empty.
  using Report = std::function<void(const std::string& box, const Status& now)>;

  // The service must outlive it.
  Ticketing(Service& service, const Clock& clock, Send send, Report report)
      : service_(service), clock_(clock), send_(std::move(send)), report_(std::move(report)) {}

  void round();

 private:
  struct Told {
    std::uint32_t number = 0;
    ledger::TicketBox box;
  };
  Status deposit(const Service::TicketDeposit& waiting);
  Status ask(const Service::TicketAsk& ask);
  void forget_ended();
  void note(const std::string& box, const Status& outcome);

  Service& service_;
  const Clock& clock_;
  Send send_;
  Report report_;
  std::optional<Told> live_;  // the ticket of the log as of the last round
  std::optional<Told> over_;  // whose end the box was not told yet
  Retry retry_;
  std::string trouble_;
};

}  // namespace facekeep
