// `facekeep unseal` against a vault that lies: whatever the lie, nothing of the card is sent.
#include <array>
#include <sstream>

#include "tests/unit/facekeep/fake_vault.h"
#include "tests/unit/http/support.h"
#include "tests/unit/tools/scratch.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/program.h"
#include "vault/seal/share_envelope.h"
#include "vault/seal/slip39.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::FakeVault;

namespace {

constexpr std::array kCommands = {AddCommand{add_unseal}};

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
  std::vector<Bytes> sent;
  http::testing::Front front;
  Scratch dir;
  seal::SecretWords card;
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
      const Json body = *parse_json(as_chars(r.body));
      sent.push_back(*from_base64(body["share"].get<std::string>()));
      vault.append("a share was taken");
      return json_response({{"state", "unsealing"},
                            {"group", "property"},
                            {"share", 1},
                            {"groups", {{{"id", "property"}, {"in", 1}, {"threshold", 1}}}},
                            {"entry", 3}});
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
  int unseal(const seal::SecretWords& words, std::string_view go = "y") {
    const std::string notice = (dir.path() / "notice.json").string();
    const std::string key = (dir.path() / "me.key").string();
    const std::array<const char*, 8> argv = {"facekeep", "unseal",    "--vault", notice.c_str(),
                                             "--key",    key.c_str(), "--lang",  "en"};
    std::ostringstream out;
    std::ostringstream error;
    Context context(out, error);
    context.memory_path = memory().directory();
    auto lines = std::make_shared<std::vector<ScriptedTerminal::Line>>();
    lines->push_back({"Words", seal::share_words_text(words)});
    lines->push_back({"program", SecretBytes::copy_of(as_bytes(go))});
    context.open_person = [lines]() -> Result<std::unique_ptr<Terminal>> {
      return std::unique_ptr<Terminal>(
          std::make_unique<ScriptedTerminal>(ScriptedTerminal::answers(std::move(*lines))));
    };
    const int code = run_program(kCommands, static_cast<int>(argv.size()), argv.data(), context);
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
