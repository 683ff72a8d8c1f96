// Ceremonies for new keys beside one another: one at a time, and a day behind one that ended undecided.

#include "tests/unit/ledger/keys_maker.h"
#include "tests/unit/ledger/log_checks.h"
#include "vault/ledger/decide.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

TEST_CASE("two ceremonies at once: the second is refused until the first is decided") {
  Log log = open_log();
  const ProposalMade first = made_by("property/1", 1, RotateKeys{});
  Reshare cards = new_cards(log.state.current());
  sign_reshare(cards);
  const ProposalMade second = made_by("residents/1", 2, cards);
  log.must(first);
  CHECK(problem_of(decide_propose(log.state, second, now(log))) == "ceremony-running");
  refuse(log, second, "another ceremony for new keys");
  refuse(log, made_by("residents/1", 3, RotateKeys{}), "another ceremony for new keys");
  // What is no ceremony is not held up.
  log.must(door_proposal(4));
  log.must(veto(log, "residents/2", first.id));
  log.must(second);
  refuse(log, made_by("property/1", 5, RotateKeys{}), "another ceremony for new keys");
  log.wait(log.state.rule("reshare")->lifetime_s * 1000);
  log.must(made_by("property/1", 6, RotateKeys{}));
}

TEST_CASE("whose ceremony lapsed undecided waits a day before another, whether the state has been told or not") {
  Log log = open_log();
  log.must(made_by("property/1", 1, RotateKeys{}));
  log.wait(log.state.rule("rotate")->lifetime_s * 1000);
  CHECK(stage(log, Id128{0xab, 1}) == Stage::kExpired);
  refuse(log, made_by("property/1", 2, RotateKeys{}), "within a day");
  log.must(door_proposal(3));  // from here on the state has it
  CHECK(log.state.ended_ceremonies().contains("property/1"));
  refuse(log, made_by("property/1", 2, RotateKeys{}), "within a day");
  const ProposalMade other = made_by("property/2", 4, RotateKeys{});
  log.must(other);
  log.must(ProposalWithdrawn{other.id, "property/2"});
  log.wait(kDayMs);
  log.must(made_by("property/1", 2, RotateKeys{}));
}

TEST_CASE("whose ceremony was vetoed or withdrawn waits a day of the log's clock before another; others don't") {
  Log log = open_log();
  const ProposalMade first = made_by("property/1", 1, RotateKeys{});
  log.must(first);
  log.must(veto(log, "residents/2", first.id));
  CHECK(problem_of(decide_propose(log.state, made_by("property/1", 2, RotateKeys{}), now(log))) == "ceremony-running");
  // Nor as an override, which its proposer could end again and again.
  ProposalMade again = made_by("property/1", 3, RotateKeys{});
  again.overrides = first.id;
  refuse(log, again, "within a day");
  log.must(door_proposal(4));
  const ProposalMade other = made_by("property/2", 5, RotateKeys{});
  log.must(other);
  log.must(ProposalWithdrawn{other.id, "property/2"});
  refuse(log, made_by("property/2", 6, RotateKeys{}), "within a day");
  CHECK(read_back(log.state).ended_ceremonies() == log.state.ended_ceremonies());
  log.wall += 10 * kDayMs;  // the administrator's clock
  refuse(log, made_by("property/1", 7, RotateKeys{}), "within a day");
  log.wait(kDayMs - 1);
  refuse(log, made_by("property/1", 7, RotateKeys{}), "within a day");
  log.wait(1);
  log.must(made_by("property/1", 7, RotateKeys{}));
}

TEST_CASE("while subjects are rewrapped, no other rotation and no new site is carried out") {
  Log log = open_log();
  const ProposalMade site = made_by("residents/1", 2, OpenSite{garage()});
  agree(log, site);
  rotate(log, 1);
  const ProposalMade again = made_by("property/1", 3, RotateKeys{});
  agree(log, again);
  for (const auto& made : {site, again})
    CHECK(problem_of(decide_carry_out(log.state, made.id, now(log))) == "ceremony-running");
  refuse(log, done_with_keys(log.state, again.id), "being rewrapped");
  const ProposalDone opened{site.id, digest_of("check of the garage"), {}, digest_of("proof")};
  refuse(log, opened, "being rewrapped");
  finish_rotation(log);
  log.must(opened);
  CHECK(log.state.site("garage")->epoch == 2);
  log.must(done_with_keys(log.state, again.id));
  CHECK(log.state.root_epoch() == 3);
  CHECK(log.state.site("garage")->epoch == 3);
}
