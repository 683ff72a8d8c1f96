// What a client takes for the witness policy: what people signed, and nothing that somebody appended.
#include "tools/facekeep/in_force.h"

#include <sstream>

#include "tests/unit/facekeep/fake_vault.h"
#include "tests/unit/http/support.h"
#include "tests/unit/tools/scratch.h"
#include "tools/common/sshsig_sign.h"
#include "vault/ledger/sshsig.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::FakeVault;
using facekeep::tools::testing::serve_log;

namespace {

http::KeyPtr new_key() {
  return *http::generate_key(http::KeyType::kP256);
}
std::string public_line(EVP_PKEY* key) {
  return ledger::format_ssh_key_line(*ledger::ssh_key_from_evp(key));
}

// A vault whose custodians' keys are at hand, served to the code under test.
struct Room {
  std::map<std::string, http::KeyPtr> keys;
  FakeVault vault{genesis()};
  http::testing::Front front;
  Scratch dir;
  std::ostringstream out;
  Context context{out, out};

  Room() {
    http::ServerConfig config = front.config();
    config.handler = [this](http::Request&& r) { return *serve_log(vault, r); };
    front.start(std::move(config));
    context.memory_path = (dir.path() / "memory").string();
  }
  ledger::Genesis genesis() {
    ledger::Genesis g = FakeVault::plain_genesis();
    for (auto& p : g.principals) {
      if (p.role != ledger::Role::kCustodian) continue;
      keys[p.id] = new_key();
      p.approval_key = public_line(keys[p.id].get());
    }
    return g;
  }
  static ledger::Witnesses policy(const std::string& name) {
    const auto key = ledger::make_witness_key(name, sha256(as_bytes(name))).value();
    return {1, ledger::OnMissing::kClosed, {{ledger::format_witness_key(key), "https://192.0.2.1", {}}}};
  }
  // A proposal of this action that these people signed, and that was carried out; where the log has it.
  Json carry_out(const ledger::Action& action, const std::vector<std::string>& people, std::uint8_t id = 1) {
    const ledger::ProposalMade made{{id}, "property/1", "test", action, {}};
    Json origin = {{"proposal", vault.leaves.size()}, {"approvals", Json::array()}};
    vault.append_event(made);
    for (const auto& who : people) {
      ledger::Vote vote{made.id, who, 0, vault.leaves.size(), {}, {}};
      const Digest digest = *ledger::proposal_digest(made, vault.id);
      const std::string statement = *vote_statement(vote, ledger::Verb::kApprove, digest, vault.id);
      vote.signature =
          ledger::armor_sshsig(*make_sshsig(keys.at(who).get(), ledger::kApprovalNamespace, as_bytes(statement)));
      origin["approvals"].push_back(vault.leaves.size());
      vault.append_event(ledger::Approval{vote});
    }
    origin["done"] = vault.leaves.size();
    vault.append_event(ledger::ProposalDone{made.id, {}});
    return origin;
  }
  void serve(Json origin, Json custodians = Json::array()) {
    origin["custodians"] = std::move(custodians);
    vault.witnesses_at = std::move(origin);
  }
  Result<std::optional<ledger::Witnesses>> prove() {
    Notice notice = vault.notice();
    notice.api = "https://127.0.0.1:" + std::to_string(front.server->port(0));
    notice.server_pins = {front.server_id.spki};
    Identity identity;
    EVP_PKEY_up_ref(front.door.key.get());
    identity.key.reset(front.door.key.get());
    X509_up_ref(front.door.cert.get());
    identity.cert.reset(front.door.cert.get());
    FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
    return prove_witnesses(context, notice, api, vault.checkpoint(vault.leaves.size()));
  }
  std::string problem() {
    const auto r = prove();
    if (r) return "none";
    return r.error().problem == nullptr ? r.error().message : r.error().problem;
  }
};

}  // namespace

TEST_CASE("a policy that two groups signed is in force, and the one of genesis before") {
  Room room;
  const auto before = room.prove();
  REQUIRE(before);
  CHECK_FALSE(*before);
  room.serve(room.carry_out(ledger::ChangeWitnesses{Room::policy("w1")}, {"property/1", "residents/1"}));
  const auto after = room.prove();
  INFO((after ? "" : after.error().message));
  REQUIRE(after);
  CHECK(*after == Room::policy("w1"));
}

TEST_CASE("a policy that somebody appended without the people's signatures is none") {
  const ledger::Action none = ledger::ChangeWitnesses{};
  SECTION("nobody signed") {
    Room room;
    room.serve(room.carry_out(none, {}));
    CHECK(room.problem() == "bad-witness-policy");
  }
  SECTION("one person, twice") {
    Room room;
    room.serve(room.carry_out(none, {"property/1", "property/1"}));
    CHECK(room.problem() == "bad-witness-policy");
  }
  SECTION("one group alone") {
    Room room;
    room.serve(room.carry_out(none, {"property/1", "property/2"}));
    CHECK(room.problem() == "bad-witness-policy");
  }
  SECTION("a forged signature") {
    Room room;
    room.keys["residents/1"] = new_key();
    room.serve(room.carry_out(none, {"property/1", "residents/1"}));
    CHECK(room.problem() == "bad-witness-policy");
  }
  SECTION("signatures of another proposal") {
    Room room;
    Json signed_ = room.carry_out(ledger::CancelErasures{"main"}, {"property/1", "residents/1"}, 1);
    Json wanted = room.carry_out(none, {}, 2);
    wanted["approvals"] = signed_["approvals"];
    room.serve(wanted);
    CHECK(room.problem() == "bad-witness-policy");
  }
  SECTION("another action") {
    Room room;
    room.serve(room.carry_out(ledger::CancelErasures{"main"}, {"property/1", "residents/1"}));
    CHECK(room.problem() == "bad-witness-policy");
  }
}

TEST_CASE("an older policy than the one that this machine has proven is refused") {
  Room room;
  const Json first = room.carry_out(ledger::ChangeWitnesses{Room::policy("w1")}, {"property/1", "residents/1"}, 1);
  const Json second = room.carry_out(ledger::ChangeWitnesses{Room::policy("w2")}, {"property/1", "residents/1"}, 2);
  room.serve(second);
  CHECK(room.problem() == "none");
  room.serve(first);
  CHECK(room.problem() == "bad-witness-policy");
  room.serve({{"proposal", 0}, {"approvals", Json::array()}, {"done", 0}});
  CHECK(room.problem() == "bad-witness-policy");
}

TEST_CASE("a custodian's new key counts from its change on, and the old one no more") {
  Room room;
  http::KeyPtr fresh = new_key();
  ledger::PrincipalRecord changed;
  changed.id = "residents/1";
  changed.role = ledger::Role::kCustodian;
  changed.approval_key = public_line(fresh.get());
  const Json change = room.carry_out(ledger::ChangeCustodian{changed}, {"property/1", "residents/1"}, 1);
  const bool old = GENERATE(false, true);
  if (!old) room.keys["residents/1"] = std::move(fresh);
  const Json policy = room.carry_out(ledger::ChangeWitnesses{Room::policy("w1")}, {"property/1", "residents/1"}, 2);
  room.serve(policy, {change});
  CHECK(room.problem() == (old ? "bad-witness-policy" : "none"));
}
