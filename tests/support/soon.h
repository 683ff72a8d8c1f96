// Waiting for what other threads do.
#pragma once

#include <chrono>
#include <thread>

namespace facekeep::test {

// Asks again and again: it is so within some twenty seconds, or never. Counted in questions, not in time, so that a
// busy machine makes it longer.
template <class F>
bool soon(F&& done) {
  for (int i = 0; i < 4000; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace facekeep::test
