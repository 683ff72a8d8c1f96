// Notices: every act of dual control reaches people, as a line of the journal and as a call to a webhook.
//
// The log is the queue: notices are made from its entries, in order, and the number of the last one that was delivered
// is in the file `notices` of the data directory, so that nothing is lost over a restart and nothing waits in memory.
// What a date makes due (reminders.h) goes the same way, with a file `reminders`.
// One thread of its own: no answer of the vault waits for a receiver that is slow or dead.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tools/facekeepd/config.h"
#include "tools/facekeepd/reminders.h"
#include "vault/base/clock.h"
#include "vault/base/secret_bytes.h"
#include "vault/service.h"

namespace facekeep::daemon {

// What is told of one event, or nothing for one that is no act of dual control.
struct Act {
  std::string type;            // the event's
  std::optional<Id128> about;  // the proposal
};
std::optional<Act> act_of(const ledger::Event& event);

// The body: canonical JSON {"entry","proposal"?,"stage"?,"time","type","v":1,"vault"}. `stage` is the proposal's as the
// notice is made. Nobody's id or name is in it.
Result<std::string> notice_body(const Id128& vault, std::uint64_t entry, UnixMillis time, const Act& act,
                                std::optional<ledger::Stage> stage);
// The value of the header Facekeep-Signature: "t=<seconds>,v1=<hex>", the HMAC-SHA256 of "<seconds>.<body>".
std::string notice_signature(ByteView key, std::int64_t unix_seconds, std::string_view body);

struct NoticeTimes {
  std::int64_t look_ms = 250;
  std::uint64_t first_backoff_ms = 1'000;  // doubled at each failure
  std::uint64_t max_backoff_ms = 60'000;
  std::int64_t timeout_ms = 5'000;  // of one call
};

class Notices {
 public:
  // The journal's lines go from now on; the webhook's notices from the last that was delivered, or from now on at the
  // first start. An entry that can't be read is tried again, as a receiver that does not answer is: nothing behind it
  // is told before it. A file that is ahead of the log is put right, and the journal says so. The service and the clock
  // must outlive it. kIo, kIntegrity: the file, or the key.
  static Result<std::unique_ptr<Notices>> start(const Config& config, Service& service, const Clock& clock,
                                                const NoticeTimes& times = {});
  ~Notices();  // ends within one call's timeout
  Notices(const Notices&) = delete;
  Notices& operator=(const Notices&) = delete;

 private:
  struct Hook;
  Notices(Service& service, const Clock& clock, const NoticeTimes& times);
  void run();
  void write_journal();
  void journal_alarms();
  void deliver();
  void remind();
  // Backs off after a failure, and says so; true if there was none.
  bool settle(const Status& done);

  Service& service_;
  const Clock& clock_;
  const NoticeTimes times_;
  std::uint64_t journal_next_ = 0;  // the thread's own, as the next two
  bool journal_stuck_ = false;      // the entry can't be read; said once
  std::uint64_t told_alarm_ = 0;    // entry of the latest alarm of a budget
  ToldDays journal_told_;           // since this start
  std::unique_ptr<Hook> hook_;
  std::mutex mutex_;  // stops_
  std::condition_variable wakes_;
  bool stops_ = false;
  std::thread thread_;
};

}  // namespace facekeep::daemon
