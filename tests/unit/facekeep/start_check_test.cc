#include "tools/facekeep/start_check.h"

#include "tests/unit/facekeep/fake_vault.h"
#include "tests/unit/tools/scratch.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::FakeVault;

namespace {

Result<CheckedStart> check(const FakeVault& vault, const Json& status) {
  // Through text, as the numbers come over the wire.
  FK_TRY(const SealStatusView view, parse_seal_status(*parse_json(status.dump())));
  return check_start(vault.notice(), view);
}

std::string problem(const Error& error) {
  return error.problem == nullptr ? "" : error.problem;
}

// Answers as a daemon that holds this vault's whole log.
FetchConsistency proofs_of(const FakeVault& vault, int* asked = nullptr) {
  return [&vault, asked](std::uint64_t from, std::uint64_t to) -> Result<std::vector<Digest>> {
    if (asked != nullptr) ++*asked;
    return log::consistency_proof(from, to, vault.source());
  };
}

}  // namespace

TEST_CASE("a start event that the log proves names the key that shares go to") {
  const FakeVault vault;
  const auto start = check(vault, vault.seal_status());
  REQUIRE(start);
  CHECK(start->start.unseal_to == vault.keys.public_key);
  CHECK(start->entry == 2);
  CHECK(start->checkpoint.size == 3);
}

TEST_CASE("another vault is refused before anything else is looked at") {
  const FakeVault vault;
  Json status = vault.seal_status();
  status["vault"] = std::string(32, '0');
  CHECK(problem(check(vault, status).error()) == "other-vault");
  status = vault.seal_status();
  status["rehearsal"] = false;
  CHECK(problem(check(vault, status).error()) == "rehearsal-differs");
}

TEST_CASE("a checkpoint that the notice's log key did not sign is refused") {
  const FakeVault vault;
  FakeVault forger;
  forger.leaves = vault.leaves;
  Json status = vault.seal_status();
  status["checkpoint"] = forger.note();  // same tree, same key name, another key
  CHECK(problem(check(vault, status).error()) == "bad-checkpoint");
  std::string text = vault.note();
  text.replace(text.find("\n3\n"), 3, "\n4\n");
  status["checkpoint"] = text;
  CHECK(problem(check(vault, status).error()) == "bad-checkpoint");
  status["checkpoint"] = "";
  CHECK(problem(check(vault, status).error()) == "bad-checkpoint");
}

TEST_CASE("a start event with another key is not in the log") {
  const FakeVault vault;
  const FakeVault attacker;  // another unseal_to
  Json status = vault.seal_status();
  status["start"]["event"] = attacker.start_event;
  CHECK(problem(check(vault, status).error()) == "start-not-in-log");
}

TEST_CASE("a forged inclusion proof is refused") {
  const FakeVault vault;
  Json status = vault.seal_status();
  status["start"]["proof"][0] = to_base64(sha256(as_bytes("forged")));
  CHECK(problem(check(vault, status).error()) == "start-not-in-log");
  status["start"]["proof"] = Json::array();
  CHECK(problem(check(vault, status).error()) == "start-not-in-log");
  status = vault.seal_status();
  status["start"]["entry"] = 1;
  CHECK(problem(check(vault, status).error()) == "start-not-in-log");
  status["start"]["entry"] = 3;  // beyond the tree
  CHECK(problem(check(vault, status).error()) == "start-not-in-log");
}

TEST_CASE("an entry of the log that is no start event is refused") {
  FakeVault vault;
  ledger::Event sealed;
  sealed.time = 1795325776123;
  sealed.body = ledger::Sealed{"daemon", "shutdown"};
  vault.start_event = *ledger::encode_event(sealed);
  vault.start_entry = vault.leaves.size();
  vault.append(vault.start_event);
  CHECK(problem(check(vault, vault.seal_status()).error()) == "no-start-event");
}

TEST_CASE("a seal status that is not in its form is malformed") {
  const FakeVault vault;
  for (const char* field : {"state", "vault", "rehearsal", "groups", "start", "checkpoint"}) {
    Json status = vault.seal_status();
    status.erase(field);
    REQUIRE_FALSE(parse_seal_status(status));
    status[field] = -1;
    CHECK(parse_seal_status(status).error().code == Errc::kMalformed);
  }
  Json status = vault.seal_status();
  status["start"]["proof"] = {"AAAA"};
  CHECK_FALSE(parse_seal_status(status));
  status["start"]["proof"] = Json(std::vector<std::string>(66, to_base64(Digest{})));
  CHECK_FALSE(parse_seal_status(status));
  CHECK_FALSE(parse_seal_status(Json::array()));
}

TEST_CASE("a log that grew from the remembered one is continuous") {
  FakeVault vault;
  const Scratch dir;
  const ClientMemory memory(dir.path().string());
  int asked = 0;
  CHECK(*check_continuity(vault.notice(), vault.checkpoint(3), memory, proofs_of(vault, &asked)) ==
        Continuity::kFirstContact);
  REQUIRE(memory.put(vault.id, vault.note()));
  CHECK(*check_continuity(vault.notice(), vault.checkpoint(3), memory, proofs_of(vault, &asked)) == Continuity::kSame);
  CHECK(asked == 0);
  for (int i = 0; i < 6; ++i) vault.append("more " + std::to_string(i));
  CHECK(*check_continuity(vault.notice(), vault.checkpoint(9), memory, proofs_of(vault, &asked)) == Continuity::kGrown);
  CHECK(asked == 1);
}

TEST_CASE("a log that was rolled back is refused") {
  FakeVault vault;
  const Scratch dir;
  const ClientMemory memory(dir.path().string());
  vault.append("a veto");
  REQUIRE(memory.put(vault.id, vault.note()));
  const auto c = check_continuity(vault.notice(), vault.checkpoint(3), memory, proofs_of(vault));
  REQUIRE_FALSE(c);
  CHECK(problem(c.error()) == "rolled-back");
  CHECK(exit_code(c.error().code) == 2);
}

TEST_CASE("a log that was changed behind the remembered checkpoint is refused") {
  FakeVault vault;
  const Scratch dir;
  const ClientMemory memory(dir.path().string());
  REQUIRE(memory.put(vault.id, vault.note()));
  FakeVault fork = FakeVault();
  fork.signer = vault.signer;
  fork.id = vault.id;
  fork.leaves = vault.leaves;
  fork.leaves[1] = log::leaf_hash(as_bytes("another past"));
  // Same size, another root: no proof can be asked for.
  CHECK(problem(check_continuity(vault.notice(), fork.checkpoint(3), memory, proofs_of(fork)).error()) == "forked");
  fork.append("and on");
  CHECK(problem(check_continuity(vault.notice(), fork.checkpoint(4), memory, proofs_of(fork)).error()) == "forked");
  // A made-up proof is no better.
  const FetchConsistency lies = [](std::uint64_t, std::uint64_t) -> Result<std::vector<Digest>> {
    return std::vector<Digest>(2, sha256(as_bytes("lie")));
  };
  CHECK(problem(check_continuity(vault.notice(), fork.checkpoint(4), memory, lies).error()) == "forked");
}

TEST_CASE("a memory that holds something else is an error and never forgotten") {
  const FakeVault vault;
  const Scratch dir;
  const ClientMemory memory(dir.path().string());
  dir.write(to_hex(vault.id) + ".checkpoint", "not a checkpoint");
  CHECK(problem(check_continuity(vault.notice(), vault.checkpoint(3), memory, proofs_of(vault)).error()) ==
        "bad-memory");
}
