// One connection whose handshake is done: reads requests, hands them out one at a time and in order, writes
// answers. Owned by the loop and used by its thread alone; never blocks.
//
//   idle -> head -> body -> answering -> writing -> idle
//                      any refusal:      -> writing -> lingering -> gone
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "api/http/gate.h"
#include "api/http/problem.h"
#include "api/http/worker_pool.h"

namespace facekeep::http {

// What a connection asks of its loop after each call.
enum class Act : std::uint8_t {
  kWait,      // nothing until the next event
  kAgain,     // call on_io again soon; others first
  kDispatch,  // take_job() has a complete request
  kClose,     // forget it
};

class Connection {
 public:
  // The loop's: shared by all its connections of one kind of listener, outlive them. `buffered` counts bytes of bodies.
  struct Shared {
    const ServerConfig& config;
    Counters& counters;
    MutableByteView scratch;  // cleansed after each use
    std::size_t max_buffered;
    std::size_t buffered = 0;
    bool stopping = false;  // answers end their connections
  };

  Connection(std::uint64_t id, Established&& from, Shared& shared, Moment now);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Act on_io(Moment now);                  // the socket is readable or writable
  Act on_answer(Answer&& a, Moment now);  // ignored if it is not for the request in hand
  Act on_time(Moment now);                // looks at the deadline
  Act on_overload(Moment now);            // the job just taken found no worker: `job` comes back
  Act on_stop(Moment now);                // the loop is stopping: idle ones go
  // The peer's key was revoked. An answer that is already being made is still delivered.
  Act on_revoked();

  // After kDispatch, once.
  Job take_job();

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] int fd() const { return link_.fd.get(); }
  [[nodiscard]] bool idle() const { return state_ == State::kIdle; }
  [[nodiscard]] bool answering() const { return state_ == State::kAnswering || state_ == State::kWriting; }
  [[nodiscard]] Moment idle_since() const { return idle_since_; }
  [[nodiscard]] const Digest& spki() const { return link_.peer->spki; }
  [[nodiscard]] std::size_t listener() const { return link_.listener; }
  [[nodiscard]] bool may_reserve() const { return link_.may_reserve; }
  [[nodiscard]] const std::string& address() const { return link_.address; }

 private:
  enum class State : std::uint8_t { kIdle, kHead, kBody, kAnswering, kWriting, kLingering };

  Act read_on(Moment now);
  // Takes bytes of requests; nothing: read more.
  std::optional<Act> consume(std::string_view bytes, Moment now);
  std::optional<Act> take_head(Moment now);
  std::optional<Act> begin_body(Moment now);
  std::optional<Act> take_body(std::string_view bytes, Moment now);
  Act request_complete(std::string_view rest);
  Act refuse(const Problem& problem, Moment now);
  Act start_writing(Bytes&& bytes, bool then_close, Moment now);
  Act write_on(Moment now);
  Act after_answer(Moment now);
  Act linger(Moment now);
  bool account();
  [[nodiscard]] const ListenerConfig& config() const { return shared_.config.listeners[link_.listener]; }

  std::uint64_t id_;
  Established link_;
  Shared& shared_;
  State state_ = State::kIdle;
  Moment deadline_{}, idle_since_{}, started_{};

  CleansedBytes in_;  // a head that is not complete, or bytes behind the request in hand
  Job job_;           // the request in hand
  RequestLimits limits_{};
  std::optional<ChunkDecoder> chunks_;
  std::size_t accounted_ = 0;
  std::uint64_t number_ = 0;

  Bytes out_;
  std::size_t written_ = 0;
  bool close_after_ = false;
};

}  // namespace facekeep::http
