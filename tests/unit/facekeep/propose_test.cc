// `facekeep propose` and `tighten`: what is sent for what a person asks, and what is refused before anything is sent.
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>

#include "tests/unit/facekeep/machine.h"
#include "tools/facekeep/proposal_watch.h"
#include "vault/ledger/person_name.h"
#include "vault/ledger/sshsig.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::FakeVault;
using facekeep::tools::testing::json_response;
using facekeep::tools::testing::Machine;
using facekeep::tools::testing::serve_log;

namespace {

constexpr std::array kCommands = {AddCommand{add_propose}, AddCommand{add_tighten}};

// A daemon that takes every action, and keeps what it was sent.
struct Room : Machine {
  std::vector<std::pair<std::string, Json>> sent;  // path, body

  Room() {
    serve([this](http::Request&& r) {
      if (r.path == "/v1/seal-status") return json_response(vault.seal_status());
      if (auto log = serve_log(vault, r)) return std::move(*log);
      sent.emplace_back(r.path, *parse_json(as_chars(r.body)));
      return r.path == "/v1/tightenings" ? tighten(sent.back().second) : propose(sent.back().second);
    });
  }

  http::Response propose(const Json& body) {
    ledger::ProposalMade made{{7}, "property/1", body.at("purpose"), *ledger::action_from_json(body.at("action")), {}};
    const std::uint64_t entry = vault.leaves.size();
    vault.append_event(made);
    const Json rule = {{"groups", {{"property", 1}, {"residents", 1}}}, {"delay_s", 0}, {"lifetime_s", 60}};
    const Json view = {{"entry", entry},    {"stage", "draft"}, {"proposal", *canonical_json(to_json(made))},
                       {"rule_version", 0}, {"rule", rule},     {"approved", Json::array()}};
    return json_response({{"entry", entry}, {"proposal", view}, {"receipt", vault.receipt(entry)}});
  }
  http::Response tighten(const Json& body) {
    const std::uint64_t entry = vault.leaves.size();
    vault.append_event(ledger::Tightened{"property/1", *ledger::action_from_json(body.at("action"))});
    return json_response({{"entry", entry}, {"receipt", vault.receipt(entry)}});
  }

  int run(std::vector<std::string> words) { return run_with(kCommands, std::move(words), {}); }
  // Proposes, and gives the action that was sent.
  Json proposed(std::vector<std::string> words) {
    words.insert(words.begin(), "propose");
    words.insert(words.end(), {"--purpose", "test"});
    sent.clear();
    const int code = run(words);
    INFO(err);
    REQUIRE(code == 0);
    REQUIRE(sent.size() == 1);
    return sent[0].second.at("action");
  }
};

std::string public_pem(const EVP_PKEY* key) {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> out(BIO_new(BIO_s_mem()), &BIO_free_all);
  REQUIRE(PEM_write_bio_PUBKEY(out.get(), key) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

TEST_CASE("a principal is proposed with its commitment, and its name beside the action") {
  Room room;
  const Json action = room.proposed({"principal", "door/7", "--role", "door", "--cert", room.path("me.crt"), "--name",
                                     "West gate", "--site", "main", "--door", "west", "--new-doors-in", "entrance"});
  const auto names = ledger::people_names_from_json(room.sent[0].second.at("names"), "names");
  REQUIRE(names);
  CHECK(names->at("door/7").name == "West gate");
  CHECK(check_names(*names, *ledger::action_from_json(action)));
  CHECK(action.at("doors")[0] == Json{{"class", "entrance"}, {"id", "west"}, {"site", "main"}});
  CHECK(room.out.find("West gate") == std::string::npos);  // the vault's answer has no names
}

TEST_CASE("many principals come from a file, CSV or JSON, and too many are counted") {
  Room room;
  std::string csv = "id,role,cert,name,sites,doors\n";
  Json json = Json::array();
  for (int i = 0; i < 200; ++i) {
    const std::string n = std::to_string(i);
    csv += "door/" + n + ",door,me.crt,\"Gate " + n + ", west\",main,d" + n + "\n";
    json.push_back({{"id", "door/" + n},
                    {"role", "door"},
                    {"cert", "me.crt"},
                    {"name", "Gate " + n + ", west"},
                    {"sites", {"main"}},
                    {"doors", {"d" + n}}});
  }
  room.dir.write("doors.csv", csv);
  room.dir.write("doors.json", json.dump());
  for (const char* file : {"doors.csv", "doors.json"}) {
    const Json action = room.proposed({"principals", room.path(file)});
    CHECK(action.at("principals").size() == 200);
    CHECK(room.sent[0].second.at("names").at("door/199").at("name") == "Gate 199, west");
  }
  for (int i = 200; i < 400; ++i) {
    csv += "door/" + std::to_string(i) + ",door,me.crt,Gate,main,d" + std::to_string(i) + "\n";
  }
  room.dir.write("more.csv", csv);
  room.sent.clear();
  CHECK(room.run({"propose", "principals", room.path("more.csv"), "--purpose", "test"}) == 1);
  CHECK(room.sent.empty());
  const auto at = room.err.find("proposal; ");
  REQUIRE(at != std::string::npos);
  const int fit = std::stoi(room.err.substr(at + 10));
  CHECK(fit >= 200);
  CHECK(fit < 400);
  for (const char* bad : {"id,role,colour\nx,door,red\n", "id,role\nx\n", "id,role,cert,name\ndoor/1,door,none.crt,A\n",
                          "id,role,cert,name\ndoor/1,door,me.crt,A\ndoor/1,door,me.crt,A\n"}) {
    CAPTURE(bad);
    room.dir.write("bad.csv", bad);
    CHECK(room.run({"propose", "principals", room.path("bad.csv"), "--purpose", "test"}) != 0);
  }
  CHECK(room.sent.empty());
}

TEST_CASE("a custodian keeps what is not changed, as the log has it") {
  Room room;
  const std::string id = "residents/1";
  const auto key = http::generate_key(http::KeyType::kEd25519);
  const std::string line = ledger::format_ssh_key_line(*ledger::ssh_key_from_evp(key->get()));
  room.dir.write("new.pub", line + " residents/1\n");
  room.dir.write("evidence.txt", "the token's own words");
  const Json action = room.proposed({"custodian", id, "--approval-key-file", room.path("new.pub"), "--held", "token",
                                     "--evidence", room.path("evidence.txt"), "--until", "2031-12-31"});
  const Json& p = action.at("custodian");
  CHECK(p.at("approval_key") == line);
  CHECK(p.at("approval_held") == "token");
  CHECK(p.at("approval_evidence") == to_hex(sha256(as_bytes("the token's own words"))));
  CHECK(p.at("until") == "2031-12-31");
  CHECK(room.out.find("until: (none) -> 2031-12-31") != std::string::npos);
  const ledger::Genesis genesis = FakeVault::plain_genesis();
  for (const auto& known : genesis.principals) {
    if (known.id == id) CHECK(p.at("name") == to_hex(known.name));
  }
  CHECK(room.run({"propose", "custodian", "residents/77", "--until", "2031-12-31", "--purpose", "test"}) == 1);
}

TEST_CASE("every other kind is put together from its options or its file") {
  Room room;
  CHECK(room.proposed({"policy", "main", "--access-log-days", "30", "--erase-daily", "5"}).at("kind") ==
        "change-policy");
  CHECK(room.proposed({"reveal", "main", "named"}).at("hide_subject") == false);
  CHECK(room.proposed({"cancel-erasures", "main"}).at("kind") == "cancel-erasures");
  CHECK(room.proposed({"threshold", "face", "--verify", "1", "--identify", "2"}).at("verify_threshold") == 1);
  CHECK(room.proposed({"model", "face2", "--version", "2", "--dimension", "64", "--verify", "1", "--identify", "2"})
            .at("kind") == "add-model");
  CHECK(room.proposed({"rule", "export", "--people", "property=1", "--people", "residents=2", "--delay", "5",
                       "--lifetime", "60", "--uses", "3"})
            .at("rules")
            .at("export")
            .at("groups")
            .at("residents") == 2);
  CHECK(room.proposed({"rotate"}) == Json{{"kind", "rotate-keys"}});
  room.dir.write("spare.pem", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n");
  CHECK(room.run({"propose", "rotate", "--spare", room.path("spare.pem"), "--purpose", "test"}) == 1);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> rsa(EVP_RSA_gen(2048), &EVP_PKEY_free);
  room.dir.write("spare.pem", public_pem(rsa.get()));
  CHECK(room.proposed({"rotate", "--spare", room.path("spare.pem")}).at("spare") == public_pem(rsa.get()));
  CHECK(room.proposed({"witnesses", "--none"}) == Json{{"kind", "change-witnesses"}});
  room.dir.write("action.json", R"({"kind":"cancel-erasures","site":"annex"})");
  CHECK(room.proposed({"action", room.path("action.json")}).at("site") == "annex");
  CHECK(room.run({"propose", "witnesses", "--purpose", "test"}) == 1);
  CHECK(room.run({"propose", "rule", "export", "--people", "two", "--delay", "1", "--lifetime", "2", "--purpose",
                  "t"}) == 1);
}

TEST_CASE("a tightening is sent at once, and its receipt is checked") {
  Room room;
  CHECK(room.run({"tighten", "reveal", "main", "hidden"}) == 0);
  INFO(room.err);
  REQUIRE(room.sent.size() == 1);
  CHECK(room.sent[0].first == "/v1/tightenings");
  CHECK(room.sent[0].second == Json{{"action", {{"kind", "change-reveal"}, {"site", "main"}, {"hide_subject", true}}}});
  CHECK(room.out.find("in force") != std::string::npos);
}

TEST_CASE("every act of dual control has words, and nothing else has") {
  const std::vector<ledger::Body> acts = {
      ledger::ProposalMade{{1}, "property/1", "why", ledger::CancelErasures{"main"}, {}},
      ledger::Approval{{{1}, "property/1", 0, 0, {}, {}}},
      ledger::Veto{{{1}, "property/1", 0, 0, {}, {}}},
      ledger::ProposalWithdrawn{{1}, "property/1"},
      ledger::ProposalDone{{1}, {}},
      ledger::ExportSealed{{1}, {}, {{9, {}}}, 3, 3, 0},
      ledger::ExportEnded{{1}, "nobody"},
      ledger::ExportGiven{{1}, "property/1"},
      ledger::KeysRetired{1},
      ledger::Revoked{"property/1", {"door/1"}, "lost"},
      ledger::Tightened{"property/1", ledger::CancelErasures{"main"}},
      ledger::CustodianSuspended{"property/1", "residents/1"}};
  for (const auto& body : acts) {
    CAPTURE(body.index());
    const auto english = describe_act(Lang::kEnglish, 7, {0, 0, body});
    REQUIRE(english);
    CHECK(english->find("entry 7") == 0);
    CHECK(describe_act(Lang::kChinese, 7, {0, 0, body}) != english);
  }
  CHECK_FALSE(describe_act(Lang::kEnglish, 7, {0, 0, ledger::Sealed{"property/1", "request"}}));
}
