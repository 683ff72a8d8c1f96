// The event loop: owns every finished connection, its deadlines and its caps. One thread; idle
// connections cost memory and no thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "api/http/connection.h"

namespace facekeep::http {

class Loop {
 public:
  Loop(const ServerConfig& config, Counters& counters);  // keeps references
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  Status open();
  void start();

  // Thread safe, all four; they take effect on the loop's thread in the order of the calls.
  void admit(Established&& e);
  void answer(Answer&& a);
  void close_peer(const Digest& spki);
  // Ends idle connections, lets answers that are being made go out, for at most `grace`; then ends
  // everything and the thread. Idempotent.
  void stop(Millis grace);

  // Who answers: registered peers; strangers; what config.is_reserved and may_reserve name.
  struct Pools {
    WorkerPool* main = nullptr;
    WorkerPool* open = nullptr;
    WorkerPool* reserved = nullptr;
  };
  void set_pools(const Pools& pools) { pools_ = pools; }  // before start()

 private:
  // Finished connections that count together: those of one key, or of one address on a public listener.
  struct Command {
    std::optional<Established> admitted;
    std::optional<Answer> answer;
    std::optional<Digest> revoked;
  };

  void post(Command&& c);
  void run();
  void run_commands(Moment now);
  void take_in(Established&& e, Moment now);
  bool room_for(const Established& e, const std::string& group);
  void revoke(const Digest& spki, Moment now);
  void act(Connection& c, Act what, Moment now);
  [[nodiscard]] bool is_main(std::size_t listener) const {
    return config_.listeners[listener].kind == ListenerKind::kMain;
  }
  [[nodiscard]] WorkerPool& pool_of(const Connection& c, const Job& job) const;
  void drop(Connection& c);
  void tick(Moment now);
  void begin_stop(Moment now);
  [[nodiscard]] std::string group_of(std::size_t listener, const Digest& spki, const std::string& address) const;

  const ServerConfig& config_;
  Counters& counters_;
  Pools pools_;
  UniqueFd epoll_;
  UniqueFd wake_;
  CleansedBytes scratch_;
  Connection::Shared main_;  // of registered peers
  Connection::Shared open_;  // of strangers
  Millis tick_;

  std::mutex mutex_;
  std::vector<Command> commands_;  // under mutex_
  std::atomic<bool> stop_asked_{false};
  Millis grace_{0};  // written before stop_asked_

  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::unordered_map<std::string, std::vector<std::uint64_t>> groups_;
  std::vector<std::size_t> per_listener_;
  std::vector<std::uint64_t> again_;
  bool stopping_ = false;
  Moment next_tick_{}, stop_at_{};
  std::thread thread_;
};

}  // namespace facekeep::http
