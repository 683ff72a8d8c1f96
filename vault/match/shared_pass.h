// Lets work that is wanted by many at once be done for all of them together.
//
// The first to come works for itself at once; those who come meanwhile wait, and one of them then works for all who
// wait, at most `most` at a time, in the order in which they came. Thread safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

namespace facekeep::match {

template <class Item>
class SharedPass {
 public:
  explicit SharedPass(std::size_t most) : most_(most) {}

  // Returns when `work` was called with `item` among its items, by this thread or another. `work` must be the same for
  // all callers, and must not throw. Throws std::bad_alloc before anything was done.
  void join(Item& item, const std::function<void(std::span<Item* const>)>& work) {
    std::vector<Item*> batch;
    std::vector<Ticket*> served;
    batch.reserve(most_);
    served.reserve(most_);
    Ticket ticket{&item};
    std::unique_lock guard(mutex_);
    waiting_.push_back(&ticket);
    for (;;) {
      changed_.wait(guard, [&] { return ticket.done || !working_; });
      if (ticket.done) return;
      working_ = true;
      batch.clear();
      served.clear();
      while (!waiting_.empty() && batch.size() < most_) {
        served.push_back(waiting_.front());
        batch.push_back(served.back()->item);
        waiting_.pop_front();
      }
      guard.unlock();
      work(batch);
      guard.lock();
      for (Ticket* t : served) t->done = true;
      working_ = false;
      changed_.notify_all();
    }
  }

 private:
  struct Ticket {
    Item* item;
    bool done = false;
  };
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Ticket*> waiting_;
  bool working_ = false;
};

}  // namespace facekeep::match
