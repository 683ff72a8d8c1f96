#include "vault/match/team.h"

namespace facekeep::match {

Team::Team(unsigned threads) {
  threads_.reserve(threads);
  try {
    for (unsigned t = 0; t < threads; ++t) threads_.emplace_back([this] { serve(); });
  } catch (...) {
    stop();
    throw;
  }
}

Team::~Team() {
  stop();
}

void Team::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Team::run(std::size_t units, const std::function<void(std::size_t)>& work) {
  if (units == 0) return;
  Job job{.work = &work, .units = units, .finished = {}};
  std::unique_lock guard(mutex_);
  jobs_.push_back(&job);
  if (units == 1) {
    wake_.notify_one();
  } else {
    wake_.notify_all();
  }
  job.finished.wait(guard, [&job] { return job.done == job.units; });
}

void Team::serve() {
  std::unique_lock guard(mutex_);
  for (;;) {
    wake_.wait(guard, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job* job = jobs_.front();
    jobs_.pop_front();
    const std::size_t unit = job->next++;
    if (job->next < job->units) jobs_.push_back(job);
    guard.unlock();
    (*job->work)(unit);
    guard.lock();
    // Under the mutex: the caller may end the job's life as soon as it sees the last unit done.
    if (++job->done == job->units) job->finished.notify_one();
  }
}

}  // namespace facekeep::match
