// A witness's memory and its HTTPS front.
#include "tools/facekeep-audit/witness.h"

#include <thread>

#include "api/http/client.h"
#include "tests/unit/facekeep_audit/support.h"
#include "tests/unit/log/naive_tree.h"
#include "tools/facekeep-audit/witness_server.h"
#include "vault/base/digest.h"
#include "vault/log/cosign.h"

using namespace facekeep;
using namespace facekeep::audit_test;
using facekeep::log_test::naive_root;
using facekeep::log_test::naive_source;
using facekeep::log_test::numbered_leaves;
using facekeep::tools::Witness;

namespace {

struct Room {
  ScratchDir dir;
  SystemClock clock;
  tools::WitnessIdentity identity;
  std::vector<Digest> leaves = numbered_leaves(40);
  std::unique_ptr<Witness> witness;

  Room() {
    identity = tools::make_witness_identity(dir.path() + "-keys", "witness.example/w1").value();
    open();
  }
  [[nodiscard]] std::string folder() const { return dir.path() + "/witness"; }
  [[nodiscard]] std::string memory() const {
    return folder() + "/" + to_hex(sha256(as_bytes(std::string_view("vault.example/test"))));
  }
  Result<std::unique_ptr<Witness>> opened() const {
    return Witness::open(folder(), {log_signer().key}, identity, clock);
  }
  void open() {
    witness.reset();
    auto w = opened();
    if (!w) FAIL(w.error().message);
    witness = std::move(*w);
  }
  [[nodiscard]] std::string note(std::uint64_t size) const {
    const Digest root = naive_root(std::span(leaves).first(size));
    return log::sign_checkpoint({log_signer().key.name, size, root, {}}, log_signer().key, log_signer().sign()).value();
  }
  [[nodiscard]] std::string request(std::uint64_t from, std::uint64_t to) const {
    std::vector<Digest> proof;
    if (from > 0) proof = log::consistency_proof(from, to, naive_source(leaves)).value();
    return log::format_witness_request({from, proof, note(to)}).value();
  }
  int add(std::uint64_t from, std::uint64_t to) { return witness->add_checkpoint(request(from, to)).status; }
  [[nodiscard]] std::uint64_t size() const { return witness->latest("vault.example/test").size; }
};

}  // namespace

TEST_CASE("a witness cosigns what extends what it cosigned, with the time") {
  Room room;
  const auto now = static_cast<log::CosignTime>(room.clock.now().wall / 1000);
  const auto answer = room.witness->add_checkpoint(room.request(0, 7));
  REQUIRE(answer.status == 200);
  const auto note = log::parse_note(room.note(7) + answer.body).value();
  const std::vector<ledger::WitnessKey> known = {room.identity.key};
  const auto found = log::find_cosignatures(note, known).value();
  REQUIRE(found.size() == 1);
  CHECK(found[0].time >= now);
  CHECK(found[0].time <= now + 60);
  CHECK(room.add(7, 7) == 200);
  CHECK(room.add(7, 21) == 200);
  CHECK(room.add(7, 30) == 409);
  CHECK(room.add(21, 30) == 200);
}

TEST_CASE("a witness remembers over a restart, whatever moment ended it") {
  Room room;
  REQUIRE(room.add(0, 21) == 200);
  room.open();
  CHECK(room.size() == 21);
  CHECK(room.add(0, 21) == 409);
  CHECK(room.add(21, 21) == 200);
  SECTION("an end while the next one was being written leaves the one before") {
    room.witness.reset();
    REQUIRE(tools::replace_file(room.memory() + ".new", room.note(30).substr(0, 20)));
    room.open();
    CHECK(room.size() == 21);
    CHECK(room.add(21, 30) == 200);
  }
  SECTION("an end between remembering and answering: the log asks again and is answered") {
    room.witness.reset();
    REQUIRE(tools::replace_file(room.memory(), room.note(30)));
    room.open();
    CHECK(room.add(21, 30) == 409);
    CHECK(room.add(30, 30) == 200);
  }
}

TEST_CASE("a witness whose memory was altered does not start") {
  Room room;
  REQUIRE(room.add(0, 21) == 200);
  room.witness.reset();
  std::string note = room.note(21);
  SECTION("cut") {
    note.resize(note.size() / 2);
  }
  SECTION("another size") {
    note.replace(note.find("\n21\n"), 4, "\n20\n");
  }
  SECTION("emptied") {
    note.clear();
  }
  SECTION("of another key") {
    const auto other = log_test::TestSigner::ed25519("vault.example/test");
    note = log::sign_checkpoint({other.key.name, 1, room.leaves[0], {}}, other.key, other.sign()).value();
  }
  REQUIRE(tools::replace_file(room.memory(), note));
  const auto refused = room.opened();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().problem == std::string("witness-memory"));
}

TEST_CASE("what can't be remembered is not cosigned") {
  Room room;
  REQUIRE(room.add(0, 7) == 200);
  std::filesystem::remove(room.memory());
  std::filesystem::create_directories(room.memory() + "/in-the-way");
  const auto answer = room.witness->add_checkpoint(room.request(7, 21));
  CHECK(answer.status == 500);
  CHECK(answer.body.find("\xE2\x80\x94") == std::string::npos);
  CHECK(room.size() == 7);
  std::filesystem::remove_all(room.memory());
  CHECK(room.add(7, 21) == 200);
}

TEST_CASE("one process has a witness's memory") {
  Room room;
  const auto second = room.opened();
  REQUIRE_FALSE(second);
  CHECK(second.error().problem == std::string("folder-in-use"));
  room.witness.reset();
  CHECK(room.opened());
}

TEST_CASE("checkpoints that the log signed and that don't fit are handed over, others are not") {
  Room room;
  REQUIRE(room.add(0, 21) == 200);
  CHECK(room.witness->take_doubtful().empty());
  Room fork;
  fork.leaves[3] = log::leaf_hash(as_bytes("another past"));
  CHECK(room.witness->add_checkpoint(fork.request(21, 30)).status == 422);
  CHECK(room.witness->add_checkpoint(fork.request(21, 21)).status == 409);
  CHECK(room.add(20, 30) == 409);
  CHECK(room.witness->add_checkpoint("nonsense").status == 400);
  const auto doubtful = room.witness->take_doubtful();
  REQUIRE(doubtful.size() == 2);
  CHECK(doubtful[0] == fork.note(30));
  CHECK(room.witness->take_doubtful().empty());
  for (int i = 0; i < 40; ++i) room.witness->add_checkpoint(fork.request(21, 30));
  CHECK(room.witness->take_doubtful().size() == Witness::kMaxDoubtful);
}

TEST_CASE("requests at once never move a witness back") {
  Room room;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&room, t] {
      for (std::uint64_t to = 1 + t; to <= 40; to += 4) {
        const std::uint64_t from = std::min(room.size(), to);
        room.add(from, to);
      }
    });
  }
  std::uint64_t last = 0;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t now = room.size();
    CHECK(now >= last);
    last = now;
    std::this_thread::yield();
  }
  for (auto& t : threads) t.join();
  room.witness.reset();
  room.open();
  CHECK(room.size() >= last);
}

TEST_CASE("the front of a witness answers add-checkpoint over pinned TLS, and little else") {
  Room room;
  auto server = tools::serve_witness(*room.witness, room.identity, {"127.0.0.1", 0}).value();
  http::ClientConfig config;
  config.url = "https://127.0.0.1:" + std::to_string(server->port(0));
  config.pins = {room.identity.pin};
  http::Client client = http::Client::create(config).value();
  const auto ask = [&](std::string_view method, std::string_view target, const std::string& body) {
    return client.request(method, target, {{"Content-Type", "text/plain"}}, as_bytes(body)).value();
  };
  CHECK(ask("POST", "/add-checkpoint", room.request(0, 7)).status == 200);
  const auto lagging = ask("POST", "/add-checkpoint", room.request(0, 21));
  CHECK(lagging.status == 409);
  CHECK(lagging.content_type == "text/x.tlog.size");
  CHECK(as_chars(lagging.body) == "7\n");
  CHECK(ask("POST", "/add-checkpoint", "").status == 400);
  CHECK(ask("GET", "/add-checkpoint", "").status == 405);
  CHECK(ask("POST", "/", room.request(7, 21)).status == 404);
  CHECK(ask("POST", "/add-checkpoint", std::string(tools::kMaxAddCheckpoint + 1, 'x')).status == 413);
  CHECK(room.size() == 7);
  config.pins = {Digest{1}};
  http::Client wary = http::Client::create(config).value();
  CHECK(wary.request("POST", "/add-checkpoint", {}, as_bytes(room.request(7, 21))).error().code == Errc::kIntegrity);
}

TEST_CASE("an address to listen at is one address and one port") {
  CHECK(tools::parse_listen("127.0.0.1:8450").value().port == 8450);
  CHECK(tools::parse_listen("[::1]:0").value().address == "::1");
  for (const char* bad :
       {"", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "::1:8450", "[]:1", "127.0.0.1:1 "}) {
    INFO(bad);
    CHECK_FALSE(tools::parse_listen(bad));
  }
}

TEST_CASE("the keys of a witness are made once, belong together, and print what a plan needs") {
  const ScratchDir dir;
  const std::string stem = dir.path() + "-w";
  const std::vector<std::string> make = {
      "witness-key", "new", stem, "--name", "witness.example/w1", "--url", "https://10.0.0.9:8450", "--json"};
  const Ran made = run(make);
  INFO(made.err);
  REQUIRE(made.code == 0);
  const Json doc = parse_json(made.out).value();
  const Json plan = {{"quorum", 1},
                     {"on_missing", "closed"},
                     {"list", {{{"vkey", doc["vkey"]}, {"url", doc["url"]}, {"key", doc["key"]}}}}};
  CHECK(ledger::witnesses_from_json(plan, "plan"));
  CHECK(run(make).code == 1);
  const auto loaded = tools::load_witness_identity(stem + ".key");
  REQUIRE(loaded);
  CHECK(ledger::format_witness_key(loaded->key) == doc["vkey"]);
  CHECK(to_hex(loaded->pin) == doc["key"]);
  CHECK((std::filesystem::status(stem + ".key").permissions() & std::filesystem::perms::others_all) ==
        std::filesystem::perms::none);
  CHECK(run({"witness-key", "new", stem + "2", "--name", "witness.example/w1", "--url", "http://10.0.0.9"}).code == 1);
  CHECK_FALSE(std::filesystem::exists(stem + "2.key"));
  REQUIRE(tools::make_witness_identity(dir.path() + "-v", "witness.example/w2"));
  std::filesystem::copy_file(dir.path() + "-v.vkey", stem + ".vkey", std::filesystem::copy_options::overwrite_existing);
  CHECK(tools::load_witness_identity(stem).error().code == Errc::kIntegrity);
}
