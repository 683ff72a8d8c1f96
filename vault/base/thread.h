// Starting a thread as a step that can fail: std::thread throws where the system has none left.
#pragma once

#include <system_error>
#include <thread>
#include <utility>

namespace facekeep {

// Runs `f` in `thread`, which the caller joins. False: the system has no thread to give, and nothing runs.
template <class F>
[[nodiscard]] bool start_thread(std::thread& thread, F&& f) {
  try {
    thread = std::thread(std::forward<F>(f));
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

}  // namespace facekeep
