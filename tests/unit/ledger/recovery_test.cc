// New log keys in the fold: signed in by a proposal, or put in place by the custodians.
#include "tests/unit/ledger/keys_maker.h"
#include "tests/unit/ledger/log_checks.h"
#include "tests/unit/ledger/recovery_maker.h"
#include "vault/ledger/decide.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

using LostRoots = std::map<std::uint32_t, std::uint64_t>;

std::string own_vkey(std::uint8_t n) {
  return vkey_of(valid_genesis().origin, n);
}

Recovered lost_token(const Log& log, std::uint8_t n = 7) {
  return recovered(log.state, own_vkey(n), digest_of("root"), log.wall);
}
Recovered with_loss(const Log& log) {
  Recovered e = lost_token(log);
  e.log_key = vkey_of("vault.example/2", 8);
  e.loss = Loss{"vault.example/2", {log.state.size() + 10, digest_of("newest")}};
  return e;
}
Recovered signed_one(Recovered e, const std::vector<std::string>& people = quorum()) {
  sign_recovery(e, valid_genesis().vault, people);
  return e;
}
// Written while no daemon runs.
void recover(Log& log, Recovered e) {
  log.uptime = 0;
  log.must(signed_one(std::move(e)));
}

void refuse(const Log& log, const Body& body, const std::string& why) {
  Log copy = log;
  const Digest before = copy.state.digest();
  const Status s = copy.add(body);
  REQUIRE_FALSE(s);
  CAPTURE(s.error().message);
  CHECK(s.error().message.find(why) != std::string::npos);
  CHECK(copy.state.digest() == before);
}

ProposalDone done_with_log_key(const Id128& proposal, std::string key) {
  ProposalDone done{proposal};
  done.log_key = std::move(key);
  return done;
}

}  // namespace

TEST_CASE("a proposal's end puts the new log key in force, and the one before is remembered") {
  Log log = open_log();
  const ProposalMade made = made_by("property/1", 1, RotateLogKey{});
  agree(log, made);
  refuse(log, ProposalDone{made.id}, "comes with its rotation alone");
  refuse(log, done_with_log_key(made.id, valid_genesis().log_key), "had this key before");
  refuse(log, done_with_log_key(made.id, vkey_of("elsewhere.example", 3)), "not the vkey");
  refuse(log, done_with_log_key(made.id, "no key"), "not the vkey");
  const std::uint64_t entry = log.state.size();
  log.must(done_with_log_key(made.id, own_vkey(3)));
  CHECK(log.state.current().log_key == own_vkey(3));
  CHECK(log.state.genesis().log_key == valid_genesis().log_key);
  REQUIRE(log.state.handovers().size() == 1);
  const State::Handover& h = log.state.handovers()[0];
  CHECK(h.entry == entry);
  CHECK(h.from == valid_genesis().log_key);
  CHECK(h.to == own_vkey(3));
  CHECK_FALSE(h.recovered);
  CHECK(read_back(log.state).digest() == log.state.digest());
  // None comes back, nor does one with another action.
  const ProposalMade again = made_by("residents/1", 2, RotateLogKey{});
  agree(log, again);
  refuse(log, done_with_log_key(again.id, valid_genesis().log_key), "had this key before");
  refuse(log, done_with_log_key(again.id, own_vkey(3)), "had this key before");
  const ProposalMade other = made_by("residents/2", 3, ChangeReveal{"main", true});
  agree(log, other);
  refuse(log, done_with_log_key(other.id, own_vkey(4)), "comes with its rotation alone");
}

TEST_CASE(
    "a rotation of the log key is a ceremony: one at a time, of an open vault, and not while keys are rewrapped") {
  Log log = open_log();
  const ProposalMade made = made_by("property/1", 1, RotateLogKey{});
  log.must(made);
  CHECK(problem_of(decide_propose(log.state, made_by("property/2", 2, RotateKeys{}), now(log))) == "ceremony-running");
  CHECK(problem_of(decide_propose(log.state, made_by("property/2", 2, RotateLogKey{}), now(log))) ==
        "ceremony-running");
  log.must(approval(log, "property/2", made.id));
  log.must(approval(log, "residents/1", made.id));
  log.wait(kDayMs);
  Log sealed = log;
  sealed.must(Sealed{"daemon", "token-gone"});
  CHECK(problem_of(decide_carry_out(sealed.state, made.id, now(sealed))) == "sealed");
  log.must(veto(log, "residents/2", made.id));
  CHECK(problem_of(decide_propose(log.state, made_by("property/1", 3, RotateKeys{}), now(log))) == "ceremony-running");
  Log rewrapping = open_log();
  const ProposalMade before = made_by("property/1", 4, RotateKeys{});
  agree(rewrapping, before);
  rewrapping.must(done_with_keys(rewrapping.state, before.id));
  const ProposalMade late = made_by("property/2", 5, RotateLogKey{});
  agree(rewrapping, late);
  CHECK(problem_of(decide_carry_out(rewrapping.state, late.id, now(rewrapping))) == "ceremony-running");
}

TEST_CASE("the custodians put a log key in place, and the vault is stopped behind it") {
  Log log = open_log();
  recover(log, lost_token(log));
  CHECK(log.state.phase() == Phase::kStopped);
  CHECK(log.state.current().log_key == own_vkey(7));
  CHECK(log.state.current().origin == valid_genesis().origin);
  CHECK(log.state.current().token.serial == "of the new token");
  CHECK(to_json(log.state.current().token.root) == to_json(valid_genesis().token.root));
  REQUIRE(log.state.handovers().size() == 1);
  CHECK(log.state.handovers()[0].recovered);
  CHECK(log.state.lost_roots() == LostRoots{{1, 0}});
  REQUIRE(log.state.recovery());
  CHECK(log.state.recovery()->kind == "lost");
  CHECK(log.state.in_doubt() == 0);
  CHECK(read_back(log.state).digest() == log.state.digest());
  refuse(log, Sealed{"daemon", "shutdown"}, "while the vault is stopped");
  log.start();
  log.unseal();
  CHECK(log.state.phase() == Phase::kOpen);
}

TEST_CASE("the log's clock goes on over a recovery, which has no uptime") {
  Log log = open_log();
  log.wait(5000);
  log.must(Sums{log.wall, {}});
  const std::uint64_t before = log.state.log_clock();
  recover(log, lost_token(log));
  CHECK(log.state.log_clock() == before);
  log.start();
  log.wait(1000);
  log.must(Sums{log.wall, {}});
  CHECK(log.state.log_clock() == before + 1000);
}

TEST_CASE("a recovery stands in every phase but the first, and ends a partial unseal") {
  Log stopped;
  stopped.must(Body(valid_genesis()));
  Log partial = sealed_log();
  partial.must(UnsealShare{"property/1", "property", 1});
  for (Log log : {stopped, sealed_log(), partial, open_log()}) {
    recover(log, lost_token(log));
    CHECK(log.state.phase() == Phase::kStopped);
    CHECK(log.state.shares_in().empty());
    // The new token breaks at once, too.
    recover(log, lost_token(log, 9));
    CHECK(log.state.handovers().size() == 2);
  }
  refuse(Log(), signed_one(lost_token(stopped)), "while the vault is new");
}

TEST_CASE("a recovery needs a quorum of custodians who count, each once, over exactly what it says") {
  const Log log = open_log();
  const Recovered e = lost_token(log);
  refuse(log, signed_one(e, {"property/1", "property/2", "residents/1"}), "signed by 1 of the group \"residents\"");
  refuse(log, signed_one(e, {}), "signed by 0 of the group \"property\"");
  refuse(log, signed_one(e, {"property/1", "property/1", "residents/1", "residents/2"}), "signed twice");
  refuse(log, signed_one(e, {"operator/1", "property/1", "property/2", "residents/1", "residents/2"}), "no custodian");
  Recovered altered = signed_one(e);
  altered.token.serial = "another";
  refuse(log, altered, "does not verify");
  Recovered other_vault = e;
  sign_recovery(other_vault, Id128{1});
  refuse(log, other_vault, "does not verify");
  Recovered as_vote = signed_one(e);
  as_vote.signatures[0].signature =
      sign_as("property/1", kCeremonyNamespace, recovery_statement(e, valid_genesis().vault).value());
  refuse(log, as_vote, "does not verify");
  Log suspended = log;
  suspended.must(CustodianSuspended{"residents/2", "property/1"});
  refuse(suspended, signed_one(lost_token(suspended)), "suspended");
  suspended.uptime = 0;
  suspended.must(signed_one(lost_token(suspended), {"property/2", "property/3", "residents/1", "residents/2"}));
}

TEST_CASE("a recovery is of this log, of now, with a fresh key and the registered spare") {
  const Log log = open_log();
  const auto refused = [&](const std::string& why, const std::function<void(Recovered&)>& alter) {
    CAPTURE(why);
    Recovered e = lost_token(log);
    alter(e);
    refuse(log, signed_one(e), why);
  };
  refused("a log of", [](Recovered& e) { ++e.at.size; });
  refused("a log of", [](Recovered& e) { --e.at.size; });
  refused("from the future", [](Recovered& e) { e.made += 1; });
  refused("older than seven days", [](Recovered& e) { e.made -= kRecoveryStatementLife + 1; });
  refused("had this key before", [](Recovered& e) { e.log_key = valid_genesis().log_key; });
  refused("not the vkey", [](Recovered& e) { e.log_key = vkey_of("elsewhere.example", 1); });
  refused("spare key", [](Recovered& e) { e.spare = digest_of("another"); });
  refused("spare key", [](Recovered& e) { e.spare.reset(); });
  refused("made inside the token", [](Recovered& e) { e.token.log_sign.extractable = true; });
  refused("class of token", [](Recovered& e) { e.token.token_class = "paper"; });
  refused("without a loss", [](Recovered& e) {
    e.kind = "restored";
    e.spare.reset();
  });
  Recovered oldest = lost_token(log);
  oldest.made -= kRecoveryStatementLife;
  Log good = log;
  good.uptime = 0;
  good.must(signed_one(oldest));
}

TEST_CASE("what the lost token held is retired as lost, and new cards come before everything that draws keys") {
  Log log = open_log();
  const ProposalMade waiting = made_by("property/3", 9, RotateKeys{});
  agree(log, waiting);
  log.must(Sums{log.wall, {}});  // the log's clock has seen the delay
  recover(log, lost_token(log));
  log.start();
  log.unseal();
  const auto problem = [&](const Action& a) {
    return problem_of(decide_propose(log.state, made_by("residents/2", 10, a), now(log)));
  };
  CHECK(problem(RotateKeys{}) == "reshare-due");
  CHECK(problem(RotateLogKey{}) == "reshare-due");
  Site tower = valid_genesis().sites[0];
  tower.id = "tower";
  CHECK(problem(OpenSite{tower}) == "reshare-due");
  CHECK(problem_of(decide_carry_out(log.state, waiting.id, now(log))) == "reshare-due");
  // What waits keeps nobody from new cards.
  Reshare cards = new_cards(log.state.current());
  sign_reshare(cards);
  rotate(log, 11, cards);
  REQUIRE(log.state.recovery());
  CHECK(log.state.recovery()->renewed == 1U);
  CHECK(read_back(log.state).digest() == log.state.digest());
  log.must(rewrapped(log, kAllRefs));
  reopen(log);
  refuse(log, KeysRetired{1}, "a lost root");
  const std::uint64_t retired = log.state.size();
  log.must(KeysRetired{1, true});
  CHECK_FALSE(log.state.recovery());
  CHECK(log.state.lost_roots() == LostRoots{{1, retired}});
  CHECK(read_back(log.state).digest() == log.state.digest());
  // From here on all is as it was: a rotation whose root is destroyed.
  log.must(ProposalWithdrawn{waiting.id, "property/3"});
  rotate(log, 12, RotateKeys{});
  log.must(rewrapped(log, kAllRefs));
  refuse(log, KeysRetired{2, true}, "a lost root");
  log.must(KeysRetired{2});
}

TEST_CASE(
    "a token that is lost amid a rotation takes both roots with it, and the rotation ends before new cards begin") {
  Log log = open_log();
  rotate(log, 1, RotateKeys{});
  recover(log, lost_token(log));
  CHECK(log.state.lost_roots() == LostRoots{{1, 0}, {2, 0}});
  log.start();
  log.unseal();
  log.must(rewrapped(log, kAllRefs));
  log.must(KeysRetired{1, true});
  REQUIRE(log.state.recovery());
  Reshare cards = new_cards(log.state.current());
  sign_reshare(cards);
  rotate(log, 2, cards);
  log.must(rewrapped(log, kAllRefs));
  reopen(log);
  log.must(KeysRetired{2, true});
  CHECK_FALSE(log.state.recovery());
}

TEST_CASE("a loss gives the log another origin, and holds everybody back until each site is confirmed") {
  Log log = open_log();
  log.must(enrolled(3, "annex", "operator/2"));
  const ProposalMade signed_before = made_by("residents/2", 1, ChangeReveal{"main", true});
  log.must(signed_before);
  log.must(approval(log, "property/2", signed_before.id));
  recover(log, with_loss(log));
  CHECK(log.state.current().origin == "vault.example/2");
  CHECK(log.state.in_doubt() == 3);
  CHECK(log.state.proposals().at(signed_before.id).approved.empty());
  CHECK(log.state.rule_version() == log.state.size() - 1);
  CHECK(read_back(log.state).digest() == log.state.digest());
  CHECK(read_back(log.state).handovers()[0].loss == log.state.handovers()[0].loss);
  log.start();
  log.unseal();
  CHECK_FALSE(may_match(log.state, *log.state.subject(ref_of(1)), log.wall));
  log.must(enrolled(4));
  CHECK(may_match(log.state, *log.state.subject(ref_of(4)), log.wall));
  log.must(erased(2));
  const ProposalMade confirm = made_by("property/1", 2, ConfirmSubjects{"main"});
  decide_together(log, confirm, rule_for(log.state, confirm, now(log)).delay_s);
  CHECK(may_match(log.state, *log.state.subject(ref_of(1)), log.wall));
  CHECK_FALSE(may_match(log.state, *log.state.subject(ref_of(3)), log.wall));
  CHECK(log.state.in_doubt() == 1);
  CHECK(read_back(log.state).in_doubt() == 1);
  Log erased_too = log;
  erased_too.must({Erased{ref_of(3), "annex", "operator/2", "operator"}});
  CHECK(erased_too.state.in_doubt() == 0);
  CHECK(problem_of(decide_propose(log.state, made_by("property/1", 3, ConfirmSubjects{"tower"}), now(log))) ==
        "bad-action");
}

TEST_CASE("a loss without a lost token keeps the roots; what is no loss is refused") {
  Log log = open_log();
  const auto refused = [&](const std::string& why, const std::function<void(Recovered&)>& alter) {
    CAPTURE(why);
    Recovered e = with_loss(log);
    alter(e);
    refuse(log, signed_one(e), why);
  };
  refused("nothing is lost", [](Recovered& e) { e.loss->newest.size = e.at.size; });
  refused("one that this log had", [](Recovered& e) {
    e.loss->origin = valid_genesis().origin;
    e.log_key = own_vkey(8);
  });
  refused("printable ASCII", [](Recovered& e) { e.loss->origin = "two words"; });
  refused("not the vkey", [](Recovered& e) { e.log_key = own_vkey(8); });
  refused("spare key", [](Recovered& e) { e.kind = "restored"; });
  Recovered e = with_loss(log);
  e.kind = "restored";
  e.spare.reset();
  // No key comes back under another name.
  const std::string& first = valid_genesis().log_key;
  e.log_key = "vault.example/2+01234567" + first.substr(first.find('+', first.find('+') + 1));
  refuse(log, signed_one(e), "had this key before");
  e.log_key = vkey_of("vault.example/2", 8);
  recover(log, e);
  CHECK_FALSE(log.state.recovery());
  CHECK(log.state.lost_roots().empty());
  CHECK(log.state.in_doubt() == 2);
  log.start();
  log.unseal();
  rotate(log, 1, RotateKeys{});
}

TEST_CASE("a statement reads back as the recovery that it is for, and of this vault alone") {
  const Log log = open_log();
  for (const Recovered& e : {lost_token(log), with_loss(log)}) {
    const std::string text = recovery_statement(e, valid_genesis().vault).value();
    const auto read = recovery_from_statement(text, valid_genesis().vault);
    REQUIRE(read);
    CHECK(to_json(*read) == to_json(e));
    CHECK(recovery_from_statement(text, Id128{1}).error().code == Errc::kInvalidArgument);
    CHECK_FALSE(recovery_from_statement(text + " ", valid_genesis().vault));
    CHECK_FALSE(recovery_from_statement("{}", valid_genesis().vault));
    CHECK(decide_recovered(log.state, e, now(log), false));
    CHECK_FALSE(decide_recovered(log.state, e, now(log)));
  }
}
