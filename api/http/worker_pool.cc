#include "api/http/worker_pool.h"

namespace facekeep::http {

WorkerPool::WorkerPool(unsigned threads, std::size_t queue, const Handler& handler, std::function<void(Answer&&)> done)
    : handler_(handler), done_(std::move(done)), limit_(queue) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

bool WorkerPool::submit(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= limit_) return false;
    queue_.push_back(std::move(job));
  }
  ready_.notify_one();
  return true;
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
      ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    if (std::chrono::steady_clock::now() >= job.deadline) continue;
    done_({job.connection, job.number, bridge.serve(job.head, std::move(job.request), job.close)});
  }
}

}  // namespace facekeep::http
