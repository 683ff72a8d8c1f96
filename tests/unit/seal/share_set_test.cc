#include "vault/seal/share_set.h"

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::seal;

namespace {

struct Ceremony {
  HpkeKeyPair u = generate_hpke_key_pair();
  std::vector<std::vector<SecretWords>> cards;
  ShareSetSpec spec;

  Ceremony() : Ceremony(generate_hpke_key_pair()) {}
  explicit Ceremony(HpkeKeyPair pair) : u(std::move(pair)) {
    cards = *split_secret(u.private_key.view(), {{{2, 3}, {2, 3}}, 2, true, 0});
    spec.member_thresholds = {2, 2};
    spec.group_threshold = 2;
    spec.u_public = u.public_key;
    for (std::uint8_t g = 0; g < 2; ++g) {
      for (std::uint8_t m = 0; m < 3; ++m) spec.shares.push_back({g, m, share_commitment(cards[g][m])});
    }
  }
  SecretWords card(std::size_t g, std::size_t m) const { return cards[g][m].clone(); }
};

}  // namespace

TEST_CASE("an unseal goes on card by card until every group is complete") {
  const Ceremony c;
  auto set = *ShareCollector::create(c.spec);
  CHECK(set.empty());
  CHECK(set.combine().error().code == Errc::kFailedPrecondition);
  auto r = *set.add(c.card(0, 2));
  CHECK(r.outcome == ShareOutcome::kAccepted);
  CHECK(r.group == 0);
  CHECK(r.member == 2);
  CHECK(r.progress[0].have == 1);
  CHECK(r.progress[0].need == 2);
  CHECK(r.progress[1].have == 0);
  CHECK_FALSE(r.complete);
  CHECK_FALSE(set.add(c.card(1, 0))->complete);
  CHECK_FALSE(set.add(c.card(0, 0))->complete);
  CHECK(set.combine().error().code == Errc::kFailedPrecondition);
  CHECK(set.add(c.card(1, 1))->complete);
  CHECK(constant_time_equal(set.combine()->view(), c.u.private_key.view()));
}

TEST_CASE("a duplicate, foreign, retired, unneeded or mistyped card is named and nothing is lost") {
  const Ceremony c;
  const Ceremony foreign;
  const Ceremony before(HpkeKeyPair{c.u.private_key.clone(), c.u.public_key});
  ShareSetSpec spec = c.spec;
  for (const KnownShare& s : before.spec.shares) spec.retired.push_back(s.commitment);
  auto set = *ShareCollector::create(spec);
  REQUIRE(set.add(c.card(0, 0)));
  REQUIRE(set.add(c.card(0, 1)));
  const auto still = [&] { return set.progress()[0].have == 2 && set.progress()[1].have == 0 && !set.complete(); };
  CHECK(set.add(c.card(0, 1))->outcome == ShareOutcome::kDuplicate);
  CHECK(still());
  CHECK(set.add(c.card(0, 2))->outcome == ShareOutcome::kNotNeeded);
  CHECK(still());
  CHECK(set.add(foreign.card(1, 0))->outcome == ShareOutcome::kForeign);
  CHECK(still());
  CHECK(set.add(before.card(1, 0))->outcome == ShareOutcome::kWrongSet);
  CHECK(still());
  SecretWords mistyped = c.card(1, 0);
  mistyped.set(9, static_cast<std::uint16_t>((mistyped.at(9) + 1) % 1024));
  CHECK(set.add(std::move(mistyped)).error().code == Errc::kMalformed);
  CHECK(still());
  REQUIRE(set.add(c.card(1, 0)));
  REQUIRE(set.add(c.card(1, 2)));
  CHECK(set.combine());
}

TEST_CASE("clear forgets every card") {
  const Ceremony c;
  auto set = *ShareCollector::create(c.spec);
  REQUIRE(set.add(c.card(0, 0)));
  set.clear();
  CHECK(set.empty());
  CHECK(set.progress()[0].have == 0);
  CHECK(set.add(c.card(0, 0))->outcome == ShareOutcome::kAccepted);
}

TEST_CASE("shares that do not give the secret of genesis are an integrity failure") {
  Ceremony c;
  c.spec.u_public = generate_hpke_key_pair().public_key;
  auto set = *ShareCollector::create(c.spec);
  for (const auto& [g, m] : {std::pair{0, 0}, std::pair{0, 1}, std::pair{1, 0}, std::pair{1, 1}}) {
    REQUIRE(set.add(c.card(static_cast<std::size_t>(g), static_cast<std::size_t>(m))));
  }
  CHECK(set.combine().error().code == Errc::kIntegrity);
}

TEST_CASE("a share that sits elsewhere than the log says is an integrity failure") {
  Ceremony c;
  std::swap(c.spec.shares[0].commitment, c.spec.shares[1].commitment);
  auto set = *ShareCollector::create(c.spec);
  CHECK(set.add(c.card(0, 0)).error().code == Errc::kIntegrity);
  CHECK(set.empty());
}

TEST_CASE("specifications that contradict themselves are refused") {
  const Ceremony c;
  const auto refused = [&](auto change) {
    ShareSetSpec spec = c.spec;
    change(spec);
    return !ShareCollector::create(std::move(spec)).has_value();
  };
  CHECK(refused([](ShareSetSpec& s) { s.member_thresholds = {}; }));
  CHECK(refused([](ShareSetSpec& s) { s.group_threshold = 0; }));
  CHECK(refused([](ShareSetSpec& s) { s.group_threshold = 3; }));
  CHECK(refused([](ShareSetSpec& s) { s.member_thresholds = {4, 2}; }));
  CHECK(refused([](ShareSetSpec& s) { s.member_thresholds = {0, 2}; }));
  CHECK(refused([](ShareSetSpec& s) { s.shares[0].group = 2; }));
  CHECK(refused([](ShareSetSpec& s) { s.shares[0].member = 1; }));
  CHECK(refused([](ShareSetSpec& s) { s.shares[0].commitment = s.shares[1].commitment; }));
}
