// Which subjects a batch takes: pure.
#include "vault/rewrap.h"

#include "tests/support/catch.h"

using namespace facekeep;

namespace {

Id128 ref(std::uint8_t n) {
  return Id128{n};
}
ledger::State::Subjects with(std::initializer_list<std::uint8_t> numbers) {
  ledger::State::Subjects out;
  for (const std::uint8_t n : numbers) out[ref(n)] = {};
  return out;
}
std::vector<Id128> refs(std::initializer_list<std::uint8_t> numbers) {
  std::vector<Id128> out;
  for (const std::uint8_t n : numbers) out.push_back(ref(n));
  return out;
}
using Taken = std::vector<std::size_t>;

}  // namespace

TEST_CASE("a value between two refs is neither of them, and is drawn anew") {
  for (int i = 0; i < 100; ++i) {
    const auto v = between(ref(3), ref(4));
    REQUIRE(v);
    CHECK(*v > ref(3));
    CHECK(*v < ref(4));
    CHECK(*v != *between(ref(3), ref(4)));
  }
  Id128 next = ref(3);
  next[15] = 2;
  Id128 only = ref(3);
  only[15] = 1;
  CHECK(between(ref(3), next) == only);
  CHECK_FALSE(between(ref(3), only));
  CHECK_FALSE(between(ref(3), ref(3)));
  CHECK_FALSE(between(ref(4), ref(3)));
  CHECK(between({}, ledger::kAllRefs));
}

TEST_CASE("a batch is the next subjects in order") {
  const auto all = with({1, 2, 5, 9});
  const auto next = next_to_rewrap(all, ref(1), 2);
  REQUIRE(next.size() == 2);
  CHECK(next[0].ref == ref(2));
  CHECK(next[1].ref == ref(5));
  CHECK(next_to_rewrap(all, {}, 9).size() == 4);
  CHECK(next_to_rewrap(all, ref(9), 9).empty());
}

TEST_CASE("a batch ends between its last subject and the next") {
  const auto cut = cut_rewrap(with({1, 2, 5, 9}), {}, refs({1, 2, 5})).value();
  CHECK(cut.taken == Taken{0, 1, 2});
  CHECK(cut.upto > ref(5));
  CHECK(cut.upto < ref(9));
}

TEST_CASE("the last batch takes everybody there will ever be, and so does an empty one") {
  CHECK(cut_rewrap(with({1, 2}), {}, refs({1, 2})).value().upto == ledger::kAllRefs);
  CHECK(cut_rewrap(with({1, 2}), ref(2), refs({})).value().upto == ledger::kAllRefs);
  CHECK(cut_rewrap({}, {}, refs({})).value().upto == ledger::kAllRefs);
}

TEST_CASE("who is gone by the turn is left out, and the batch still reaches behind") {
  const auto cut = cut_rewrap(with({1, 9}), {}, refs({1, 2, 5})).value();
  CHECK(cut.taken == Taken{0});
  CHECK(cut.upto > ref(5));
  CHECK(cut.upto < ref(9));
  CHECK(cut_rewrap({}, {}, refs({1, 2})).value().upto == ledger::kAllRefs);
}

TEST_CASE("a batch ends before whoever came meanwhile") {
  const auto middle = cut_rewrap(with({1, 2, 3, 5}), {}, refs({1, 2, 5})).value();
  CHECK(middle.taken == Taken{0, 1});
  CHECK(middle.upto > ref(2));
  CHECK(middle.upto < ref(3));
  const auto first = cut_rewrap(with({1, 2}), {}, refs({2})).value();
  CHECK(first.taken.empty());
  CHECK(first.upto < ref(1));
  const auto behind = cut_rewrap(with({1, 2, 3}), {}, refs({1, 2})).value();
  CHECK(behind.taken == Taken{0, 1});
  CHECK(behind.upto < ref(3));
}

TEST_CASE("what an earlier batch took is not taken again") {
  const auto cut = cut_rewrap(with({1, 2, 5}), ref(2), refs({1, 2, 5})).value();
  CHECK(cut.taken == Taken{2});
  CHECK(cut.upto == ledger::kAllRefs);
}

TEST_CASE("refs with nothing between them are refused, never split") {
  auto all = with({1});
  Id128 next = ref(1);
  next[15] = 1;
  all[next] = {};
  CHECK(cut_rewrap(all, {}, refs({1})).error().code == Errc::kConflict);
}
