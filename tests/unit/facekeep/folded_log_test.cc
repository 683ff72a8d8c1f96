// What a client takes for what is in force: what the whole log says by the vault's own rules, and nothing that somebody
// appended, left out or answered.
#include "tools/facekeep/folded_log.h"

#include <filesystem>
#include <sstream>

#include "tests/unit/facekeep/fake_vault.h"
#include "tests/unit/http/support.h"
#include "tests/unit/tools/scratch.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::FakeVault;
using facekeep::tools::testing::serve_log;

namespace {

const std::vector<std::string> kBoth = {"property/1", "residents/1"};

// A vault's log, served to the code under test.
struct Room {
  FakeVault vault{without_delays()};
  http::testing::Front front;
  Scratch dir;
  std::ostringstream out;
  Context context{out, out};
  std::vector<std::string> asked;  // bundles

  Room() {
    http::ServerConfig config = front.config();
    config.handler = [this](http::Request&& r) {
      if (r.path.starts_with("/tile/")) asked.push_back(r.path);
      auto answer = serve_log(vault, r);
      return answer ? std::move(*answer) : http::Response();
    };
    front.start(std::move(config));
    context.memory_path = (dir.path() / "memory").string();
    std::filesystem::create_directory(context.memory_path);
  }
  static ledger::Genesis without_delays() {
    ledger::Genesis g = FakeVault::plain_genesis();
    for (auto& [name, rule] : g.rules) rule.delay_s = 0;
    return g;
  }
  static ledger::Action policy(const std::string& name) {
    const auto key = ledger::make_witness_key(name, sha256(as_bytes(name))).value();
    return ledger::ChangeWitnesses{ledger::Witnesses{
        1, ledger::OnMissing::kClosed, {{ledger::format_witness_key(key), "https://192.0.2.1", Digest{1}}}}};
  }
  // A proposal that these people signed, and that the vault says to have carried out.
  void carry_out(const ledger::Action& action, const std::vector<std::string>& people, std::uint8_t id = 1) {
    const ledger::ProposalMade made{{id}, "property/1", "test", action, {}};
    vault.propose(made, people);
    vault.append_event(ledger::ProposalDone{made.id, {}});
  }
  Result<ledger::State> fold() {
    Notice notice = vault.notice();
    notice.api = "https://127.0.0.1:" + std::to_string(front.server->port(0));
    notice.server_pins = {front.server_id.spki};
    Identity identity;
    EVP_PKEY_up_ref(front.door.key.get());
    identity.key.reset(front.door.key.get());
    X509_up_ref(front.door.cert.get());
    identity.cert.reset(front.door.cert.get());
    FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
    return fold_log(context, notice, api, vault.checkpoint(vault.leaves.size()));
  }
  std::string problem() {
    const auto r = fold();
    if (r) return "none";
    return r.error().problem == nullptr ? r.error().message : r.error().problem;
  }
  // The entry shown otherwise than the log has it.
  void lie(std::uint64_t entry, const std::string& text) { vault.texts[entry] = text; }
};

}  // namespace

TEST_CASE("a policy that two groups signed is in force, and the one of genesis before") {
  Room room;
  const auto before = room.fold();
  REQUIRE(before);
  CHECK_FALSE(before->current().witnesses);
  const ledger::Action policy = Room::policy("w1");
  room.carry_out(policy, kBoth);
  const auto after = room.fold();
  INFO((after ? "" : after.error().message));
  REQUIRE(after);
  CHECK(after->current().witnesses == std::get<ledger::ChangeWitnesses>(policy).witnesses);
}

TEST_CASE("a policy that somebody appended without the people's signatures breaks the rules") {
  const ledger::Action none = ledger::ChangeWitnesses{};
  SECTION("nobody signed") {
    Room room;
    room.carry_out(none, {});
    CHECK(room.problem() == "bad-rules");
  }
  SECTION("one group alone") {
    Room room;
    room.carry_out(none, {"property/1", "property/2"});
    CHECK(room.problem() == "bad-rules");
  }
  SECTION("a forged signature") {
    Room room;
    const ledger::ProposalMade made{{1}, "property/1", "test", none, {}};
    room.vault.propose(made, {"property/1"});
    ledger::Vote forged = room.vault.vote_of(made, "property/2");
    forged.by = "residents/1";
    room.vault.append_event(ledger::Approval{forged});
    CHECK(room.problem() == "bad-rules");
  }
  SECTION("before the delay is over") {
    Room room;
    room.vault.set_genesis(FakeVault::plain_genesis());
    room.carry_out(Room::policy("w1"), kBoth);
    const bool has_delay = FakeVault::plain_genesis().rules.at("rule").delay_s > 0;
    CHECK(has_delay);
    CHECK(room.problem() == "bad-rules");
  }
  SECTION("over a veto") {
    Room room;
    const ledger::ProposalMade made{{1}, "property/1", "test", none, {}};
    room.vault.propose(made, kBoth);
    room.vault.append_event(ledger::ProposalWithdrawn{made.id, "property/1"});
    room.vault.append_event(ledger::ProposalDone{made.id, {}});
    CHECK(room.problem() == "bad-rules");
  }
}

TEST_CASE("signatures over another log than this one are found out") {
  Room room;
  Room other;  // the same people, another start
  const ledger::ProposalMade made{{1}, "property/1", "test", Room::policy("w1"), {}};
  other.vault.propose(made);
  room.vault.propose(made);
  room.vault.append_event(ledger::Approval{other.vault.vote_of(made, "property/1")});
  CHECK(room.problem() == "forked");
}

TEST_CASE("an entry that is shown otherwise, or left out, is none of the log") {
  Room room;
  room.carry_out(Room::policy("w1"), kBoth);
  const std::string sealed = FakeVault::text_of(ledger::Sealed{"daemon", "shutdown"});
  for (std::uint64_t entry = 0; entry < room.vault.texts.size(); ++entry) {
    CAPTURE(entry);
    const std::string own = room.vault.texts[entry];
    room.lie(entry, sealed);
    CHECK(room.problem() == "bad-entries");
    // Not what a good run before it left behind, either.
    room.lie(entry, ledger::private_leaf(ledger::EventClass::kCustody, Digest{}));
    CHECK(room.problem() == "bad-entries");
    room.lie(entry, own);
  }
  CHECK(room.problem() == "none");
}

TEST_CASE("private entries count as leaves, and what is no entry breaks the rules") {
  Room room;
  room.vault.append_private(ledger::Erased{Id128{7}, "main", "operator/1", "operator"});
  CHECK(room.problem() == "none");
  // What was kept of a fold without openings says so.
  const auto again = room.fold();
  REQUIRE(again);
  CHECK_FALSE(again->has_all_custody());
  room.vault.append("neither event nor commitment");
  CHECK(room.problem() == "bad-rules");
}

TEST_CASE("another vault's genesis is none") {
  Room room;
  ledger::Genesis other = Room::without_delays();
  other.vault = {9, 9};
  ledger::test::sign_genesis(other);
  room.vault.texts[0] = FakeVault::text_of(std::move(other));
  room.vault.leaves[0] = log::leaf_hash(as_bytes(room.vault.texts[0]));
  CHECK(room.problem() == "bad-genesis");
}

TEST_CASE("a second fold goes on from the first, and comes to the same state") {
  Room room;
  for (int i = 0; i < 600; ++i) room.vault.append_event(ledger::Sealed{"daemon", "shutdown"});
  CHECK(room.problem() == "none");
  CHECK(room.asked.size() == 3);
  room.asked.clear();
  CHECK(room.problem() == "none");
  CHECK(room.asked.empty());
  room.carry_out(Room::policy("w1"), kBoth);
  const auto on = room.fold();
  REQUIRE(on);
  CHECK(room.asked.size() == 1);
  std::filesystem::remove_all(room.context.memory_path);
  std::filesystem::create_directory(room.context.memory_path);
  const auto anew = room.fold();
  REQUIRE(anew);
  CHECK(on->digest() == anew->digest());
  CHECK(on->size() == room.vault.leaves.size());
}

TEST_CASE("a log that is not the one which was folded before is found out, and a damaged memory costs work alone") {
  Room room;
  room.vault.append_event(ledger::Sealed{"daemon", "shutdown"});
  CHECK(room.problem() == "none");
  SECTION("of the same size") {
    room.vault.texts.back() = FakeVault::text_of(ledger::Sealed{"property/1", "request"});
    room.vault.leaves.back() = log::leaf_hash(as_bytes(room.vault.texts.back()));
    CHECK(room.problem() == "forked");
  }
  SECTION("and longer") {
    room.vault.texts.back() = FakeVault::text_of(ledger::Sealed{"property/1", "request"});
    room.vault.leaves.back() = log::leaf_hash(as_bytes(room.vault.texts.back()));
    room.vault.append_event(ledger::Sealed{"daemon", "shutdown"});
    CHECK(room.problem() == "forked");
  }
  SECTION("damaged") {
    const ClientMemory memory(room.context.memory_path);
    std::ofstream(memory.state_path(room.vault.id), std::ios::app) << "more\n";
    room.asked.clear();
    CHECK(room.problem() == "none");
    CHECK(room.asked.size() == 1);
  }
}

TEST_CASE("a custodian's new key counts from its change on, and the old one no more") {
  Room room;
  ledger::Genesis g = Room::without_delays();
  ledger::PrincipalRecord changed;
  for (const auto& p : g.principals) {
    if (p.id == "residents/1") changed = p;
  }
  changed.approval_key = ledger::test::approval_line("fresh");
  room.carry_out(ledger::ChangeCustodian{changed}, kBoth, 1);
  const std::uint64_t rule = room.vault.leaves.size() - 1;
  const auto state = room.fold();
  REQUIRE(state);
  CHECK(state->rule_version() == rule);
  const ledger::ProposalMade made{{2}, "property/1", "test", Room::policy("w1"), {}};
  room.vault.propose(made);
  room.vault.append_event(ledger::Approval{room.vault.vote_of(made, "residents/1", rule)});
  CHECK(room.problem() == "bad-rules");
}
