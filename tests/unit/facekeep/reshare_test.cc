// `facekeep reshare`: new cards for a set of custodians, proven and signed for before anything is sent; and what
// `share check` says of a card before and after.
#include "vault/ledger/reshare.h"

#include <sys/stat.h>

#include <array>
#include <filesystem>

#include "tests/unit/facekeep/machine.h"
#include "tests/unit/ledger/keys_maker.h"
#include "tools/facekeep/proposal_view.h"
#include "tools/facekeep/reshare_plan.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::FakeVault;
using facekeep::tools::testing::json_response;
using facekeep::tools::testing::Machine;
using facekeep::tools::testing::serve_log;
namespace lt = facekeep::ledger::test;
namespace fs = std::filesystem;

namespace {

constexpr std::array kCommands = {AddCommand{add_reshare}, AddCommand{add_share}};
const std::vector<std::string> kAfter = {"property/1",  "property/2",  "property/3",
                                         "residents/1", "residents/2", "residents/4"};

// Where residents/4 comes for residents/3.
struct Room : Machine {
  std::vector<Json> sent;
  bool refuses = false;

  explicit Room(bool rehearsal = true) {
    ledger::Genesis g = FakeVault::plain_genesis();
    g.rehearsal = rehearsal;
    for (auto& [name, rule] : g.rules) rule.delay_s = 0;
    g.principals[0].key = *http::spki_digest(front.door.cert.get());  // --key is that of property/1
    vault.set_genesis(std::move(g));
    serve([this](http::Request&& r) {
      if (r.path == "/v1/seal-status") return json_response(vault.seal_status());
      if (auto log = serve_log(vault, r)) return std::move(*log);
      sent.push_back(*parse_json(as_chars(r.body)));
      return refuses ? refusal() : proposed(sent.back());
    });
    Json notice = *parse_json(dir.read("notice.json"));
    notice["public"] = "https://127.0.0.1:" + std::to_string(front.server->port(1));
    dir.write("notice.json", notice.dump());
    fs::create_directory(path("cards"));
    fs::create_directory(path("out"));
    REQUIRE(http::save_private_file(path("new.key"), http::private_key_pem(front.server_id.key.get())->view()));
    dir.write("new.crt", *http::cert_pem(front.server_id.cert.get()));
    write_plan(plan());
    write_script(kAfter);
  }
  static http::Response refusal() {
    http::Response out = json_response({{"type", "/problems/ceremony-running"}, {"title", "x"}, {"status", 409}});
    out.status = 409;
    return out;
  }
  http::Response proposed(const Json& body) {
    ledger::ProposalMade made{{7}, "property/1", body.at("purpose"), *ledger::action_from_json(body.at("action")), {}};
    const std::uint64_t entry = vault.leaves.size();
    vault.append_event(made);
    const Json rule = {{"groups", {{"property", 1}, {"residents", 1}}}, {"delay_s", 0}, {"lifetime_s", 60}};
    const Json view = {{"entry", entry},    {"stage", "draft"}, {"proposal", *canonical_json(to_json(made))},
                       {"rule_version", 0}, {"rule", rule},     {"approved", Json::array()}};
    return json_response({{"entry", entry}, {"proposal", view}, {"receipt", vault.receipt(entry)}});
  }

  Json plan() {
    dir.write("new.pub", lt::approval_line("residents/4") + "\n");
    const auto stays = [](const char* id) { return Json{{"id", id}}; };
    const Json comes = {
        {"id", "residents/4"}, {"name", "Dora"}, {"certificate", "new.crt"}, {"approval_key", "new.pub"}};
    return {{"groups",
             {{{"id", "property"}, {"custodians", {stays("property/1"), stays("property/2"), stays("property/3")}}},
              {{"id", "residents"},
               {"threshold", 2},
               {"custodians", {stays("residents/1"), stays("residents/2"), comes}}}}}};
  }
  void write_plan(const Json& plan) { dir.write("plan.json", plan.dump()); }
  void write_script(const std::vector<std::string>& people) {
    Json signers = Json::object();
    for (const auto& who : people) {
      std::string file = who;
      std::replace(file.begin(), file.end(), '/', '-');
      const auto key = lt::approval_key(who);
      fs::remove(path(file));
      REQUIRE(http::save_private_file(path(file), http::private_key_pem(key.get())->view()));
      signers[who] = file;
    }
    dir.write("script.json", Json{{"signers", signers}}.dump());
  }
  int reshare(Lines lines = {}, bool scripted = true) {
    std::vector<std::string> words = {"reshare",      "--plan", path("plan.json"), "--purpose",
                                      "new-resident", "--out",  path("out")};
    if (scripted) words.insert(words.end(), {"--script", path("script.json"), "--cards", path("cards")});
    return run_with(kCommands, std::move(words), std::move(lines));
  }
  [[nodiscard]] std::size_t files(const char* folder) const {
    std::size_t n = 0;
    for (const auto& file : fs::directory_iterator(path(folder))) n += file.is_regular_file() ? 1 : 0;
    return n;
  }
  [[nodiscard]] seal::SecretWords card(const std::string& name) const {
    return *seal::parse_share_text(dir.read("cards/" + name + ".share"));
  }
  int check(const seal::SecretWords& words) {
    auto lines = std::make_shared<std::vector<ScriptedTerminal::Line>>();
    lines->push_back({"Words", seal::share_words_text(words)});
    return run_with(kCommands, {"share", "check", "--json"}, lines);
  }

  // With the cards in force.
  void unseal() {
    for (const char* by : {"property/1", "property/2", "residents/1", "residents/2"}) {
      const std::string id = by;
      vault.append_event(
          ledger::UnsealShare{id, id.substr(0, id.find('/')), static_cast<std::uint32_t>(id.back() - '0')});
    }
    vault.append_event(ledger::Unsealed{{"property/1", "property/2", "residents/1", "residents/2"}});
  }

  // What the vault does with the latest proposal, once both groups have signed.
  void carry_out(const ledger::ProposalMade& made, std::uint64_t rule_version) {
    ledger::State state;
    for (const auto& who : {"property/1", "residents/1"}) {
      vault.append_event(ledger::Approval{vault.vote_of(made, who, rule_version)});
    }
    unseal();
    for (const auto& text : vault.texts) REQUIRE(apply(state, *ledger::decode_event(text)));
    // The cards of the re-share before have opened it now.
    if (state.rotation()) {
      vault.append_event(ledger::KeysRetired{state.rotation()->from});
      REQUIRE(apply(state, *ledger::decode_event(vault.texts.back())));
    }
    vault.append_event(lt::done_with_keys(state, made.id));
  }
};

}  // namespace

TEST_CASE("a re-share from a script is proposed with everybody's signature, and the vault could carry it out") {
  Room room;
  const int code = room.reshare();
  INFO(room.err);
  REQUIRE(code == 0);
  REQUIRE(room.sent.size() == 1);
  const auto action = ledger::action_from_json(room.sent[0].at("action"));
  REQUIRE(action);
  const auto genesis = ledger::decode_event(room.vault.texts[0]);
  const auto next = apply_action(std::get<ledger::Genesis>(genesis->body), *action, "2026-11-22");
  REQUIRE(next);
  CHECK(next->groups[1].shares[2].holders == std::vector<std::uint32_t>{4});
  const auto& reshare = std::get<ledger::Reshare>(*action);
  CHECK(reshare.transcript == sha256(as_bytes(room.dir.read("out/transcript.txt"))));
  CHECK(*parse_json(room.dir.read("out/reshare.json")) == room.sent[0].at("action"));
  // The register gets the name of who comes, and of nobody else.
  CHECK(room.sent[0].at("names").size() == 1);
  CHECK(room.sent[0].at("names").at("residents/4").at("name") == "Dora");
  CHECK(room.dir.read("out/transcript.txt").find("Dora") == std::string::npos);
  // The cards are those of the action, and open its secret.
  CHECK(room.files("cards") == 12);
  std::vector<seal::SecretWords> quorum;
  for (const char* name : {"property-1", "property-3", "residents-2", "residents-3"}) quorum.push_back(room.card(name));
  CHECK(seal::share_commitment(quorum[3]) == reshare.groups[1].shares[2].commitment);
  const auto secret = seal::combine_shares(quorum);
  REQUIRE(secret);
  CHECK(secret->size() == 32);
}

TEST_CASE("where somebody does not sign, no card, no file and no proposal is left") {
  Room room;
  room.write_script({"property/1", "property/2", "property/3", "residents/1", "residents/2"});
  CHECK(room.reshare() == 1);
  CHECK(room.err.find("residents/4") != std::string::npos);
  CHECK(room.sent.empty());
  CHECK(room.files("cards") == 0);
  CHECK(room.files("out") == 0);
}

TEST_CASE("another's signature is no signature, and leaves no card") {
  Room room;
  Json script = *parse_json(room.dir.read("script.json"));
  script["signers"]["residents/4"] = "residents-1";
  room.dir.write("script.json", script.dump());
  CHECK(room.reshare() != 0);
  CHECK(room.sent.empty());
  CHECK(room.files("cards") == 0);
}

TEST_CASE("cards stay where the vault did not take the proposal: it may be in the log all the same") {
  Room room;
  room.refuses = true;
  CHECK(room.reshare() != 0);
  CHECK(room.sent.size() == 1);
  CHECK(room.files("cards") == 12);
  CHECK(room.err.find("reshare.json") != std::string::npos);
}

TEST_CASE("a script makes cards for a rehearsal vault alone") {
  Room room(false);
  CHECK(room.reshare() != 0);
  CHECK(room.sent.empty());
  CHECK(room.files("cards") == 0);
}

TEST_CASE("a plan that makes no vault, or names nobody, is refused before anybody copies a card") {
  const auto refused = [](const std::function<void(Json&)>& change) {
    Room room;
    Json plan = room.plan();
    change(plan);
    room.write_plan(plan);
    const int code = room.reshare();
    CHECK(code != 0);
    CHECK(room.sent.empty());
    CHECK(room.files("cards") == 0);
    return room.err;
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  CHECK(has(refused([](Json& p) { p["groups"].erase(1); }), "stays one of two"));
  CHECK(has(refused([](Json& p) { p["groups"][0]["custodians"][1]["id"] = "property/9"; }), "property/9"));
  CHECK(has(refused([](Json& p) { p["groups"][1]["custodians"][2]["id"] = "residents/3"; }), "is registered"));
  CHECK(has(refused([](Json& p) { p["groups"][1]["custodians"][1]["id"] = "residents/1"; }), "twice"));
  CHECK(
      has(refused([](Json& p) { p["groups"][1]["custodians"][2]["id"] = "property/4"; }), "no custodian of the group"));
  CHECK(has(refused([](Json& p) { p["groups"][1]["threshold"] = 3; }), "than it needs"));
  CHECK(has(refused([](Json& p) { p["groups"][1]["custodians"].erase(2); }), "than it needs"));
  CHECK(has(refused([](Json& p) { p["more"] = 1; }), "unknown field"));
}

TEST_CASE("a card is of a proposed set, of the present one, of an earlier one, or of none") {
  Room room;
  REQUIRE(room.reshare() == 0);
  const auto words = room.card("residents-3");
  const std::string made_text = room.vault.texts.back();
  const auto made = std::get<ledger::ProposalMade>(ledger::decode_event(made_text)->body);
  CHECK(room.check(words) == 0);
  CHECK(room.shows("proposed"));
  room.carry_out(made, 0);
  const std::uint64_t rule_version = room.vault.leaves.size() - 1;
  CHECK(room.check(words) == 0);
  CHECK(room.shows("present"));
  room.vault.append_event(ledger::Rewrapped{2, ledger::kAllRefs, {}});
  room.vault.append_event(ledger::Sealed{"property/1", "request"});
  room.vault.append_start();

  ledger::State state;
  for (const auto& text : room.vault.texts) REQUIRE(apply(state, *ledger::decode_event(text)));
  ledger::Reshare third = lt::new_cards(state.current(), "third");
  const std::string statement = reshare_statement(third, room.vault.id).value();
  for (const auto& p : third.custodians) {
    third.signatures.push_back({p.id, lt::sign_as(p.id, ledger::kCeremonyNamespace, statement)});
  }
  const ledger::ProposalMade again{{8}, "property/1", "again", third, {}};
  room.vault.append_event(again);
  room.carry_out(again, rule_version);
  // Until the third set has opened the vault, this one does.
  CHECK(room.check(words) == 0);
  CHECK(room.out.find("\"set\":\"before\"") != std::string::npos);
  room.vault.append_event(ledger::Sealed{"daemon", "shutdown"});
  room.unseal();
  CHECK(room.check(words) == 1);
  CHECK(room.err.find("earlier set") != std::string::npos);

  seal::SplitOptions split;
  split.groups = {{1, 1}, {1, 1}};
  split.group_threshold = 2;
  split.iteration_exponent = 0;
  const auto foreign = *seal::split_secret(random_secret(32).view(), split);
  CHECK(room.check(foreign[0][0]) == 1);
  CHECK(room.err.find("not one of this vault's cards") != std::string::npos);
}

TEST_CASE("who signs a re-share is shown who stays, comes and leaves") {
  Room room;
  REQUIRE(room.reshare() == 0);
  ledger::State state;
  for (const auto& text : room.vault.texts) REQUIRE(apply(state, *ledger::decode_event(text)));
  ProposalStatus status;
  status.made = state.proposals().begin()->second.made;
  status.entry = state.proposals().begin()->second.entry;
  REQUIRE(take_from_log(state, status));
  std::string shown;
  for (const auto& line : describe(Lang::kEnglish, status, {})) shown += line + "\n";
  INFO(shown);
  for (const char* line :
       {"residents/1 stays", "residents/4 is NEW", "residents/3 LEAVES", "share set",
        "group \"residents\" that open the vault: now 2/3, afterwards 2/3", "residents/4: its name is not known"}) {
    CHECK(shown.find(line) != std::string::npos);
  }
  CHECK(shown.find("residents/1: its name") == std::string::npos);
}

TEST_CASE("nobody signs new cards that would give the own registration to another key") {
  Room room;
  REQUIRE(room.reshare() == 0);
  ledger::State state;
  for (const auto& text : room.vault.texts) REQUIRE(apply(state, *ledger::decode_event(text)));
  ProposalStatus status;
  status.made = state.proposals().begin()->second.made;
  status.entry = state.proposals().begin()->second.entry;
  REQUIRE(take_from_log(state, status));
  const Digest own = state.principal("residents/1")->key;
  CHECK(check_own_registration(status, own));
  const auto cards = std::get<ledger::Reshare>(status.made.action);
  for (const auto& change : std::vector<std::function<void(ledger::PrincipalRecord&)>>{
           [](auto& p) { p.key = Digest{1}; }, [](auto& p) { p.approval_key = lt::approval_line("another"); },
           [](auto& p) { p.name = Digest{1}; }}) {
    auto& action = std::get<ledger::Reshare>(status.made.action) = cards;
    for (auto& p : action.custodians) {
      if (p.id == "residents/1") change(p);
    }
    const Status refused = check_own_registration(status, own);
    REQUIRE_FALSE(refused);
    CHECK(std::string(refused.error().problem) == "not-your-keys");
    // Whoever else is in it may sign; that person sees the difference.
    CHECK(check_own_registration(status, state.principal("residents/2")->key));
  }
  // Who leaves signs too.
  std::erase_if(std::get<ledger::Reshare>(status.made.action).custodians,
                [](const auto& p) { return p.id == "residents/1"; });
  CHECK(check_own_registration(status, own));
}

TEST_CASE("at the terminal everybody sees whose cards are made, and one no ends it") {
  Room room;
  auto lines = std::make_shared<std::vector<ScriptedTerminal::Line>>();
  lines->push_back({"Make new cards", SecretBytes::copy_of(as_bytes("n"))});
  CHECK(room.reshare(lines, false) != 0);
  CHECK(room.sent.empty());
  CHECK(room.files("out") == 0);
}
