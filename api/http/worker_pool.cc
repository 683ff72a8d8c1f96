#include "api/http/worker_pool.h"

namespace facekeep::http {

WorkerPool::WorkerPool(unsigned threads, std::size_t queue, const Handler& handler, std::function<void(Answer&&)> done)
    : handler_(handler), done_(std::move(done)), limit_(queue) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

bool WorkerPool::submit(Job& job) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || queue_.size() >= limit_) return false;
  queue_.push_back(std::move(job));
  wake_one();
  return true;
}

// One wake at a time: a worker that gets up wakes the next while there is work (work() below), so a job never
// waits while a worker sleeps, and short answers do not cost a context switch each.
void WorkerPool::wake_one() {
  if (waking_ || asleep_ == 0 || queue_.empty()) return;
  waking_ = true;
  ready_.notify_one();
}

void WorkerPool::stop() {
  std::deque<Job> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  ready_.notify_all();
  for (std::thread& t : threads_) {
    if (t.joinable()) t.join();
  }
}

void WorkerPool::work() {
  ServerBridge bridge(handler_);
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      while (queue_.empty() && !stopping_) {
        ++asleep_;
        ready_.wait(lock);
        --asleep_;
        waking_ = false;
      }
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
      wake_one();
    }
    if (std::chrono::steady_clock::now() >= job.deadline) continue;
    done_({job.connection, job.number, bridge.serve(job.head, std::move(job.request), job.close)});
  }
}

}  // namespace facekeep::http
