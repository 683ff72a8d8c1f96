// A small team of threads that scans galleries, fairly.
//
// A job is a number of units. The team takes one unit at a time from the jobs in flight, in turn, so
// that a short job beside long ones is done soon. run() blocks its caller and may be called from any
// number of threads at once, but not from within a unit. `work` must not throw.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace facekeep::match {

class Team {
 public:
  // `threads` at least 1. Throws std::system_error if the system has no thread left.
  explicit Team(unsigned threads);
  ~Team();  // no run() may be in flight
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // Calls work(u) once for every u in [0, units), on the team's threads; returns when all are done.
  void run(std::size_t units, const std::function<void(std::size_t)>& work);

  [[nodiscard]] unsigned threads() const { return static_cast<unsigned>(threads_.size()); }

 private:
  struct Job {
    const std::function<void(std::size_t)>* work;
    std::size_t units;
    std::size_t next = 0;
    std::size_t done = 0;
    std::condition_variable finished;
  };
  void serve();
  void stop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job*> jobs_;  // those with units left, the next to be served first
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace facekeep::match
