// Restart tickets in the log: when one may be made, what opens with it, and everything that ends it.

#include "tests/unit/ledger/keys_maker.h"
#include "tests/unit/ledger/log_checks.h"
#include "tests/unit/ledger/proposal_maker.h"
#include "vault/base/digest.h"
#include "vault/ledger/sshsig.h"
#include "vault/ledger/ticket_decide.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

constexpr std::int64_t kHourMs = 3600LL * 1000;

TicketPolicy policy(std::uint32_t hours = 24, bool unattended = false) {
  return {hours, {"lodge", "residents", "https://10.0.0.9:8450", approval_line("box")}, unattended};
}

void start(Log& log, const char* program = "program") {
  log.uptime = 0;
  log.must(Start{"0.1.0", digest_of(program), {}, digest_of("to " + std::to_string(log.state.size())), true});
}

// In force, and the vault opened by cards since: a ticket is due.
Log log_with_policy(const TicketPolicy& p) {
  Log log = sealed_log();
  decide_together(log, made_by("property/1", 90, SetTicket{p}), 86400);
  start(log);
  log.wait(1000);
  log.unseal();
  return log;
}

TicketMade due(const Log& log) {
  auto next = next_ticket(log.state, now(log));
  REQUIRE(next);
  next->opens_to = digest_of("opens to");
  next->half = digest_of("half");
  return *next;
}

Log log_with_ticket(const TicketPolicy& p = policy()) {
  Log log = log_with_policy(p);
  log.must(due(log));
  return log;
}

TicketUsed confirmed(const Log& log, const std::string& by, const std::string& key = {}) {
  TicketUsed used{log.state.ticket()->made.number, by, log.wall, {}};
  used.signature =
      sign_as(key.empty() ? by : key, kRestartNamespace, restart_statement(restart_of(log.state, used.time)).value());
  return used;
}

std::string over(const Log& log) {
  return why_ticket_is_over(log.state, now(log)).value_or("");
}

}  // namespace

TEST_CASE("a restart within its hours is opened by one person of the box's group") {
  Log log = log_with_ticket();
  CHECK(log.state.ticket()->made.number == 1);
  CHECK(log.state.ticket()->made.expires == log.wall + 24 * kHourMs);
  start(log);
  REQUIRE(log.state.phase() == Phase::kSealed);
  log.must(confirmed(log, "residents/1"));
  CHECK(log.state.phase() == Phase::kOpen);
  CHECK(log.state.ticket()->uses == 1);
  // And the next; also while a custodian's card is in.
  start(log);
  log.must(UnsealShare{"property/1", "property", 1});
  log.must(confirmed(log, "residents/2"));
  CHECK(log.state.phase() == Phase::kOpen);
  CHECK(log.state.shares_in().empty());
}

TEST_CASE("nobody else opens a restart with it") {
  Log log = log_with_ticket();
  start(log);
  refuse(log, confirmed(log, "property/1"), "not of the box's group");
  refuse(log, confirmed(log, "operator/1", "property/1"), "takes a custodian");
  refuse(log, confirmed(log, "residents/1", "property/1"), "does not verify");
  refuse(log, confirmed(log, "residents/1", "box"), "does not verify");
  refuse(log, confirmed(log, "box"), "needs a person");
  // Of the start before, another key, or an approval's namespace.
  const TicketUsed early = confirmed(log, "residents/1");
  start(log);
  refuse(log, early, "does not verify");
  TicketUsed wrong = confirmed(log, "residents/1");
  wrong.signature =
      sign_as("residents/1", kApprovalNamespace, restart_statement(restart_of(log.state, wrong.time)).value());
  refuse(log, wrong, "does not verify");
  wrong = confirmed(log, "residents/1");
  wrong.time += 1;
  refuse(log, wrong, "does not verify");
  wrong = confirmed(log, "residents/1");
  wrong.number = 2;
  refuse(log, wrong, "another ticket");
  // Who is suspended does not count.
  log.must(CustodianSuspended{"property/1", "residents/1"});
  refuse(log, confirmed(log, "residents/1"), "suspended");
  log.must(confirmed(log, "residents/2"));
  refuse(log, confirmed(log, "residents/2"), "while the vault is open");
}

TEST_CASE("a box that asks nobody signs for itself, and only then") {
  Log log = log_with_ticket(policy(2, true));
  start(log);
  refuse(log, confirmed(log, "box", "residents/1"), "does not verify");
  log.must(confirmed(log, "box"));
  start(log);
  log.must(confirmed(log, "residents/1"));  // a person may, too
}

TEST_CASE("it is off until a quorum brings it, and made for an opening by cards alone") {
  Log log = open_log();
  CHECK_FALSE(next_ticket(log.state, now(log)));
  TicketMade made{1, 0, {}, log.wall + kHourMs, 3600000, {}, {}};
  refuse(log, made, "opened with cards");
  // In force from the next opening on.
  decide_together(log, made_by("property/1", 90, SetTicket{policy()}), 86400);
  CHECK_FALSE(next_ticket(log.state, now(log)));
  start(log);
  CHECK_FALSE(next_ticket(log.state, now(log)));
  log.unseal();
  const TicketMade right = due(log);
  for (const auto& change : std::vector<std::function<void(TicketMade&)>>{
           [](TicketMade& m) { m.number = 2; }, [](TicketMade& m) { ++m.unsealed; },
           [](TicketMade& m) { m.program = digest_of("another"); }, [](TicketMade& m) { m.expires += 1; },
           [](TicketMade& m) { m.expires_clock += 1; }}) {
    TicketMade wrong = right;
    change(wrong);
    refuse(log, wrong, "another number, opening, program or time");
  }
  log.must(right);
  refuse(log, right, "opened with cards");  // one for each
  // An opening with a ticket renews nothing.
  start(log);
  log.must(confirmed(log, "residents/1"));
  CHECK_FALSE(next_ticket(log.state, now(log)));
  CHECK(log.state.ticket()->made.expires == right.expires);
}

TEST_CASE("a ticket that comes late lasts from the opening, not from then") {
  Log log = log_with_policy(policy(1));
  const TicketMade right = due(log);
  log.wait(kHourMs / 2);
  CHECK(due(log).expires == right.expires);
  log.wait(kHourMs / 2);
  CHECK_FALSE(next_ticket(log.state, now(log)));
  refuse(log, right, "time would be over");
}

TEST_CASE("it expires on the faster of two clocks") {
  SECTION("wall clock, over time off") {
    Log log = log_with_ticket(policy(1));
    log.wall += kHourMs;
    start(log);
    CHECK(over(log) == "expired");
    refuse(log, confirmed(log, "residents/1"), "over: expired");
  }
  SECTION("a wall clock that is set back later") {
    Log log = log_with_ticket(policy(1));
    log.wall += kHourMs;
    start(log);
    log.wall -= 10 * kHourMs;
    start(log);
    CHECK(over(log) == "expired");
    refuse(log, confirmed(log, "residents/1"), "over: expired");
  }
  SECTION("the log's clock, whatever the wall clock says") {
    Log log = log_with_ticket(policy(1));
    log.uptime += static_cast<std::uint64_t>(kHourMs);
    log.must(Sums{log.wall, {}});
    start(log);
    CHECK(over(log) == "expired");
    refuse(log, confirmed(log, "residents/1"), "over: expired");
    log.must(TicketEnded{1, "expired"});
    CHECK_FALSE(log.state.ticket());
  }
  SECTION("not before") {
    Log log = log_with_ticket(policy(1));
    log.wall += kHourMs - 1;
    start(log);
    refuse(log, TicketEnded{1, "expired"}, "did not end so");
    log.must(confirmed(log, "residents/1"));
  }
}

TEST_CASE("any custodian's seal ends it, and the daemon's own end does not") {
  for (const bool restarted : {false, true}) {
    CAPTURE(restarted);
    Log log = log_with_ticket();
    if (restarted) start(log);  // sealed already
    log.must(Sealed{"property/2", "request"});
    start(log);
    CHECK(over(log) == "seal");
    refuse(log, confirmed(log, "residents/1"), "over: seal");
    log.unseal();
    CHECK(over(log) == "seal");
    refuse(log, TicketEnded{1, "renewed"}, "did not end so");
    log.must(TicketEnded{1, "seal"});
    CHECK(due(log).number == 2);
  }
  {  // whatever it is called
    Log log = log_with_ticket();
    log.must(Sealed{"property/2", "shutdown"});
    CHECK(over(log) == "seal");
  }
  Log log = log_with_ticket();
  log.must(Sealed{"daemon", "shutdown"});
  start(log);
  log.must(confirmed(log, "residents/1"));
}

TEST_CASE("another program ends it, for good") {
  Log log = log_with_ticket();
  start(log, "another program");
  CHECK(over(log) == "program");
  refuse(log, confirmed(log, "residents/1"), "over: program");
  start(log);
  refuse(log, confirmed(log, "residents/1"), "over: program");
}

TEST_CASE("another opening by cards, new keys and another policy end it") {
  Log log = log_with_ticket();
  SECTION("opening") {
    start(log);
    log.unseal();
    CHECK(over(log) == "renewed");
  }
  SECTION("a site that is opened") {
    const ProposalMade made = made_by("property/1", 91, OpenSite{make_site("tower", {{"gate", "entrance"}})});
    log.must(made);
    log.must(approval(log, "property/2", made.id));
    log.must(approval(log, "residents/1", made.id));
    log.must(ProposalDone{made.id, digest_of("tower"), {}, digest_of("proof")});
    CHECK(over(log) == "keys");
  }
  SECTION("fewer hours, by one person") {
    log.must(Tightened{"residents/3", SetTicket{policy(23)}});
    CHECK(over(log) == "withdrawn");
    log.must(Tightened{"residents/3", SetTicket{}});
    CHECK_FALSE(log.state.current().ticket);
  }
  SECTION("the same policy again") {
    log.must(Tightened{"residents/3", SetTicket{}});
    decide_together(log, made_by("property/1", 92, SetTicket{policy()}), 86400);
    CHECK(over(log) == "withdrawn");
  }
  const std::string why = over(log);
  start(log);
  refuse(log, confirmed(log, "residents/1"), "over: " + why);
  log.must(TicketEnded{1, why});
  refuse(log, TicketEnded{1, why}, "not there");
}

TEST_CASE("one person narrows restart tickets, and nobody widens them alone") {
  Log log = sealed_log();
  CHECK_FALSE(is_tightening(log.state.current(), SetTicket{policy()}));
  CHECK_FALSE(is_tightening(log.state.current(), SetTicket{}));
  decide_together(log, made_by("property/1", 90, SetTicket{policy(24, true)}), 86400);
  const Genesis& g = log.state.current();
  CHECK(is_tightening(g, SetTicket{}));
  CHECK(is_tightening(g, SetTicket{policy(24, false)}));
  CHECK(is_tightening(g, SetTicket{policy(1, true)}));
  CHECK_FALSE(is_tightening(g, SetTicket{policy(24, true)}));  // changes nothing
  CHECK_FALSE(is_tightening(g, SetTicket{policy(25, true)}));
  TicketPolicy elsewhere = policy(1);
  elsewhere.box.key = approval_line("another box");
  CHECK_FALSE(is_tightening(g, SetTicket{elsewhere}));
}

TEST_CASE("a policy names a group of the vault, and a box that is nobody else") {
  const auto refused = [](const std::function<void(TicketPolicy&)>& change) {
    TicketPolicy p = policy();
    change(p);
    return !apply_action(valid_genesis(), SetTicket{p}, "2026-11-22");
  };
  CHECK_FALSE(refused([](TicketPolicy&) {}));
  CHECK(refused([](TicketPolicy& p) { p.hours = 0; }));
  CHECK(refused([](TicketPolicy& p) { p.hours = 169; }));
  CHECK(refused([](TicketPolicy& p) { p.box.group = "nobody"; }));
  CHECK(refused([](TicketPolicy& p) { p.box.name = "The Box"; }));
  CHECK(refused([](TicketPolicy& p) { p.box.url = "https://lodge.example:8450"; }));
  CHECK(refused([](TicketPolicy& p) { p.box.url = "http://10.0.0.9"; }));
  CHECK(refused([](TicketPolicy& p) { p.box.key += " lodge"; }));
  Genesis taken = valid_genesis();
  taken.server_key = box_pin(policy().box);
  CHECK_FALSE(apply_action(taken, SetTicket{policy()}, "2026-11-22"));
  // The ceremony has none, whatever its custodians sign.
  Genesis signed_in = valid_genesis();
  signed_in.ticket = policy();
  sign_genesis(signed_in);
  Log log;
  CHECK_FALSE(log.add(signed_in));
}

TEST_CASE("the box's key is pinned as TLS names it") {
  const auto key = approval_key("box");
  const Bytes spki = ssh_key_spki(ssh_key_from_evp(key.get()).value()).value();
  CHECK(box_pin(policy().box) == sha256(spki));
}

TEST_CASE("what people sign and what the key is bound to says it all") {
  CHECK(restart_statement({{0xab}, 3, 17, digest_of("p"), digest_of("u"), 1795305600000}).value() ==
        "{\"number\":3,\"program\":\"" + to_hex(digest_of("p")) +
            "\",\"start\":17,\"time\":\"2026-11-22T00:00:00.000Z\",\"unseal_to\":\"" + to_hex(digest_of("u")) +
            "\",\"v\":1,\"vault\":\"ab000000000000000000000000000000\",\"verb\":\"restart\"}");
  const TicketMade made{3, 17, digest_of("p"), 1795305600000, 5, digest_of("to"), digest_of("half")};
  CHECK(ticket_terms(made, {0xab}).value() ==
        "{\"expires\":\"2026-11-22T00:00:00.000Z\",\"expires_clock\":5,\"number\":3,\"program\":\"" +
            to_hex(digest_of("p")) + "\",\"unsealed\":17,\"v\":1,\"vault\":\"ab000000000000000000000000000000\"}");
}

TEST_CASE("a state with a ticket goes through its text and back") {
  for (const bool made : {false, true}) {
    Log log = made ? log_with_ticket() : log_with_policy(policy());
    log.state = read_back(log.state);
    if (!made) log.must(due(log));
    log.must(Sealed{"property/2", "request"});
    CHECK(over(Log{read_back(log.state), log.wall, log.uptime}) == "seal");
  }
}

TEST_CASE("whoever has the public log alone follows tickets behind a power cut that came after enrolments") {
  Log log = log_with_ticket();
  log.alone = log.state;
  for (const std::uint8_t n : {1, 2}) {
    log.wait(60'000);
    log.must(enrolled(n));
  }
  CHECK(read_back(log.state).public_clock() == log.state.public_clock());
  CHECK(log.state.public_clock() < log.state.log_clock());
  log.wall -= 500;  // a clock that is put right
  start(log);
  CHECK(log.state.log_clock_at(7) == log.alone->log_clock_at(7));
  log.must(confirmed(log, "residents/1"));
  log.wait(1000);
  start(log);
  log.unseal();
  log.must(TicketEnded{1, over(log)});
  log.must(due(log));
  CHECK(log.alone->ticket()->made.number == 2);
  log.wait(25 * kHourMs);
  CHECK(over(log) == "expired");
  log.must(TicketEnded{2, "expired"});
}

TEST_CASE("a clock that was wrong while people were enrolled makes no ticket that the public log does not follow") {
  Log log = log_with_policy(policy(24));
  log.alone = log.state;
  log.wall += 5 * kHourMs;
  log.must(enrolled(7));
  log.wall -= 5 * kHourMs;
  CHECK(log.state.public_time() < log.state.last_time());
  CHECK(read_back(log.state).public_time() == log.state.public_time());
  start(log);
  log.unseal();
  log.must(due(log));
  CHECK(log.alone->ticket()->made.expires == log.wall + 24 * kHourMs);
  // Nor does one end by it.
  log.wall += 30 * kHourMs;
  log.must(enrolled(8));
  log.wall -= 30 * kHourMs;
  CHECK(over(log).empty());
  refuse(log, TicketEnded{1, "expired"}, "did not end so");
  log.must(Sums{});
  CHECK(why_ticket_is_over(*log.alone, now(log)) == why_ticket_is_over(log.state, now(log)));
}
