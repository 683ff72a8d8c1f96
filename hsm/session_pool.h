// Sessions on one token: leased for one operation, brought back after a loss, never logged out.
//
// One session (the keeper) stays open and is never leased, because the login ends when the last
// session closes. A session whose operation failed is closed, not reused. When a session, the login,
// the token or the module is lost, the pool closes what it has, finds the token again by identity,
// logs in again, and initialises the module again where that is needed; an operation that may be
// repeated is then repeated once. What can't be brought back sets the one "down" flag, and calls fail
// fast with its reason until the next attempt is due.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <vector>

#include "hsm/token.h"

namespace facekeep::hsm {

// Whether an operation may run twice. kOnce: its first run may have had an effect in the token.
enum class Repeat : std::uint8_t { kSafe, kOnce };

struct PoolOptions {
  std::size_t max_sessions = 8;                 // besides the keeper; a token's own limit lowers it
  std::chrono::milliseconds retry_after{1000};  // between attempts to bring a lost token back
};

// What an operation works with. Valid during the operation only.
struct Session {
  Calls& calls;
  ck_session_handle_t handle;
  ck_slot_id_t slot;
  std::uint64_t epoch;  // object handles found in another epoch are void
};

class SessionPool {
 public:
  // Opens the keeper and logs in. Errors: kHsmPin, kHsmGone, kHsm.
  static Result<std::shared_ptr<SessionPool>> open(std::shared_ptr<Token> token, PoolOptions options = {});
  // Closes every session. No operation may be running.
  ~SessionPool();
  SessionPool(const SessionPool&) = delete;
  SessionPool& operator=(const SessionPool&) = delete;

  // Runs `operation`, a callable of (Session&) that returns a Result or Status, on a leased session in
  // the caller's thread. Thread safe; waits while all sessions are leased. An operation must not call
  // run() of a pool on the same module. kHsmGone: lost and not brought back, or lost under Repeat::kOnce
  // (then its effect is unknown).
  template <class F>
  auto run(Repeat repeat, F&& operation) -> std::invoke_result_t<F&, Session&> {
    for (bool again = false;; again = true) {
      FK_TRY(Lease lease, acquire());
      Session session = lease.session();
      auto result = operation(session);
      if (result) {
        lease.keep();
        return result;
      }
      const Rv failure = lease.calls().failure();
      if (failure.ok()) lease.keep();
      if (!failure.session_lost()) return result;
      const std::uint64_t epoch = session.epoch;
      lease.end();
      FK_CHECK(bring_back(epoch, failure));
      if (again || repeat == Repeat::kOnce) return result;
    }
  }

  // Asks the token for its identity, past every cache of ours, and checks the login.
  Status check();
  // Why the token is down, or nothing.
  [[nodiscard]] std::optional<Error> down() const;
  [[nodiscard]] const Token& token() const noexcept { return *token_; }

 private:
  struct Open {
    ck_session_handle_t handle;
    std::uint64_t generation;  // of the module
    std::uint64_t epoch;       // of the pool
  };
  // One leased session and the permission to call. Closes the session unless told to keep it.
  class Lease {
   public:
    Lease(SessionPool* pool, Calls calls, Open open, ck_slot_id_t slot)
        : pool_(pool), calls_(std::move(calls)), open_(open), slot_(slot) {}
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)),
          calls_(std::move(other.calls_)),
          open_(other.open_),
          slot_(other.slot_),
          keep_(other.keep_) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() { end(); }
    Session session() { return {*calls_, open_.handle, slot_, open_.epoch}; }
    Calls& calls() { return *calls_; }
    void keep() { keep_ = true; }
    void end();

   private:
    SessionPool* pool_;
    std::optional<Calls> calls_;
    Open open_;
    ck_slot_id_t slot_;
    bool keep_ = false;
  };

  SessionPool(std::shared_ptr<Token> token, PoolOptions options) : token_(std::move(token)), options_(options) {}
  Result<Lease> acquire();
  Result<std::optional<Lease>> open_lease(std::uint64_t epoch, std::optional<Open> idle);
  Status await_turn(std::uint64_t& epoch, std::optional<Open>& idle);
  void give_back(std::optional<Open> open);
  Status bring_back(std::uint64_t seen_epoch, const Rv& why);
  bool keeper_well();
  Status connect(bool module_too);  // true: initialises it anew, also if the token is there
  Status connect_once(std::uint64_t& generation);
  void close_all(Calls& calls);

  const std::shared_ptr<Token> token_;
  const PoolOptions options_;

  std::mutex recovery_;  // one thread brings the token back; taken before mutex_, never with Calls held
  mutable std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<Open> idle_;
  std::optional<Open> keeper_;
  std::size_t leased_ = 0;
  std::size_t limit_ = 1;
  ck_slot_id_t slot_ = 0;
  std::uint64_t epoch_ = 0;
  std::optional<Error> down_;
  std::chrono::steady_clock::time_point next_attempt_{};
};

}  // namespace facekeep::hsm
