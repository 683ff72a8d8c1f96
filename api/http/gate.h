// The gate: accepts connections and leads them through the handshake, on a thread of its own, so that a
// storm of handshakes (each costs a signature and a key agreement) never holds up the connections that
// are through. Nothing of a peer reaches the HTTP side before its key was accepted.
//
// Nobody can close the gate to others by waiting in it: each unfinished handshake has a deadline, and at a cap
// the oldest peer that has not said a word makes room, then the oldest that has been at it for a second.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "api/http/counters.h"
#include "api/http/socket.h"
#include "api/http/tls.h"

namespace facekeep::http {

using Moment = std::chrono::steady_clock::time_point;

// A connection whose handshake is done. Owns the socket.
struct Established {
  UniqueFd fd;
  SslPtr ssl;
  std::unique_ptr<PeerKey> peer;  // the SSL's app data
  std::size_t listener = 0;       // index into ServerConfig::listeners
  std::string address;
  bool may_reserve = false;  // ServerConfig::may_reserve said so
};

class Gate {
 public:
  // Keeps references to all three. `admit` runs on the gate's thread.
  Gate(const ServerConfig& config, Counters& counters, std::function<void(Established&&)> admit);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Binds every listener. Call once, before start().
  Status open();
  void start();
  // Closes the listeners and every unfinished handshake. Idempotent.
  void stop();
  [[nodiscard]] std::uint16_t port(std::size_t listener) const { return listeners_.at(listener)->port; }

 private:
  struct Pending;
  using PendingList = std::list<Pending*>;
  struct Listener {
    const ListenerConfig* config = nullptr;
    std::size_t index = 0;
    UniqueFd fd;
    std::uint16_t port = 0;
    SslCtxPtr ctx;
    PendingList waiting;  // oldest first
    std::unordered_map<std::string, PendingList> by_address;
  };

  Status open_one(Listener& l);
  void run();
  void accept_some(Listener& l, Moment now);
  void accept_one(Listener& l, UniqueFd fd, const std::string& address, Moment now);
  bool make_room(Listener& l, const std::string& address, Moment now);
  Pending* victim(const PendingList& list, Moment now) const;
  void advance(Pending& p, Moment now);
  void fail(Pending& p, Moment now);
  void refuse(Pending& p, Refusal reason, Moment now, bool last_word);
  void count_refusal(Refusal reason, const std::string& address, const Digest* spki);
  void leave_queues(Pending& p);
  void drop(Pending& p);
  void check_deadlines(Moment now);

  const ServerConfig& config_;
  Counters& counters_;
  std::function<void(Established&&)> admit_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<Pending*, std::unique_ptr<Pending>> all_;
  PendingList lingering_;                       // oldest first
  std::vector<std::unique_ptr<Pending>> dead_;  // freed after the events in hand
  UniqueFd epoll_;
  UniqueFd wake_;
  std::atomic<bool> stopping_{false};
  Moment accept_again_{};  // after running out of descriptors
  std::thread thread_;
};

}  // namespace facekeep::http
