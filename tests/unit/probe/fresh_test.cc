// Freshness: a probe's time, its nonce, and challenges.
#include "tests/support/catch.h"
#include "vault/probe/challenges.h"
#include "vault/probe/nonces.h"

using namespace facekeep;
using namespace facekeep::probe;

namespace {

constexpr UnixMillis kNow = 1795305600000;

std::string said(const Status& s) {
  return s ? "ok" : s.error().problem;
}
Id128 tag(std::uint32_t n) {
  return {static_cast<std::uint8_t>(n), static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n >> 16)};
}

}  // namespace

TEST_CASE("a probe is fresh for 30 seconds before and after its time") {
  Nonces nonces;
  CHECK(said(nonces.use(tag(1), kNow - 30'000, kNow)) == "ok");
  CHECK(said(nonces.use(tag(2), kNow + 30'000, kNow)) == "ok");
  CHECK(said(nonces.use(tag(3), kNow - 30'001, kNow)) == "stale-probe");
  CHECK(said(nonces.use(tag(4), kNow + 30'001, kNow)) == "stale-probe");
  CHECK(said(nonces.use(tag(5), 0, kNow)) == "stale-probe");
}

TEST_CASE("a nonce is used once, for as long as its probe could be fresh") {
  Nonces nonces;
  // The camera's clock is 30 seconds ahead: a minute in which it could come again.
  REQUIRE(said(nonces.use(tag(1), kNow + 30'000, kNow)) == "ok");
  for (const UnixMillis later : {0, 1, 30'000, 59'999, 60'000}) {
    CHECK(said(nonces.check(tag(1), kNow + 30'000, kNow + later)) == "nonce-reused");
    CHECK(said(nonces.use(tag(1), kNow + 30'000, kNow + later)) == "nonce-reused");
  }
  CHECK(said(nonces.use(tag(1), kNow + 30'000, kNow + 60'001)) == "stale-probe");
}

TEST_CASE("asking whether a nonce is new uses it not") {
  Nonces nonces;
  CHECK(said(nonces.check(tag(1), kNow, kNow)) == "ok");
  CHECK(said(nonces.use(tag(1), kNow, kNow)) == "ok");
}

TEST_CASE("a clock that is set back brings no probe back") {
  Nonces nonces;
  REQUIRE(said(nonces.use(tag(1), kNow, kNow)) == "ok");
  REQUIRE(said(nonces.use(tag(2), kNow + 3'600'000, kNow + 3'600'000)) == "ok");  // forward: the first is forgotten
  CHECK(said(nonces.use(tag(1), kNow, kNow + 10)) == "stale-probe");
  nonces.clear();  // sealing forgets nonces, not the time
  CHECK(said(nonces.use(tag(1), kNow, kNow + 10)) == "stale-probe");
}

TEST_CASE("a clock that was ahead is told apart from a camera's wrong clock") {
  Nonces nonces;
  const auto message = [&](UnixMillis time, UnixMillis now) { return nonces.check(tag(1), time, now).error().message; };
  REQUIRE(said(nonces.use(tag(1), kNow + 3'600'000, kNow + 3'600'000)) == "ok");
  CHECK(message(kNow, kNow).find("the vault's clock was ahead") != std::string::npos);
  CHECK(message(kNow - 30'001, kNow).find("more than 30 seconds") != std::string::npos);
  CHECK(message(kNow + 30'001, kNow).find("more than 30 seconds") != std::string::npos);
  CHECK(said(nonces.use(tag(2), std::nullopt, kNow)) == "ok");
  CHECK(said(nonces.use(tag(3), kNow + 3'600'000, kNow + 3'600'000)) == "ok");
}

TEST_CASE("no probe is used more than 30 seconds before its time, though the clock was ahead") {
  Nonces nonces;
  REQUIRE(said(nonces.use(tag(1), kNow + 20'000, kNow + 20'000)) == "ok");
  CHECK(said(nonces.use(tag(2), kNow + 30'001, kNow)) == "stale-probe");
  CHECK(said(nonces.use(tag(2), kNow + 30'000, kNow)) == "ok");
}

TEST_CASE("what is folded from the log counts as used") {
  Nonces nonces;
  nonces.fold(tag(1), kNow - 59'000);
  CHECK(said(nonces.use(tag(1), kNow - 30'000, kNow)) == "nonce-reused");
  CHECK(said(nonces.use(tag(2), kNow - 30'000, kNow)) == "ok");
}

TEST_CASE("where the log could not be read, probes that may have been used are stale") {
  Nonces nonces;
  nonces.distrust(kNow);
  CHECK(said(nonces.use(tag(1), kNow + 1, kNow + 1)) == "stale-probe");
  CHECK(said(nonces.use(tag(1), kNow + 30'000, kNow + 20'000)) == "stale-probe");
  CHECK(said(nonces.use(tag(1), kNow + 30'001, kNow + 20'000)) == "ok");
}

TEST_CASE("a challenge needs no time, and leaves its nonce used") {
  Nonces nonces;
  REQUIRE(said(nonces.use(tag(1), std::nullopt, kNow)) == "ok");
  CHECK(said(nonces.use(tag(1), kNow, kNow)) == "nonce-reused");
}

TEST_CASE("a million nonces are known at most; then probes wait") {
  Nonces nonces;
  for (std::uint32_t i = 0; i < kMaxNonces; ++i) nonces.fold(tag(i), kNow);
  CHECK(said(nonces.use(tag(kMaxNonces + 1), kNow, kNow)) == "unavailable");
  CHECK(said(nonces.use(tag(kMaxNonces + 1), kNow + 60'001, kNow + 60'001)) == "ok");
}

TEST_CASE("a challenge is taken once, at its site, within 30 seconds") {
  Challenges challenges;
  const Id128 a = challenges.issue("door/1", "main", 1000);
  CHECK(challenges.open("main", a, 1000));
  CHECK_FALSE(challenges.open("annex", a, 1000));
  CHECK_FALSE(challenges.take("annex", a, 1000));
  CHECK(challenges.take("main", a, 31'000));
  CHECK_FALSE(challenges.take("main", a, 31'000));
  const Id128 b = challenges.issue("door/1", "main", 1000);
  CHECK(a != b);
  CHECK_FALSE(challenges.take("main", b, 31'001));
  CHECK_FALSE(challenges.take("main", Id128{}, 1000));
}

TEST_CASE("a principal has 64 challenges open, and pushes out its own alone") {
  Challenges challenges;
  const Id128 theirs = challenges.issue("camera/1", "main", 0);
  const Id128 first = challenges.issue("door/1", "main", 0);
  const Id128 second = challenges.issue("door/1", "main", 0);
  for (std::size_t i = 0; i + 1 < kMaxChallengesEach; ++i) challenges.issue("door/1", "main", 0);
  CHECK_FALSE(challenges.open("main", first, 0));
  CHECK(challenges.open("main", second, 0));
  CHECK(challenges.open("main", theirs, 0));
  challenges.clear();
  CHECK_FALSE(challenges.open("main", theirs, 0));
}

TEST_CASE("after an unseal a clock that is set back makes no used probe fresh again") {
  Nonces nonces;
  const Id128 tag{9};
  constexpr UnixMillis kUsed = 1'800'000'000'000;
  REQUIRE(nonces.use(tag, kUsed, kUsed + 1000));
  nonces.clear();
  nonces.begin(kUsed + 300'000);
  CHECK(said(nonces.use(tag, kUsed, kUsed + 5000)) == "stale-probe");
  CHECK(nonces.use(tag, kUsed + 300'000, kUsed + 300'000));
}
