#include "tests/support/memory_store.h"

#include "tests/support/catch.h"
#include "tests/unit/store/store_fixture.h"

using namespace facekeep;
using namespace facekeep::store;
using namespace facekeep::store_test;
using facekeep::test::CommitFault;
using facekeep::test::MemoryStore;

TEST_CASE("the store in memory keeps the contract of the real one") {
  MemoryStore s;
  REQUIRE(s.commit(numbered_batch(0, 10), Urgency::kOrdinary));
  CHECK(s.commit(numbered_batch(0, 10), Urgency::kOrdinary).error().code == Errc::kConflict);
  REQUIRE(s.commit(numbered_batch(1, 10), Urgency::kOrdinary));
  CHECK(holds_exactly(s, 2, 10));
  CHECK(s.check());
}

TEST_CASE("a fault in memory is seen as the real ones are") {
  MemoryStore s;
  s.fail_commit(1, CommitFault::kNotPersisted);
  REQUIRE(s.commit(numbered_batch(0, 10), Urgency::kOrdinary));
  CHECK(s.commit(numbered_batch(1, 10), Urgency::kOrdinary).error().code == Errc::kIo);
  CHECK(s.head().error().code == Errc::kIo);
  CHECK(s.commit(numbered_batch(1, 10), Urgency::kOrdinary).error().code == Errc::kIo);
  s.reopen();
  CHECK(holds_exactly(s, 1, 10));

  s.fail_commit(0, CommitFault::kPersistedButFailed);
  CHECK(s.commit(numbered_batch(1, 10), Urgency::kOrdinary).error().code == Errc::kIo);
  s.reopen();
  CHECK(holds_exactly(s, 2, 10));

  s.fail_commit(0, CommitFault::kNoSpace);
  CHECK(s.commit(numbered_batch(2, 10), Urgency::kOrdinary).error().code == Errc::kOutOfSpace);
  CHECK(s.commit(numbered_batch(2, 10), Urgency::kOrdinary));
  CHECK(holds_exactly(s, 3, 10));
}
