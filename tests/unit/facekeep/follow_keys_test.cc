// A client's way from the log key on its notice to the one that signs now, and what it remembers of it.
#include "tools/facekeep/follow_keys.h"

#include <filesystem>
#include <sstream>

#include "tests/unit/facekeep/fake_vault.h"
#include "tests/unit/http/support.h"
#include "tests/unit/ledger/recovery_maker.h"
#include "tests/unit/tools/scratch.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::log_test::TestSigner;
using facekeep::tools::testing::FakeVault;
using facekeep::tools::testing::json_response;
using facekeep::tools::testing::serve_log;

namespace {

constexpr UnixMillis kEventTime = 1795325776123;  // of every entry of a FakeVault

// A vault whose genesis names its own key, served to the code under test; its key changes hands.
struct Room {
  FakeVault vault;
  http::testing::Front front;
  Scratch dir;
  std::ostringstream out;
  std::ostringstream err;
  Context context{out, err};
  std::vector<std::string> notes;  // handovers

  Room() {
    ledger::Genesis g = FakeVault::plain_genesis();
    for (auto& [name, rule] : g.rules) rule.delay_s = 0;
    g.origin = "tower.example/log";
    g.log_key = log::format_vkey(vault.signer.key);
    vault.set_genesis(std::move(g));
    http::ServerConfig config = front.config();
    config.handler = [this](http::Request&& r) { return answer(r); };
    front.start(std::move(config));
    context.memory_path = (dir.path() / "memory").string();
    std::filesystem::create_directory(context.memory_path);
  }
  http::Response answer(http::Request& r) {
    static const std::string kHandover = "/log/handover/";
    if (r.path == "/v1/seal-status") return json_response(vault.seal_status());
    if (r.path.starts_with(kHandover)) {
      const std::size_t n = std::stoull(r.path.substr(kHandover.size()));
      http::Response out;
      if (n > notes.size()) out = json_response({{"type", "urn:facekeep:not-found"}, {"status", 404}});
      if (n > notes.size()) out.status = 404;
      if (n <= notes.size()) out.body = to_bytes(notes[n - 1]);
      return out;
    }
    auto served = serve_log(vault, r);
    return served ? std::move(*served) : http::Response();
  }
  [[nodiscard]] Notice named(Notice notice) {
    if (!front.server) return notice;
    notice.api = "https://127.0.0.1:" + std::to_string(front.server->port(0));
    notice.server_pins = {front.server_id.spki};
    return notice;
  }
  [[nodiscard]] std::string note_by(const std::vector<TestSigner>& signers) const {
    const log::Checkpoint head = vault.checkpoint(vault.leaves.size());
    std::string note;
    for (const auto& s : signers) {
      const std::string own = *log::sign_checkpoint(head, s.key, s.sign());
      note += note.empty() ? own : own.substr(own.rfind("\n\n") + 2);
    }
    return note;
  }
  void open() {
    for (const std::string& who : ledger::test::quorum()) {
      vault.append_event(
          ledger::UnsealShare{who, who.substr(0, who.find('/')), static_cast<std::uint32_t>(who.back() - '0')});
    }
    vault.append_event(ledger::Unsealed{ledger::test::quorum()});
  }
  TestSigner hand_over() {
    open();
    const TestSigner next = TestSigner::ed25519("tower.example/log");
    const ledger::ProposalMade made{{7}, "property/1", "test", ledger::RotateLogKey{}, {}};
    vault.propose(made, {"property/1", "residents/1"});
    ledger::ProposalDone done{made.id};
    done.log_key = log::format_vkey(next.key);
    vault.append_event(done);
    notes.push_back(note_by({vault.signer, next}));
    vault.signer = next;
    return next;
  }
  // `people` sign for it.
  TestSigner recover(const std::vector<std::string>& people = ledger::test::quorum()) {
    const TestSigner next = TestSigner::ed25519("tower.example/log");
    ledger::State state;
    REQUIRE(apply(state, *ledger::decode_event(vault.texts[0])));
    const log::Checkpoint before = vault.checkpoint(vault.leaves.size());
    auto e = ledger::test::recovered(state, log::format_vkey(next.key), before.root, kEventTime);
    e.at.size = before.size;
    ledger::test::sign_recovery(e, vault.id, people);
    vault.append_event(e);
    notes.push_back(note_by({next}));
    vault.signer = next;
    vault.append_start();
    return next;
  }
  Result<CheckedVault> check(const Notice& notice) {
    Identity identity;
    EVP_PKEY_up_ref(front.door.key.get());
    identity.key.reset(front.door.key.get());
    X509_up_ref(front.door.cert.get());
    identity.cert.reset(front.door.cert.get());
    FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
    return check_vault_now(context, notice, api);
  }
  std::string problem(const Notice& notice) {
    const auto r = check(notice);
    if (r) return "none";
    return r.error().problem == nullptr ? r.error().message : r.error().problem;
  }
  [[nodiscard]] Notice fresh() { return named(*parse_notice(notice_text)); }
  std::string notice_text = vault.notice_json().dump();  // as printed, before anything happened
};

}  // namespace

TEST_CASE("a client follows a handover, says so once, and remembers the key") {
  Room room;
  REQUIRE(room.problem(room.fresh()) == "none");
  const TestSigner next = room.hand_over();
  const Notice notice = room.fresh();
  const auto checked = room.check(notice);
  INFO((checked ? "" : checked.error().message));
  REQUIRE(checked);
  CHECK(checked->continuity == Continuity::kGrown);
  CHECK(notice.keys().newest() == next.key);
  CHECK(notice.log_key != next.key);
  CHECK(room.err.str().find("the log has a new key since entry") != std::string::npos);
  room.err.str("");
  room.notes.clear();  // nobody asks for it again
  CHECK(room.problem(room.fresh()) == "none");
  CHECK(room.err.str().empty());
}

TEST_CASE("a key that no handover leads to is refused, and so is one that ended") {
  Room room;
  REQUIRE(room.problem(room.fresh()) == "none");
  const TestSigner before = room.vault.signer;
  room.vault.signer = TestSigner::ed25519("tower.example/log");
  CHECK(room.problem(room.fresh()) == "bad-checkpoint");
  room.vault.signer = before;
  room.hand_over();
  REQUIRE(room.problem(room.fresh()) == "none");
  room.vault.append_start();
  room.vault.signer = before;
  CHECK(room.problem(room.fresh()) == "old-log-key");
}

TEST_CASE("a client folds the log to follow a recovery, which the custodians signed") {
  Room room;
  REQUIRE(room.problem(room.fresh()) == "none");
  room.hand_over();
  const TestSigner next = room.recover();
  const Notice notice = room.fresh();
  const auto checked = room.check(notice);
  INFO((checked ? "" : checked.error().message));
  REQUIRE(checked);
  CHECK(notice.keys().newest() == next.key);
  CHECK(notice.keys().handovers() == 2);
  CHECK(room.err.str().find("the custodians signed for it") != std::string::npos);
  // Who was given the new key on a new notice, and remembers the old one, comes to the same.
  CHECK(room.problem(room.named(room.vault.notice())) == "none");
}

TEST_CASE("a recovery that too few signed is no way to another key") {
  Room room;
  REQUIRE(room.problem(room.fresh()) == "none");
  room.recover({"property/1", "property/2"});
  CHECK(room.problem(room.fresh()) == "bad-rules");
}

TEST_CASE("a notice with a key that the log never had is refused, though what is remembered opens") {
  Room room;
  REQUIRE(room.problem(room.fresh()) == "none");
  Json other = room.vault.notice_json();
  other["vkey"] = log::format_vkey(TestSigner::ed25519("tower.example/log").key);
  CHECK(room.problem(room.named(*parse_notice(other.dump()))) == "other-log-key");
}

TEST_CASE("keys that were altered where they are remembered are an error") {
  Room room;
  REQUIRE(room.problem(room.fresh()) == "none");
  std::filesystem::resize_file(room.context.memory_path + "/" + to_hex(room.vault.id) + ".logkeys", 20);
  CHECK(room.problem(room.fresh()) == "bad-memory");
}
