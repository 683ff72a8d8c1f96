#include "vault/ledger/decide.h"

#include "tests/unit/ledger/proposal_maker.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

template <class T>
std::string problem(const Result<T>& r) {
  if (r) return "(allowed)";
  REQUIRE(r.error().problem != nullptr);
  return r.error().problem;
}

TEST_CASE("a key acts in its own role while it is registered") {
  const Log log = open_log();
  const auto p = authorise(log.state, digest_of("key operator/1"), Role::kOperator, log.wall);
  REQUIRE(p);
  REQUIRE((*p)->id == "operator/1");
  REQUIRE(problem(authorise(log.state, digest_of("stranger"), Role::kOperator, log.wall)) == "unknown-key");
  REQUIRE(problem(authorise(log.state, digest_of("key operator/1"), Role::kDoor, log.wall)) == "wrong-role");
  REQUIRE(problem(authorise(log.state, digest_of("key property/1"), Role::kOperator, log.wall)) == "wrong-role");
  const UnixMillis late = parse_day("2028-01-01").value();
  REQUIRE(problem(authorise(log.state, digest_of("key auditor/1"), Role::kAuditor, late)) == "unknown-key");
}

TEST_CASE("a match takes an open vault, the door's own site and door, and a known model") {
  Log log = open_log();
  const PrincipalRecord door = *log.state.principal("door/1");
  const auto grant = decide_match(log.state, door, "main", "north", "other");
  REQUIRE(grant);
  REQUIRE(grant->model.dimension == 128);
  REQUIRE(grant->site == "main");
  REQUIRE_FALSE(grant->hide_subject);
  REQUIRE(problem(decide_match(log.state, door, "annex", "side", "face")) == "other-site");
  REQUIRE(problem(decide_match(log.state, door, "roof", "north", "face")) == "other-site");
  REQUIRE(problem(decide_match(log.state, door, "main", "side", "face")) == "unknown-door");
  REQUIRE(problem(decide_match(log.state, door, "main", "north", "voice")) == "unknown-model");
  log.must(Sealed{"daemon", "shutdown"});
  REQUIRE(problem(decide_match(log.state, door, "main", "north", "face")) == "sealed");
  REQUIRE(require_open(log.state).error().code == Errc::kSealed);
}

TEST_CASE("a site out of scope and one that does not exist answer alike") {
  const Log log = open_log();
  const PrincipalRecord& who = *log.state.principal("operator/1");
  REQUIRE(decide_site(log.state, who, "main").value()->id == "main");
  const auto other = decide_site(log.state, who, "annex");
  const auto none = decide_site(log.state, who, "roof");
  REQUIRE(problem(other) == "other-site");
  REQUIRE(problem(none) == "other-site");
  REQUIRE(other.error().message == none.error().message);
  REQUIRE(other.error().hint == none.error().hint);
}

TEST_CASE("a template takes a known model, room, and a consent that has not ended") {
  Log log = open_log();
  for (std::uint8_t i = 0; i < 6; ++i) log.must(template_of(1, i));
  const auto ask = [&](std::uint8_t n, const std::string& model, UnixMillis now, std::size_t adding = 1) {
    return decide_add_template(log.state, *log.state.subject(ref_of(n)), model, now, adding);
  };
  REQUIRE(ask(1, "face", log.wall, 2));
  REQUIRE(problem(ask(1, "face", log.wall, 3)) == "too-many-templates");
  REQUIRE(problem(ask(1, "voice", log.wall)) == "unknown-model");
  const UnixMillis last = parse_day("2027-06-30").value();
  REQUIRE(ask(1, "face", last + kDayMs - 1));
  REQUIRE(problem(ask(1, "face", last + kDayMs)) == "consent-ended");
  log.must(suspended(2, log.wall + kBulkEraseDelay));
  REQUIRE(problem(ask(2, "face", log.wall)) == "suspended");
  log.wall = last + kDayMs;
  log.must(Sums{});
  REQUIRE(problem(ask(1, "face", last)) == "consent-ended");  // the clock went back
}

TEST_CASE("erasures destroy within the allowance and suspend beyond it") {
  Log log = open_log();
  for (std::uint8_t n = 3; n <= 5; ++n) log.must(enrolled(n));
  const auto ask = [&](std::uint8_t n, const std::string& by = "operator/1", const std::string& site = "main") {
    return decide_erase(log.state, *log.state.principal(by), site, ref_of(n), log.wall);
  };
  REQUIRE(ask(1).value() == EraseMode::kDestroy);
  REQUIRE(problem(ask(9)) == "not-found");
  REQUIRE(problem(ask(1, "operator/2", "annex")) == "not-found");
  REQUIRE(problem(ask(1, "operator/2")) == "other-site");
  log.must(erased(1));
  REQUIRE(ask(2).value() == EraseMode::kDestroy);
  log.must(erased(2));
  REQUIRE(ask(3).value() == EraseMode::kSuspend);
  log.must(suspended(3, log.wall + kBulkEraseDelay));
  REQUIRE(problem(ask(3)) == "suspended");
  log.wall -= 2 * kDayMs;
  REQUIRE(ask(4).value() == EraseMode::kSuspend);
  log.wall += 3 * kDayMs;
  REQUIRE(ask(4).value() == EraseMode::kDestroy);
}

TEST_CASE("what decide_erase allows, the fold takes") {
  Log log = open_log();
  for (std::uint8_t n = 3; n <= 6; ++n) log.must(enrolled(n));
  int destroyed = 0;
  for (std::uint8_t n = 1; n <= 6; ++n) {
    const auto mode = decide_erase(log.state, *log.state.principal("operator/1"), "main", ref_of(n), log.wall);
    REQUIRE(mode);
    if (*mode == EraseMode::kDestroy) {
      log.must(erased(n));
      ++destroyed;
    } else {
      log.must(suspended(n, log.wall + kBulkEraseDelay));
    }
  }
  REQUIRE(destroyed == 2);
  REQUIRE(log.state.suspended() == 4);
}

TEST_CASE("a suspension is due when both clocks have run, and matches no more from its first moment") {
  Log log = open_log();
  const auto subject = [&]() -> const SubjectState& { return *log.state.subject(ref_of(1)); };
  REQUIRE(may_match(log.state, subject(), log.wall));
  REQUIRE_FALSE(erase_is_due(log.state, subject(), {log.wall + 1000 * kDayMs, 1000ULL * kDayMs}));
  log.must(suspended(1, log.wall + kBulkEraseDelay));
  REQUIRE_FALSE(may_match(log.state, subject(), log.wall));
  const UnixMillis due = log.wall + kBulkEraseDelay;
  const auto run = static_cast<std::uint64_t>(kBulkEraseDelay);
  REQUIRE_FALSE(erase_is_due(log.state, subject(), {due, run - 1}));
  REQUIRE_FALSE(erase_is_due(log.state, subject(), {due - 1, run}));
  REQUIRE(erase_is_due(log.state, subject(), {due, run}));
}

TEST_CASE("a subject matches to the last day of its consent, on the faster clock") {
  Log log = open_log();
  const UnixMillis last = parse_day("2027-06-30").value();
  REQUIRE(may_match(log.state, *log.state.subject(ref_of(1)), last + kDayMs - 1));
  REQUIRE_FALSE(may_match(log.state, *log.state.subject(ref_of(1)), last + kDayMs));
  log.wall = last + kDayMs;
  log.must(Sums{});
  REQUIRE_FALSE(may_match(log.state, *log.state.subject(ref_of(1)), last));
}

TEST_CASE("custodians hand in their own cards, once, while the vault is closed") {
  Log log = sealed_log();
  const auto ask = [&](const std::string& by, const std::string& group, std::uint32_t share) {
    return problem(decide_unseal_share(log.state, *log.state.principal(by), group, share, now(log)));
  };
  REQUIRE(ask("property/1", "property", 1) == "(allowed)");
  REQUIRE(ask("property/1", "guests", 1) == "foreign-share");
  REQUIRE(ask("property/1", "property", 0) == "foreign-share");
  REQUIRE(ask("property/1", "property", 4) == "foreign-share");
  REQUIRE(ask("property/1", "property", 2) == "not-your-card");
  REQUIRE(ask("property/1", "residents", 1) == "not-your-card");
  log.must(UnsealShare{"property/1", "property", 1});
  REQUIRE(ask("property/1", "property", 1) == "duplicate-share");
  REQUIRE(ask("property/2", "property", 2) == "(allowed)");
  const Log open = open_log();
  REQUIRE(problem(decide_unseal_share(open.state, *open.state.principal("property/3"), "property", 3, now(open))) ==
          "already-open");
}

TEST_CASE("the card of a custodian who is suspended or gone is not taken") {
  Log log = sealed_log();
  log.must(CustodianSuspended{"property/2", "residents/1"});
  const auto ask = [&](const std::string& by, std::uint32_t share) {
    return problem(decide_unseal_share(log.state, *log.state.principal(by), "residents", share, now(log)));
  };
  REQUIRE(ask("residents/1", 1) == "suspended-custodian");
  REQUIRE(ask("residents/2", 2) == "(allowed)");
  log.wait(72LL * 3600 * 1000);
  REQUIRE(ask("residents/1", 1) == "(allowed)");
  PrincipalRecord gone = *log.state.principal("residents/2");
  gone.until = format_day(log.wall);
  decide_together(log, made_by("property/1", 30, ChangeCustodian{gone}), 86400);
  REQUIRE(ask("residents/2", 2) == "no-custodian");
}

TEST_CASE("a quorum is complete when every group has its threshold") {
  Log log = sealed_log();
  REQUIRE_FALSE(completes_quorum(log.state, "property", 1));
  log.must(UnsealShare{"property/1", "property", 1});
  log.must(UnsealShare{"property/2", "property", 2});
  REQUIRE_FALSE(completes_quorum(log.state, "property", 3));
  REQUIRE_FALSE(completes_quorum(log.state, "residents", 1));
  log.must(UnsealShare{"residents/1", "residents", 1});
  REQUIRE_FALSE(completes_quorum(log.state, "residents", 1));  // the same card again
  REQUIRE(completes_quorum(log.state, "residents", 2));
}

TEST_CASE("the register is read in an open vault, openings also in a sealed one until the start is far behind") {
  Log log = open_log();
  const OpeningsRead bundle{"auditor/1", "bundle", 0};
  const OpeningsRead people{"auditor/1", "register", {}};
  CHECK(problem(decide_openings_read(log.state, bundle)) == "(allowed)");
  CHECK(problem(decide_openings_read(log.state, people)) == "(allowed)");
  log.must(Sealed{"property/1", "request"});
  CHECK(problem(decide_openings_read(log.state, people)) == "sealed");
  log.start();
  std::uint64_t read = 0;
  while (decide_openings_read(log.state, bundle)) {
    log.must(bundle);
    ++read;
  }
  CHECK(read == kMaxReadsBehindStart);
  CHECK(problem(decide_openings_read(log.state, bundle)) == "too-many-reads");
  log.start();
  CHECK(problem(decide_openings_read(log.state, bundle)) == "(allowed)");
}

}  // namespace
