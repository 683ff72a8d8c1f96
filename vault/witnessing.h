// Getting cosignatures: one round asks every witness that is due to cosign the newest checkpoint.
//
// Never in the way of an answer: it runs in a thread of its own and only writes down what came back. What is kept
// when: cosignatures join the published checkpoint as they come; one with a quorum is stored, served as the newest
// cosigned one, and tells the service that its witnesses are there. A witness that has seen more of this log than
// the log has stops the vault: the database was rolled back, together with its token's anchor.
//
// The HTTP call is the caller's (`Send`), so nothing here knows a connection. One thread at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vault/base/clock.h"
#include "vault/base/retry.h"
#include "vault/ledger/witness.h"
#include "vault/log/cosign.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/log/witness_request.h"
#include "vault/service.h"

namespace facekeep {

using log::WitnessAnswer;

class Witnessing {
 public:
  // POSTs `body` to <url>/add-checkpoint of that witness (position in the policy). Any status is an answer.
  using Send = std::function<Result<WitnessAnswer>(std::size_t witness, const std::string& body)>;
  // Told of each witness whose call failed, and again when it is well. May be empty.
  using Report = std::function<void(const std::string& name, const Status& now)>;

  struct Options {
    std::int64_t refresh_ms = 60'000;       // a checkpoint that did not change is cosigned again after this
    std::int64_t max_backoff_ms = 300'000;  // after failures: 1 s, 2 s, 4 s ... up to this
  };

  // The service must outlive it. kMalformed if a key does not parse. Nothing if no witnesses are named at this
  // moment; a later policy takes another object.
  static Result<std::optional<Witnessing>> create(Service& service, const Clock& clock, Send send, Report report,
                                                  Options options);

  // Asks each witness that is due, one after the other.
  void round();
  [[nodiscard]] const ledger::Witnesses& policy() const { return policy_; }

 private:
  struct State {
    std::optional<std::uint64_t> size;  // that it cosigned last; unknown before the first answer
    std::uint64_t asked_ms = 0;         // uptime of the last success
    Retry retry = {};
    bool well = true;
    std::optional<log::Cosignature> latest;  // over the checkpoint of `size`
  };

  Witnessing(Service& service, const Clock& clock, Send send, Report report, Options options)
      : service_(&service), clock_(&clock), send_(std::move(send)), report_(std::move(report)), options_(options) {}
  [[nodiscard]] bool is_due(const State& s, std::uint64_t size, std::uint64_t now_ms) const;
  Status ask(std::size_t witness, const std::string& text, std::uint64_t size);
  Result<WitnessAnswer> send(std::size_t witness, const std::string& note, std::uint64_t from, std::uint64_t size);
  Status take(std::size_t witness, const WitnessAnswer& answer, const std::string& checkpoint, std::uint64_t size);
  Status roll_back_finding(std::size_t witness, std::uint64_t seen);
  void note_outcome(std::size_t witness, const Status& outcome);
  void keep(const std::string& checkpoint, std::uint64_t size);

  Service* service_;
  const Clock* clock_;
  Send send_;
  Report report_;
  Options options_;
  ledger::Witnesses policy_;
  std::vector<ledger::WitnessKey> keys_;
  std::vector<State> states_;
};

}  // namespace facekeep
