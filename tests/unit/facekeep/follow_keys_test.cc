// A client's way from the log key on its notice to the one that signs now, and what it remembers of it.
#include "tools/facekeep/follow_keys.h"

#include <filesystem>
#include <sstream>

#include "tests/unit/facekeep/fake_vault.h"
#include "tests/unit/http/support.h"
#include "tests/unit/ledger/recovery_maker.h"
#include "tests/unit/tools/scratch.h"
#include "tools/facekeep/folded_log.h"

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

  [[nodiscard]] ledger::Genesis genesis() const {
    ledger::Genesis g = FakeVault::plain_genesis();
    for (auto& [name, rule] : g.rules) rule.delay_s = 0;
    g.origin = "tower.example/log";
    g.log_key = log::format_vkey(vault.signer.key);
    return g;
  }
  Room() {
    vault.set_genesis(genesis());
    ceremony = vault.note(1);
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
  // A restore that gives up what is behind the log as it stands, up to `newest` entries.
  void lose(std::uint64_t newest) {
    const TestSigner next = TestSigner::ed25519("tower.example/log-2");
    ledger::State state;
    REQUIRE(apply(state, *ledger::decode_event(vault.texts[0])));
    const log::Checkpoint before = vault.checkpoint(vault.leaves.size());
    auto e = ledger::test::recovered(state, log::format_vkey(next.key), before.root, kEventTime);
    e.at.size = before.size;
    e.loss = ledger::Loss{next.key.name, {newest, before.root}};
    ledger::test::sign_recovery(e, vault.id);
    vault.append_event(e);
    vault.signer = next;
    notes.push_back(note_by({next}));
    vault.append_start();
  }
  Result<VaultApi> connect(const Notice& notice) {
    Identity identity;
    EVP_PKEY_up_ref(front.door.key.get());
    identity.key.reset(front.door.key.get());
    X509_up_ref(front.door.cert.get());
    identity.cert.reset(front.door.cert.get());
    return VaultApi::connect(notice, identity);
  }
  Result<CheckedVault> check(const Notice& notice) {
    FK_TRY(VaultApi api, connect(notice));
    return check_vault_now(context, notice, api);
  }
  bool fold(const Notice& notice) {
    auto api = connect(notice);
    const auto folded = fold_vault_now(context, notice, *api);
    INFO((folded ? "" : folded.error().message));
    CHECK(folded);
    return folded.has_value();
  }
  std::string problem(const Notice& notice) {
    const auto r = check(notice);
    if (r) return "none";
    return r.error().problem == nullptr ? r.error().message : r.error().problem;
  }
  [[nodiscard]] Notice fresh() { return named(*parse_notice(notice_text)); }
  // As the ceremony prints it: with its checkpoint.
  [[nodiscard]] Notice pinned() {
    Json notice = *parse_json(notice_text);
    notice["checkpoint"] = ceremony;
    return named(*parse_notice(notice.dump()));
  }
  // The log as it is now, and back to it.
  struct Copy {
    std::vector<Digest> leaves;
    std::vector<std::string> texts;
    std::string start_event;
    std::uint64_t start_entry;
    TestSigner signer;
  };
  [[nodiscard]] Copy copy() const {
    return {vault.leaves, vault.texts, vault.start_event, vault.start_entry, vault.signer};
  }
  void put_back(const Copy& c) {
    vault.leaves = c.leaves;
    vault.texts = c.texts;
    vault.start_event = c.start_event;
    vault.start_entry = c.start_entry;
    vault.signer = c.signer;
    notes.clear();
  }
  std::string ceremony;                                  // its checkpoint
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

TEST_CASE("entries that the custodians accepted as lost are told, and what was folded of them goes") {
  Room room;
  const Room::Copy before = room.copy();
  for (int i = 0; i < 3; ++i) room.vault.append_start();
  REQUIRE(room.problem(room.pinned()) == "none");
  const std::string folded = room.context.memory_path + "/" + to_hex(room.vault.id) + ".state";
  REQUIRE(room.fold(room.pinned()));
  REQUIRE(std::filesystem::exists(folded));
  room.put_back(before);
  room.lose(6);
  room.context.json = true;  // a program's person reads standard error
  const auto checked = room.check(room.pinned());
  INFO((checked ? "" : checked.error().message));
  REQUIRE(checked);
  CHECK(checked->continuity == Continuity::kLost);
  CHECK(continuity_text(checked->continuity) != continuity_text(Continuity::kGrown));
  CHECK(room.err.str().find("entries 3 to 5 of this log are lost") != std::string::npos);
  CHECK(room.err.str().find("the custodians signed for it") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folded));
  CHECK(room.fold(room.pinned()));
}

TEST_CASE("a made-up log that calls everything lost which was remembered is refused, and leaves nothing behind") {
  Room room;
  const Notice pinned = room.pinned();
  const Notice bare = room.fresh();
  const Room::Copy before = room.copy();
  for (int i = 0; i < 3; ++i) room.vault.append_start();
  REQUIRE(room.fold(room.pinned()));
  const Room::Copy genuine = room.copy();
  // Of a ceremony of somebody's own, under the id and the public key of this vault: none of its keys are needed.
  room.put_back(before);
  ledger::Genesis own = room.genesis();
  own.token.serial = "of nobody";
  room.vault.set_genesis(own);
  room.lose(1000);
  CHECK(room.problem(pinned) == "forked");
  CHECK(room.problem(bare) == "no-anchor");
  // A machine that never saw the vault is shown the same.
  const std::string memory = room.context.memory_path;
  room.context.memory_path = memory + "-new";
  std::filesystem::create_directory(room.context.memory_path);
  CHECK(room.problem(room.pinned()) == "forked");
  CHECK(room.problem(room.fresh()) == "no-anchor");
  // The genuine one goes on, from what was folded.
  room.context.memory_path = memory;
  room.put_back(genuine);
  room.vault.append_start();
  CHECK(room.fold(room.pinned()));
}

TEST_CASE("a notice that custodians handed out with their key needs no checkpoint from before") {
  Room room;
  const Room::Copy before = room.copy();
  REQUIRE(room.problem(room.fresh()) == "none");
  for (int i = 0; i < 3; ++i) room.vault.append_start();
  REQUIRE(room.problem(room.fresh()) == "none");
  room.put_back(before);
  room.lose(6);
  Json notice = room.vault.notice_json();
  notice["origin"] = "tower.example/log-2";
  const auto checked = room.check(room.named(*parse_notice(notice.dump())));
  INFO((checked ? "" : checked.error().message));
  REQUIRE(checked);
  CHECK(checked->continuity == Continuity::kLost);
}
