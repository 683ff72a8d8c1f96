// `facekeep unseal` against a vault that lies: whatever the lie, nothing of the card is sent.
#include <array>
#include <sstream>

#include "tests/unit/facekeep/fake_vault.h"
#include "tests/unit/http/support.h"
#include "tests/unit/tools/scratch.h"
#include "tools/common/files.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/program.h"
#include "vault/seal/share_envelope.h"
#include "vault/seal/slip39.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::FakeVault;

namespace {

constexpr std::array kCommands = {AddCommand{add_unseal}, AddCommand{add_seal}};

http::Response json_response(const Json& json) {
  http::Response out;
  out.content_type = "application/json";
  out.body = to_bytes(json.dump());
  return out;
}

// A daemon that serves what the test gives it, and keeps what it is sent.
struct Room {
  FakeVault vault;
  std::function<Json()> status = [this] { return vault.seal_status(); };
  // Writes what a seal writes; returns the entry that the vault claims for it.
  std::function<std::uint64_t()> sealed_as = [this] {
    vault.append_event(ledger::Sealed{"property/1", "request"});
    return vault.leaves.size() - 1;
  };
  std::function<std::string(std::uint64_t)> receipt_of = [this](std::uint64_t entry) { return vault.receipt(entry); };
  std::vector<Bytes> sent;
  http::testing::Front front;
  Scratch dir;
  seal::SecretWords card;
  std::string out;
  std::string err;

  Room() {
    seal::SplitOptions split;
    split.groups = {{1, 1}, {1, 1}};
    split.group_threshold = 2;
    split.iteration_exponent = 0;
    auto cards = *seal::split_secret(random_secret(32).view(), split);
    card = std::move(cards[0][0]);
    http::ServerConfig config = front.config();
    config.handler = [this](http::Request&& r) {
      if (r.path == "/v1/seal-status") return json_response(status());
      if (r.path == "/v1/log/proofs/consistency") {
        Json proof = Json::array();
        const auto hashes =
            log::consistency_proof(std::stoull(r.query["from"]), std::stoull(r.query["to"]), vault.source());
        for (const Digest& hash : *hashes) proof.push_back(to_base64(hash));
        return json_response({{"proof", proof}});
      }
      if (r.path.starts_with("/tile/entries/")) {
        http::Response out;
        out.body = vault.bundle(*log::parse_bundle_path(std::string_view(r.path).substr(1)));
        return out;
      }
      if (r.path == "/v1/log/proofs/inclusion") {
        Json proof = Json::array();
        const auto hashes =
            log::inclusion_proof(std::stoull(r.query["index"]), std::stoull(r.query["size"]), vault.source());
        for (const Digest& hash : *hashes) proof.push_back(to_base64(hash));
        return json_response({{"proof", proof}});
      }
      if (r.path == "/v1/seal") {
        const std::uint64_t entry = sealed_as();
        return json_response({{"state", "sealed"}, {"entry", entry}, {"receipt", vault.receipt(entry)}});
      }
      const Json body = *parse_json(as_chars(r.body));
      sent.push_back(*from_base64(body["share"].get<std::string>()));
      vault.append_event(ledger::UnsealShare{"property/1", "property", 1});
      return json_response({{"state", "unsealing"},
                            {"group", "property"},
                            {"share", 1},
                            {"groups", {{{"id", "property"}, {"in", 1}, {"threshold", 1}}}},
                            {"entry", vault.leaves.size() - 1},
                            {"receipt", receipt_of(vault.leaves.size() - 1)}});
    };
    front.start(std::move(config));
    dir.write("me.crt", *http::cert_pem(front.door.cert.get()));
    const SecretBytes pem = *http::private_key_pem(front.door.key.get());
    REQUIRE(http::save_private_file((dir.path() / "me.key").string(), pem.view()));
    Json notice = vault.notice_json();
    notice["api"] = "https://127.0.0.1:" + std::to_string(front.server->port(0));
    notice["server_key"] = to_hex(front.server_id.spki);
    dir.write("notice.json", notice.dump());
  }

  [[nodiscard]] ClientMemory memory() const { return ClientMemory((dir.path() / "memory").string()); }

  // The person types the card, and answers the question about the program.
  int unseal(const seal::SecretWords& words, std::string_view go = "y", const std::vector<std::string>& more = {}) {
    auto lines = std::make_shared<std::vector<ScriptedTerminal::Line>>();
    lines->push_back({"Words", seal::share_words_text(words)});
    lines->push_back({"program", SecretBytes::copy_of(as_bytes(go))});
    return run("unseal", more, lines);
  }

  int run(const char* command, const std::vector<std::string>& more = {},
          std::shared_ptr<std::vector<ScriptedTerminal::Line>> lines = {}) {
    const std::string notice = (dir.path() / "notice.json").string();
    const std::string key = (dir.path() / "me.key").string();
    std::vector<const char*> argv = {"facekeep", command,     "--vault", notice.c_str(),
                                     "--key",    key.c_str(), "--lang",  "en"};
    for (const std::string& m : more) argv.push_back(m.c_str());
    std::ostringstream printed;
    std::ostringstream error;
    Context context(printed, error);
    context.memory_path = memory().directory();
    context.open_person = [lines]() -> Result<std::unique_ptr<Terminal>> {
      return std::unique_ptr<Terminal>(
          std::make_unique<ScriptedTerminal>(ScriptedTerminal::answers(std::move(*lines))));
    };
    const int code = run_program(kCommands, static_cast<int>(argv.size()), argv.data(), context);
    out = printed.str();
    err = error.str();
    return code;
  }
};

}  // namespace

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
  // The later start hidden from the entries that are shown: they are not the signed log's.
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
  CHECK(room.err.find("is not what the vault says") != std::string::npos);
  // One that is shown, but is not in the signed tree.
  room.sealed_as = [&] {
    room.vault.append_event(ledger::UnsealEnded{"timeout"});
    room.vault.texts.back() = room.vault.texts[3];
    return room.vault.leaves.size() - 1;
  };
  CHECK(room.run("seal") == 2);
  CHECK(room.err.find("not those of its signed log") != std::string::npos);
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
