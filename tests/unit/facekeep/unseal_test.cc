// `facekeep unseal` against a vault that lies: whatever the lie, nothing of the card is sent.
#include "tests/support/test_witness.h"
#include "tests/unit/facekeep/room.h"
#include "tools/common/files.h"
#include "vault/log/cosign.h"
#include "vault/seal/share_envelope.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::FakeVault;
using facekeep::tools::testing::Room;

TEST_CASE("a card reaches the key of the start event, sealed, and the log is remembered") {
  Room room;
  CHECK(room.unseal(room.card) == 0);
  INFO(room.err);
  REQUIRE(room.sent.size() == 1);
  const auto words = seal::open_share(room.vault.keys.private_key, room.vault.id, room.sent[0]);
  REQUIRE(words);
  CHECK(constant_time_equal(words->view(), room.card.view()));
  // With what the vault wrote for this share.
  CHECK(log::open_checkpoint(**room.memory().get(room.vault.id), room.vault.signer.key)->size == 4);
}

TEST_CASE("nothing is sent to a start key that the log does not prove") {
  Room room;
  const FakeVault attacker;
  room.status = [&] {
    Json lie = room.vault.seal_status();
    lie["start"]["event"] = attacker.start_event;
    return lie;
  };
  CHECK(room.unseal(room.card) == 2);
  CHECK(room.sent.empty());
  CHECK(room.err.find("not proven") != std::string::npos);
}

TEST_CASE("nothing is sent to a log that another key signed") {
  Room room;
  FakeVault forger;
  forger.id = room.vault.id;
  room.status = [&] { return forger.seal_status(); };
  CHECK(room.unseal(room.card) == 2);
  CHECK(room.sent.empty());
}

TEST_CASE("nothing is sent to a log that was rolled back") {
  Room room;
  FakeVault& vault = room.vault;
  const std::vector<Digest> old = vault.leaves;
  vault.append("a veto that this machine saw");
  REQUIRE(room.memory().put(vault.id, vault.note()));
  vault.leaves = old;
  CHECK(room.unseal(room.card) == 2);
  CHECK(room.sent.empty());
  CHECK(room.err.find("rolled back") != std::string::npos);
}

TEST_CASE("nothing is sent to a log that was changed behind what this machine saw") {
  Room room;
  REQUIRE(room.memory().put(room.vault.id, room.vault.note()));
  room.vault.leaves[0] = log::leaf_hash(as_bytes("another past"));
  room.vault.append("and on");
  CHECK(room.unseal(room.card) == 2);
  CHECK(room.sent.empty());
}

TEST_CASE("nothing is sent of a card with a misread word, or when the person says no") {
  Room room;
  seal::SecretWords misread = room.card.clone();
  misread.set(9, static_cast<std::uint16_t>((misread.at(9) + 1) % seal::kWordListSize));
  CHECK(room.unseal(misread) == 1);
  CHECK(room.sent.empty());
  CHECK(room.unseal(room.card, "n") == 1);
  CHECK(room.sent.empty());
}

TEST_CASE("a start that is not the log's last is refused, however well it is proven") {
  Room room;
  const std::string kept_event = room.vault.start_event;  // somebody has its private half
  const std::uint64_t kept_entry = room.vault.start_entry;
  room.vault.append_event(ledger::Sealed{"daemon", "shutdown"});
  room.vault.append_start("newer program");
  CHECK(room.unseal(room.card) == 0);
  room.sent.clear();
  room.vault.start_event = kept_event;
  room.vault.start_entry = kept_entry;
  CHECK(room.unseal(room.card) == 2);
  CHECK(room.err.find("not its log's last") != std::string::npos);
  CHECK(room.sent.empty());
  // The later start hidden from the entries that are shown: they are not the signed log's. (By a machine that has not
  // read them before.)
  std::filesystem::remove(room.memory().state_path(room.vault.id));
  for (std::string& text : room.vault.texts) {
    if (text != kept_event && text.find("\"start\"") != std::string::npos) text = room.vault.texts[3];
  }
  CHECK(room.unseal(room.card) == 2);
  CHECK(room.err.find("not those of its signed log") != std::string::npos);
  CHECK(room.sent.empty());
}

TEST_CASE("--yes takes the program that was agreed on, and no other") {
  Room room;
  CHECK(room.unseal(room.card, "", {"--yes"}) == 2);
  CHECK(room.sent.empty());
  CHECK(room.err.find("has not seen the vault's program before") != std::string::npos);
  const std::string other(64, '0');
  CHECK(room.unseal(room.card, "", {"--program", other}) == 2);
  CHECK(room.sent.empty());
  CHECK(room.unseal(room.card, "", {"--yes", "--program", to_hex(sha256(as_bytes("program")))}) == 0);
  CHECK(room.sent.size() == 1);
  CHECK(room.unseal(room.card, "", {"--yes"}) == 0);
  CHECK(room.sent.size() == 2);

  room.vault.append_start("another program");
  CHECK(room.unseal(room.card, "", {"--yes"}) == 2);
  CHECK(room.sent.size() == 2);
  CHECK(room.err.find("THE PROGRAM IS NOT THE ONE OF YOUR LAST UNSEAL") != std::string::npos);
  CHECK(room.unseal(room.card, "n") == 1);  // said, asked, refused: not remembered either
  CHECK(room.unseal(room.card, "", {"--yes"}) == 2);
  CHECK(room.unseal(room.card, "y") == 0);
  CHECK(room.unseal(room.card, "", {"--yes"}) == 0);

  room.vault.append_start("another program", "another configuration");
  CHECK(room.unseal(room.card, "", {"--yes"}) == 2);
  CHECK(room.err.find("configuration is not the one of your last unseal") != std::string::npos);
}

TEST_CASE("a seal is said to be logged only if its entry is proven") {
  Room room;
  CHECK(room.run("seal") == 0);
  CHECK(room.out.find("Logged as entry 3, proven.") != std::string::npos);
  const auto kept = room.memory().get(room.vault.id);
  REQUIRE(kept->has_value());
  CHECK(log::open_checkpoint(**kept, room.vault.signer.key)->size == 4);

  // An entry that is something else.
  room.sealed_as = [&] {
    room.vault.append_event(ledger::UnsealEnded{"timeout"});
    return room.vault.leaves.size() - 1;
  };
  CHECK(room.run("seal") == 2);
  CHECK(room.err.find("another event than the one that was asked for") != std::string::npos);
  // One that is shown, but is not in the signed tree.
  room.sealed_as = [&] {
    room.vault.append_event(ledger::UnsealEnded{"timeout"});
    room.vault.texts.back() = room.vault.texts[3];
    return room.vault.leaves.size() - 1;
  };
  CHECK(room.run("seal") == 2);
  CHECK(room.err.find("its receipt is not good") != std::string::npos);
  // One that does not exist.
  room.sealed_as = [&] { return std::uint64_t{99}; };
  CHECK(room.run("seal") == 2);
  CHECK(room.out.find("proven") == std::string::npos);
}

TEST_CASE("the receipt of an unseal is checked, and kept where it is asked for") {
  Room room;
  const std::string file = (room.dir.path() / "unseal.tlog-proof").string();
  CHECK(room.unseal(room.card, "y", {"--receipt", file}) == 0);
  INFO(room.err);
  const auto kept = load_text(file);
  REQUIRE(kept);
  CHECK(*kept == room.vault.receipt(3));
  CHECK(room.unseal(room.card, "y", {"--receipt", file}) == 1);  // a file is never overwritten
  CHECK(room.sent.size() == 1);

  const FakeVault other;
  room.receipt_of = [&](std::uint64_t) { return other.receipt(2); };
  CHECK(room.unseal(room.card) == 2);
  CHECK(room.err.find("receipt") != std::string::npos);
}

TEST_CASE("a start that is not the one of the last share is said to be new, with its number and key") {
  Room room;
  CHECK(room.unseal(room.card) == 0);
  CHECK(room.out.find("log entry 2") != std::string::npos);
  CHECK(room.out.find(to_hex(room.vault.keys.public_key)) != std::string::npos);
  CHECK(room.err.find("this start is new") == std::string::npos);
  CHECK(room.unseal(room.card, "y") == 0);
  CHECK(room.err.find("this start is new") == std::string::npos);
  // The same program, started again: by whom?
  room.vault.append_start();
  CHECK(room.run("status") == 0);  // looking is not sending
  CHECK(room.unseal(room.card, "y") == 0);
  CHECK(room.err.find("this start is new: your last unseal was for the one in entry 2") != std::string::npos);
}

TEST_CASE("at first contact --program takes no question away, unless the notice pins log and cards") {
  const std::string program = to_hex(sha256(as_bytes("program")));
  Room room(FakeVault::plain_genesis(), false);
  for (int i = 0; i < 2; ++i) {  // that this machine has seen the log meanwhile says nothing
    CHECK(room.unseal(room.card, "n", {"--program", program}) == 1);
    CHECK(room.sent.empty());
  }
  room.no_terminal = true;
  CHECK(room.unseal_by_fd(room.card, {"--program", program}) == 1);
  CHECK(room.err.find("sees the vault for the first time") != std::string::npos);
  CHECK(room.sent.empty());
  room.no_terminal = false;
  CHECK(room.unseal(room.card, "y", {"--program", program}) == 0);
  room.no_terminal = true;
  CHECK(room.unseal_by_fd(room.card, {"--program", program}) == 0);

  Room pinned;
  pinned.no_terminal = true;
  CHECK(pinned.unseal_by_fd(pinned.card, {"--program", program}) == 0);
  CHECK(pinned.sent.size() == 1);
}

namespace {

struct TwoWitnesses {
  test::TestWitness one{"witness.example/one"};
  test::TestWitness two{"witness.example/two"};

  [[nodiscard]] ledger::Genesis genesis(ledger::OnMissing on_missing, std::uint32_t quorum) const {
    ledger::Genesis g = FakeVault::plain_genesis();
    g.witnesses = ledger::Witnesses{quorum,
                                    on_missing,
                                    {{ledger::format_witness_key(one.key), "https://192.0.2.1", {1}},
                                     {ledger::format_witness_key(two.key), "https://192.0.2.2", {2}}}};
    return g;
  }
};

struct WitnessedRoom : TwoWitnesses, Room {
  explicit WitnessedRoom(ledger::OnMissing on_missing, std::uint32_t quorum = 1) : Room(genesis(on_missing, quorum)) {}
  // The checkpoint over `size` entries with these cosignatures, as served from now on.
  void cosign(const FakeVault& of, std::uint64_t size, std::vector<test::TestWitness*> by) {
    std::string note = of.note(size);
    for (test::TestWitness* w : by) {
      const std::string body = log::format_witness_request({0, {}, of.note(size)}).value();
      w->size = 0;
      note += w->add_checkpoint(body, of.signer.key).body;
    }
    cosigned = note;
  }
};

}  // namespace

TEST_CASE("where genesis names witnesses, a quorum of them has seen the start, or nothing is sent") {
  using ledger::OnMissing;
  SECTION("seen") {
    WitnessedRoom room(OnMissing::kClosed);
    room.cosign(room.vault, 3, {&room.one});
    CHECK(room.unseal(room.card) == 0);
    CHECK(room.out.find("witnesses: 1 of 2") != std::string::npos);
    CHECK(room.sent.size() == 1);
  }
  SECTION("nothing cosigned") {
    WitnessedRoom room(OnMissing::kClosed);
    CHECK(room.unseal(room.card) == 2);
    CHECK(room.err.find("too few witnesses") != std::string::npos);
    CHECK(room.sent.empty());
  }
  SECTION("what lies before the start") {
    WitnessedRoom room(OnMissing::kClosed);
    room.cosign(room.vault, 2, {&room.one});
    CHECK(room.unseal(room.card) == 2);
    CHECK(room.sent.empty());
  }
  SECTION("fewer than the quorum") {
    WitnessedRoom room(OnMissing::kClosed, 2);
    room.cosign(room.vault, 3, {&room.one});
    CHECK(room.unseal(room.card) == 2);
    CHECK(room.sent.empty());
    room.cosign(room.vault, 3, {&room.one, &room.two});
    CHECK(room.unseal(room.card) == 0);
  }
  SECTION("another witness of the same name") {
    WitnessedRoom room(OnMissing::kClosed);
    test::TestWitness impostor("witness.example/one");
    room.cosign(room.vault, 3, {&impostor});
    CHECK(room.unseal(room.card) == 2);
    CHECK(room.sent.empty());
  }
  SECTION("another log of the same key") {
    WitnessedRoom room(OnMissing::kClosed);
    WitnessedRoom forged(OnMissing::kClosed);
    forged.vault.signer = room.vault.signer;
    forged.vault.append_start("the forger's");
    room.cosign(forged.vault, 4, {&room.one});
    room.vault.append_event(ledger::Sealed{"daemon", "shutdown"});  // so that both have as many entries
    CHECK(room.unseal(room.card) == 2);
    CHECK(room.err.find("does not continue") != std::string::npos);
    CHECK(room.sent.empty());
  }
  SECTION("whatever the vault says of them") {
    WitnessedRoom room(OnMissing::kClosed);
    room.says_no_witnesses = true;
    CHECK(room.unseal(room.card) == 2);
    CHECK(room.sent.empty());
  }
  SECTION("a person may go on without them where genesis lets the vault") {
    WitnessedRoom room(OnMissing::kOpen);
    CHECK(room.unseal(room.card, "y", {}, "n") == 2);
    CHECK(room.sent.empty());
    CHECK(room.unseal(room.card, "y", {}, "y") == 0);
    CHECK(room.sent.size() == 1);
  }
}
