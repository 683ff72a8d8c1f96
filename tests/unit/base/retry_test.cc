#include "vault/base/retry.h"

#include "tests/support/catch.h"

using namespace facekeep;

TEST_CASE("waits double from the first to the longest, and begin anew behind a success") {
  Retry r;
  CHECK(r.is_due(0));
  CHECK_FALSE(r.has_failed());
  std::uint64_t now = 5;
  for (const std::uint64_t wait : {10U, 20U, 40U, 50U, 50U}) {
    r.failed(now, 10, 50);
    CHECK(r.has_failed());
    CHECK_FALSE(r.is_due(now + wait - 1));
    CHECK(r.is_due(now + wait));
    now += wait;
  }
  r.succeeded();
  CHECK(r.is_due(0));
  r.failed(now, 10, 50);
  CHECK(r.is_due(now + 10));
}
