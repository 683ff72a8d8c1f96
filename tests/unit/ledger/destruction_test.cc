// What can't be undone waits until people could stop it: no one custodian destroys, or has destroyed, what the others
// want kept, by a veto, a stricter rule, a suspension, a withdrawal or a clock.
#include "tests/unit/ledger/log_checks.h"
#include "tests/unit/ledger/proposal_maker.h"
#include "vault/ledger/decide.h"
#include "vault/ledger/state_text.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

constexpr std::int64_t kHourMs = 3600LL * 1000;
constexpr std::int64_t kWeekMs = 7 * kDayMs;

ProposalMade cancel(std::uint8_t id, const std::string& by = "property/1") {
  return made_by(by, id, CancelErasures{"main"});
}
// Subject 1 waits for erasure.
Log waiting_log() {
  Log log = open_log();
  log.must(suspended(1, log.wall + 72 * kHourMs));
  return log;
}
bool is_due(const Log& log) {
  return erase_is_due(log.state, *log.state.subject(ref_of(1)), {log.wall, log.uptime});
}
void sign_both(Log& log, const Id128& id) {
  log.must(approval(log, "property/2", id));
  log.must(approval(log, "residents/1", id));
}
ChangePolicy keep_days(const Log& log, std::uint32_t days) {
  return {"main", days, log.state.site("main")->erase_daily};
}

}  // namespace

TEST_CASE("a quorum cancels erasures at once, and nobody vetoes that") {
  Log log = waiting_log();
  log.must(cancel(1));
  refuse(log, veto(log, "residents/3", Id128{0xab, 1}), "only stops a destruction");
  sign_both(log, Id128{0xab, 1});
  REQUIRE(stage(log, Id128{0xab, 1}) == Stage::kReady);
  log.must(ProposalDone{Id128{0xab, 1}});
  CHECK_FALSE(log.state.subject(ref_of(1))->erase_due);
  log.wait(80 * kHourMs);
  refuse(log, erased_late(1), "that nobody started");
}

TEST_CASE("one person makes neither the rule to cancel nor that of a genesis without one stricter") {
  Genesis old = valid_genesis();
  old.rules.erase("cancel");
  sign_genesis(old);
  for (const Genesis& genesis : {valid_genesis(), old}) {
    Log log;
    log.must(Body(genesis));
    log.start();
    Rule slow = log.state.current().rules.at("policy");
    slow.delay_s = slow.lifetime_s / 2;
    slow.groups["residents"] = 3;
    Rule own = *log.state.agreed_rule("cancel");
    own.groups["residents"] = 3;
    refuse(log, Tightened{"residents/3", ChangeRules{{{"cancel", own}}}}, "narrows nothing, or widens something");
    log.must(Tightened{"residents/3", ChangeRules{{{"policy", slow}}}});
    const Rule rule = rule_for(log.state, cancel(1), now(log));
    CHECK(rule.groups == std::map<std::string, int>{{"property", 1}, {"residents", 1}});
    CHECK(rule.delay_s == 0);
  }
}

TEST_CASE("the rule to cancel has no delay, in no genesis and after no change") {
  Genesis g = valid_genesis();
  g.rules["cancel"].delay_s = 1;
  REQUIRE_FALSE(check_genesis(g));
  Log log = open_log();
  refuse(log, made_by("property/1", 1, ChangeRules{{{"cancel", g.rules["cancel"]}}}), "can't wait");
}

TEST_CASE("while people decide to cancel it, an erasure is not due; then it is") {
  Log log = waiting_log();
  log.wait(72 * kHourMs - 1);
  log.must(cancel(1));
  log.must(approval(log, "property/1", Id128{0xab, 1}));
  log.wait(1);
  CHECK_FALSE(is_due(log));
  refuse(log, erased_late(1), "while people decide to cancel it");
  // Whoever signs late still saves them.
  Log saved = log;
  saved.wait(6 * kDayMs);
  saved.must(approval(saved, "residents/2", Id128{0xab, 1}));
  saved.must(ProposalDone{Id128{0xab, 1}});
  CHECK_FALSE(saved.state.subject(ref_of(1))->erase_due);
  // The hold ends by itself with the proposal's lifetime.
  log.wait(kWeekMs - 2);
  CHECK_FALSE(is_due(log));
  log.wait(1);
  CHECK(is_due(log));
  log.must(erased_late(1));
}

TEST_CASE(
    "a proposal that comes when it is due holds no erasure, nor one of another site or of people suspended later") {
  Log log = waiting_log();
  log.must(made_by("property/1", 2, CancelErasures{"annex"}));
  log.wait(71 * kHourMs);
  Log later = log;
  later.must(cancel(1));
  later.wait(1);
  later.must(suspended(2, later.wall + 72 * kHourMs));
  later.wait(72 * kHourMs);
  refuse(later, erased_late(1), "while people decide");
  later.must(erased_late(2));
  log.wait(kHourMs);
  log.must(cancel(1));
  log.must(erased_late(1));
}

TEST_CASE("a power cut behind a suspension, which sets the log's clock back, keeps nobody from cancelling it") {
  Log log = open_log();
  log.alone = log.state;
  log.wait(2 * kHourMs);
  log.must(suspended(1, log.wall + 72 * kHourMs));
  log.start();
  log.unseal();
  CHECK(log.state.log_clock_at(log.uptime) < log.state.log_clock());
  log.must(cancel(1));
  CHECK_FALSE(is_due(log));
  sign_both(log, Id128{0xab, 1});
  // Whom it was made too late for stays suspended.
  log.must(suspended(2, log.wall + 72 * kHourMs));
  log.must(ProposalDone{Id128{0xab, 1}});
  CHECK_FALSE(log.state.subject(ref_of(1))->erase_due);
  CHECK(log.state.subject(ref_of(2))->erase_due);
  const State back = read_back(log.state);
  CHECK(back.subject(ref_of(2))->suspended_at == log.state.subject(ref_of(2))->suspended_at);
}

TEST_CASE("nobody ends a hold by setting the clock forward") {
  Log log = waiting_log();
  log.must(cancel(1));
  log.must(approval(log, "property/1", Id128{0xab, 1}));
  log.wait(71 * kHourMs);
  log.wall += 8 * kDayMs;
  log.must(Sums{});
  REQUIRE(stage(log, Id128{0xab, 1}) == Stage::kExpired);
  log.wait(2 * kHourMs);
  CHECK_FALSE(is_due(log));
  log.must(cancel(2, "residents/2"));
  sign_both(log, Id128{0xab, 2});
  log.must(ProposalDone{Id128{0xab, 2}});
  CHECK_FALSE(log.state.subject(ref_of(1))->erase_due);
}

TEST_CASE("nobody has the vault forget a hold that expired by a clock that was set") {
  Log log = waiting_log();
  log.must(cancel(1));
  log.must(approval(log, "property/1", Id128{0xab, 1}));
  log.wait(71 * kHourMs);
  log.wall += 8 * kDayMs;
  // Proposals that end, more of them than are kept.
  const auto flood = [](Log& to, std::uint8_t from) {
    for (std::uint8_t n = 0; n < 2 * kMaxEndedProposals; ++n) {
      const ProposalMade noise = made_by("property/1", static_cast<std::uint8_t>(from + n), CancelErasures{"annex"});
      to.must(noise);
      to.must(ProposalWithdrawn{noise.id, "property/1"});
    }
  };
  flood(log, 20);
  REQUIRE(stage(log, Id128{0xab, 1}) == Stage::kExpired);
  log.wait(2 * kHourMs);
  CHECK_FALSE(is_due(log));
  refuse(log, erased_late(1), "while people decide to cancel it");
  // Until its lifetime is over by the log's clock; then it goes like others.
  log.wait(kWeekMs - 73 * kHourMs - 1);
  CHECK_FALSE(is_due(log));
  log.wait(1);
  CHECK(is_due(log));
  flood(log, 100);
  CHECK_FALSE(log.state.proposals().contains(Id128{0xab, 1}));
}

TEST_CASE("a hold that expired by a clock that was set counts as open") {
  Log log = open_log();
  for (std::uint8_t n = 0; n < kMaxOpenProposals; ++n) log.must(cancel(n));
  log.wall += 8 * kDayMs;
  refuse(log, cancel(99), "16 proposals open");
  log.wait(kWeekMs);
  for (std::uint8_t n = 20; n < 20 + kMaxOpenProposals; ++n) log.must(cancel(n));
  CHECK(log.state.proposals().size() == kMaxEndedProposals + kMaxOpenProposals);
}

TEST_CASE("its proposer takes a cancelling back only while nobody else has signed it") {
  Log log = waiting_log();
  log.must(cancel(1));
  log.must(approval(log, "property/1", Id128{0xab, 1}));
  Log alone = log;
  alone.must(ProposalWithdrawn{Id128{0xab, 1}, "property/1"});
  alone.wait(72 * kHourMs);
  CHECK(is_due(alone));
  log.must(approval(log, "property/3", Id128{0xab, 1}));
  refuse(log, ProposalWithdrawn{Id128{0xab, 1}, "property/1"}, "others have signed");
}

namespace {

constexpr std::uint8_t kUndo = 9;

// A month's key that would be over if the log were kept for a day.
Log old_key_log() {
  Log log = open_log();
  REQUIRE(log.state.site("main")->access_log_days > 20);
  log.must(PeriodKey{"access", "main", "2026-11", 77});
  log.wait(12 * kDayMs);
  return log;
}
const PeriodKeyDestroyed kEnd{"access", "main", "2026-11"};

}  // namespace

TEST_CASE("a retention that one person shortened destroys nothing for 72 hours on both clocks") {
  Log log = old_key_log();
  const std::uint32_t agreed = log.state.site("main")->access_log_days;
  log.must(Tightened{"property/1", keep_days(log, 1)});
  refuse(log, kEnd, "before its time");
  log.wait(71 * kHourMs);
  log.wall += kWeekMs;  // set forward
  refuse(log, kEnd, "before its time");
  log.wall -= kWeekMs;
  // Shortened again, by another one: that waits anew.
  Log again = log;
  again.must(Tightened{"property/2", ChangePolicy{"main", 1, 0}});
  CHECK(again.state.shortened().at("main").agreed_days == agreed);
  log.wait(kHourMs);
  log.must(kEnd);
}

TEST_CASE("a shortening in two steps waits from the second") {
  Log log = old_key_log();
  log.must(Tightened{"property/1", keep_days(log, 20)});
  log.wait(71 * kHourMs);
  log.must(Tightened{"property/1", keep_days(log, 1)});
  log.wait(kHourMs);
  refuse(log, kEnd, "before its time");
  log.wait(71 * kHourMs);
  log.must(kEnd);
}

TEST_CASE("a quorum takes a shortened retention back at once, without a veto") {
  Log log = old_key_log();
  const std::uint32_t agreed = log.state.site("main")->access_log_days;
  log.must(Tightened{"residents/3", keep_days(log, 1)});
  const ProposalMade undo = made_by("property/1", kUndo, keep_days(log, agreed));
  log.must(undo);
  refuse(log, veto(log, "residents/3", undo.id), "only stops a destruction");
  sign_both(log, undo.id);
  log.must(ProposalDone{undo.id});
  CHECK(log.state.shortened().empty());
  log.wait(10 * kDayMs);
  refuse(log, kEnd, "before its time");
}

TEST_CASE("more than was agreed on, or a larger allowance beside it, takes the delay of the policy and may be vetoed") {
  Log log = old_key_log();
  const Site site = *log.state.site("main");
  log.must(Tightened{"residents/3", ChangePolicy{"main", 1, site.erase_daily - 1}});
  for (const ChangePolicy& wide :
       {ChangePolicy{"main", site.access_log_days + 1, 0}, ChangePolicy{"main", site.access_log_days, site.erase_daily},
        ChangePolicy{"annex", 1000, 0}}) {
    const ProposalMade made = made_by("property/1", static_cast<std::uint8_t>(20 + wide.erase_daily), wide);
    CHECK_FALSE(only_stops(log.state, made.action));
    CHECK(rule_for(log.state, made, now(log)).delay_s == log.state.current().rules.at("policy").delay_s);
  }
}

TEST_CASE("anything else beside the days that were agreed on takes the delay of the policy and may be vetoed") {
  Log log = old_key_log();
  const Site site = *log.state.site("main");
  log.must(Tightened{"residents/3", ChangePolicy{"main", 1, site.erase_daily, true, 2}});
  const ChangePolicy undo{"main", site.access_log_days, site.erase_daily, {}, {}, {}};
  REQUIRE(only_stops(log.state, undo));
  std::vector<ChangePolicy> wide(4, undo);
  wide[0].signed_probes_required = false;
  wide[1].min_pad = 0;
  wide[2].budgets = log.state.budgets("main");
  wide[2].budgets->subject.burst += 1;
  wide[3].signed_probes_required = true;  // what is in force
  for (std::uint8_t n = 0; n < wide.size(); ++n) {
    INFO(int{n});
    const ProposalMade made = made_by("property/1", static_cast<std::uint8_t>(20 + n), wide[n]);
    CHECK_FALSE(only_stops(log.state, made.action));
    log.must(made);
    sign_both(log, made.id);
    CHECK(stage(log, made.id) == Stage::kWaiting);
    refuse(log, ProposalDone{made.id}, "not ready");
    log.must(veto(log, "residents/3", made.id));
  }
}

TEST_CASE("a quorum's shorter retention takes the delay of the policy, and then holds at once") {
  Log log = old_key_log();
  log.must(Tightened{"residents/3", keep_days(log, 20)});
  // Whatever is fewer than was agreed on would end the wait of 72 hours, and destroy.
  for (const std::uint32_t days : {1U, 20U, 29U}) {
    INFO(days);
    Log vetoed = log;
    const ProposalMade made = made_by("property/1", kUndo, keep_days(vetoed, days));
    vetoed.must(made);
    sign_both(vetoed, made.id);
    CHECK(stage(vetoed, made.id) == Stage::kWaiting);
    refuse(vetoed, ProposalDone{made.id}, "not ready");
    vetoed.must(veto(vetoed, "residents/3", made.id));
    CHECK(vetoed.state.shortened().contains("main"));
  }
  decide_together(log, made_by("property/1", kUndo, keep_days(log, 1)), 86400);
  log.wait(17 * kDayMs);
  log.must(Tightened{"residents/3", ChangePolicy{"main", 1, 0}});  // shortens nothing
  CHECK(log.state.shortened().empty());
  log.must(kEnd);
}

TEST_CASE("a shortened retention is under the state's digest and survives a snapshot") {
  Log log = old_key_log();
  log.must(Tightened{"residents/3", keep_days(log, 1)});
  CHECK(log.state.digest_head().find("\nshortened main ") != std::string::npos);
  StateTextReader reader;
  std::string text = write_state_head(log.state);
  for (const Id128& ref : log.state.refs_in_order()) text += log.state.digest_lines(ref);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    REQUIRE(reader.line(std::string_view(text).substr(at, end - at)));
    at = end + 1;
  }
  const auto back = std::move(reader).finish();
  REQUIRE(back);
  CHECK(back->shortened().at("main").agreed_days == log.state.shortened().at("main").agreed_days);
}
