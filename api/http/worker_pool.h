// Threads that answer complete requests, behind a bounded queue.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "api/http/httplib_bridge.h"

namespace facekeep::http {

// A complete request on its way to a worker. `head` views into `head_bytes`, whose storage keeps its address
// when the job is moved.
struct Job {
  std::uint64_t connection = 0;
  std::uint64_t number = 0;  // of the request within its connection
  CleansedBytes head_bytes;
  Head head;
  Request request;  // body, listener and peer are set
  // Later than this nobody waits for the answer any more: a job that has not begun is dropped.
  std::chrono::steady_clock::time_point deadline;
  bool close = false;
};

struct Answer {
  std::uint64_t connection = 0;
  std::uint64_t number = 0;
  Bytes bytes;
};

class WorkerPool {
 public:
  // `done` runs on the workers and must not block. References are kept.
  WorkerPool(unsigned threads, std::size_t queue, const Handler& handler, std::function<void(Answer&&)> done);
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False, and the job untouched, if the queue is full or the pool stopped. Thread safe.
  bool submit(Job& job);
  // Waits for running handlers; drops what is queued. Idempotent.
  void stop();

 private:
  void work();
  // Wakes a sleeping worker if there is work and none is on its way already. Called under mutex_.
  void wake_one();

  const Handler& handler_;
  std::function<void(Answer&&)> done_;
  std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> queue_;
  std::size_t asleep_ = 0;
  bool waking_ = false;  // a woken worker has not looked yet
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace facekeep::http
