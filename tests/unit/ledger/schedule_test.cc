// The schedule of rotations, the horizon that receipts of erasures promise by it, and the yearly look at cards.
#include "vault/ledger/schedule.h"

#include <map>

#include "tests/unit/ledger/keys_maker.h"
#include "tests/unit/ledger/log_checks.h"
#include "tests/unit/ledger/recovery_maker.h"
#include "vault/base/newer.h"
#include "vault/ledger/state_text.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

void agree_on(Log& log, std::uint8_t id, std::uint32_t days) {
  const ProposalMade made = made_by("property/1", id, SetRotation{days});
  agree(log, made);
  log.must(ProposalDone{made.id});
}

RotationDue due(const Log& log) {
  const auto found = rotation_due(log.state, now(log));
  REQUIRE(found);
  return *found;
}

Erased with_horizon(std::uint8_t n, Horizon horizon) {
  Erased e = erased(n);
  e.horizon = std::move(horizon);
  return e;
}

UnixMillis at(const char* time) {
  return parse_time(time).value();
}

}  // namespace

TEST_CASE("a schedule takes the quorum of a rotation, and nobody sets it alone") {
  Log log = open_log();
  CHECK(kind_of(SetRotation{1}).action_class == "rotate");
  CHECK_FALSE(rotation_due(log.state, now(log)));
  CHECK_FALSE(log.add(Tightened{"property/1", SetRotation{30}}));
  agree_on(log, 1, 365);
  CHECK(log.state.current().rotate_days == 365);
  CHECK_FALSE(log.add(Tightened{"property/1", SetRotation{30}}));
  // What is so already can't be proposed again, nor what is beyond ten years.
  CHECK_FALSE(log.add(made_by("property/1", 2, SetRotation{365})));
  CHECK_FALSE(log.add(made_by("property/1", 2, SetRotation{3651})));
  agree_on(log, 2, 0);
  CHECK_FALSE(log.state.scheduled_since());
  CHECK_FALSE(rotation_due(log.state, now(log)));
}

TEST_CASE(
    "the days run from the schedule, and anew from each rotation; another number of days does not begin them anew") {
  Log log = open_log();
  log.wait(100 * kDayMs);
  agree_on(log, 1, 365);
  const UnixMillis since = log.wall;
  CHECK(due(log).at == since + 365 * kDayMs);
  CHECK(due(log).left_ms == 365 * kDayMs);
  log.wait(10 * kDayMs);
  agree_on(log, 2, 90);
  CHECK(due(log).at == since + 90 * kDayMs);
  rotate(log, 3);
  CHECK(due(log).at == log.wall + 90 * kDayMs);
  CHECK(due(log).left_ms == 90 * kDayMs);
  finish_rotation(log);
  CHECK(due(log).at <= log.wall + 90 * kDayMs);
}

TEST_CASE("setting the wall clock back gains nothing, and time off counts by the wall clock") {
  Log log = open_log();
  agree_on(log, 1, 30);
  const Moment begin = now(log);
  const auto left = [&](std::int64_t wall, std::uint64_t clock) {
    return rotation_due(log.state, {begin.wall + wall, begin.clock + clock})->left_ms;
  };
  CHECK(left(-5 * kDayMs, 0) == 30 * kDayMs);
  CHECK(left(-5 * kDayMs, 31 * kDayMs) == -kDayMs);
  CHECK(left(31 * kDayMs, 0) == -kDayMs);
}

TEST_CASE("the schedule is in the digest while there is one, and comes back from a text") {
  Log log = open_log();
  CHECK(log.state.digest_head().find("rotation-since") == std::string::npos);
  agree_on(log, 1, 365);
  CHECK(log.state.digest_head().find("rotation-since " + format_time(log.wall)) != std::string::npos);
  CHECK(log.state.digest_head().find("\"rotate_days\":365") != std::string::npos);
  const State back = read_back(log.state);
  CHECK(back.digest() == log.state.digest());
  CHECK(rotation_due(back, now(log))->at == due(log).at);
  CHECK(back.cards_since() == log.state.cards_since());
  agree_on(log, 2, 0);
  CHECK(log.state.digest_head().find("rotation-since") == std::string::npos);
  CHECK(log.state.digest_head().find("rotate_days") == std::string::npos);
}

TEST_CASE("a state that a newer program wrote is refused as that") {
  for (const auto& [line, newer] : std::map<std::string, bool>{{"facekeep/snapshot/v2", true},
                                                               {"facekeep/snapshot/v0", false},
                                                               {"facekeep/snapshot/v", false},
                                                               {"facekeep/snapshots/v2", false}}) {
    StateTextReader reader;
    const Status read = reader.line(line);
    REQUIRE_FALSE(read);
    CHECK(is_newer(read.error()) == newer);
  }
}

TEST_CASE("without a schedule an erasure names the root that it hangs on, and no date") {
  Log log = open_log();
  CHECK(erasure_horizon(log.state, ref_of(1)) == Horizon{1, log.state.current().spare_key.has_value(), {}});
  log.must(with_horizon(1, erasure_horizon(log.state, ref_of(1))));
  // Programs before it wrote none.
  log.must(erased(2));
}

TEST_CASE("with one, it promises the day behind the next due date and the delay of the rule") {
  Log log = open_log();
  agree_on(log, 1, 90);
  const Horizon promised = erasure_horizon(log.state, ref_of(1));
  const std::int64_t delay = log.state.rule("rotate")->delay_s * 1000;
  CHECK(promised.by == format_day(due(log).at + delay + kDayMs));
  for (Horizon wrong : {Horizon{2, promised.spare, promised.by}, Horizon{1, !promised.spare, promised.by},
                        Horizon{1, promised.spare, {}}, Horizon{1, promised.spare, "2026-11-23"}}) {
    const Digest before = log.state.digest();
    const Status done = log.add(with_horizon(1, wrong));
    REQUIRE_FALSE(done);
    CHECK(done.error().message.find("another horizon") != std::string::npos);
    CHECK(log.state.digest() == before);
  }
  log.must(with_horizon(1, promised));
}

TEST_CASE("while a rotation runs, the horizon hangs on the root under which the subject's key still lies") {
  Log log = open_log();
  rotate(log, 1);
  CHECK(erasure_horizon(log.state, ref_of(1)).epoch == 1);
  log.must(rewrapped(log, {1, 0xff}));
  CHECK(erasure_horizon(log.state, ref_of(1)).epoch == 2);
  CHECK(erasure_horizon(log.state, ref_of(2)).epoch == 1);
}

TEST_CASE("whose keys a lost token ever held is promised no date, also under the roots behind it") {
  Log log = open_log();
  agree_on(log, 1, 90);
  REQUIRE(erasure_horizon(log.state, ref_of(1)).by);
  Recovered e = recovered(log.state, vkey_of(valid_genesis().origin, 7), digest_of("root"), log.wall);
  sign_recovery(e, valid_genesis().vault);
  log.uptime = 0;
  log.must(e);
  log.start();
  log.unseal();
  log.must(enrolled(3));
  Reshare cards = new_cards(log.state.current());
  sign_reshare(cards);
  rotate(log, 2, cards);
  log.must(rewrapped(log, kAllRefs));
  log.must(Sealed{"property/1", "request"});
  log.start();
  log.unseal();
  log.must(KeysRetired{1, true});
  rotate(log, 3);
  finish_rotation(log);
  log.must(enrolled(4));
  CHECK(erasure_horizon(log.state, ref_of(1)) == Horizon{3, true, {}});
  CHECK_FALSE(erasure_horizon(log.state, ref_of(2)).by);
  CHECK_FALSE(erasure_horizon(log.state, ref_of(3)).by);  // the site's key was the lost root's until the new cards came
  CHECK(erasure_horizon(log.state, ref_of(4)).by);
  CHECK(read_back(log.state).digest() == log.state.digest());
}

TEST_CASE("cards are as old as genesis or the latest re-share, and are looked at every year on that day") {
  Log log = open_log();
  const UnixMillis made = log.state.cards_since().value();
  CHECK(made == 1795305600000);
  rotate(log, 1);
  finish_rotation(log);
  CHECK(log.state.cards_since() == made);
  log.wait(2 * kDayMs);
  rotate(log, 2, replaced_custodian(log.state.current()));
  CHECK(log.state.cards_since() == log.wall);

  const UnixMillis leap = at("2028-02-29T12:00:00.000Z");
  CHECK_FALSE(card_year(leap, leap + 364 * kDayMs).asks);
  CHECK(card_year(leap, leap).next == at("2029-03-01T12:00:00.000Z"));
  const CardYear second = card_year(leap, at("2030-03-05T00:00:00.000Z"));
  CHECK(second.anniversary == at("2030-03-01T12:00:00.000Z"));
  CHECK(second.asks);
  CHECK_FALSE(card_year(leap, at("2030-04-01T00:00:00.000Z")).asks);
  CHECK(card_year(leap, at("2032-02-29T12:00:00.000Z")).anniversary == at("2032-02-29T12:00:00.000Z"));
  // A clock before the ceremony's.
  CHECK_FALSE(card_year(leap, 0).asks);
}
