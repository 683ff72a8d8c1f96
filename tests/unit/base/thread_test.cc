#include "vault/base/thread.h"

#include "tests/support/catch.h"

using namespace facekeep;

namespace {

// Stands for a system that has no thread left: making one throws as std::thread does then.
struct NoneLeft {
  explicit NoneLeft(bool& where) : ran(&where) {}
  NoneLeft(const NoneLeft&) {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  }
  void operator()() const { *ran = true; }
  bool* ran = nullptr;
};

}  // namespace

TEST_CASE("a thread that starts runs what it was given") {
  bool ran = false;
  std::thread t;
  REQUIRE(start_thread(t, [&] { ran = true; }));
  t.join();
  CHECK(ran);
}

TEST_CASE("where the system has no thread to give, that is said, and nothing runs") {
  bool ran = false;
  const NoneLeft work(ran);
  std::thread t;
  CHECK_FALSE(start_thread(t, work));
  CHECK_FALSE(t.joinable());
  CHECK_FALSE(ran);
}
