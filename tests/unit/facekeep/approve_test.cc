// `facekeep approve` and `veto` against a vault that lies: whatever the lie, no signature is made.
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "hsm/log_key.h"
#include "hsm/token_custody.h"
#include "tests/support/softhsm.h"
#include "tests/unit/facekeep/machine.h"
#include "tools/facekeep/proposal_view.h"
#include "vault/ledger/sshsig.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::json_response;
using facekeep::tools::testing::Machine;
using facekeep::tools::testing::serve_log;

namespace {

constexpr std::array kCommands = {AddCommand{add_approve}, AddCommand{add_veto}};
const std::string kId = "ab000000000000000000000000000000";

ledger::ProposalMade proposal(const std::string& door_class = "gate") {
  ledger::PrincipalRecord door;
  door.id = "door/7";
  door.role = ledger::Role::kDoor;
  door.key = sha256(as_bytes("key"));
  door.sites = {"main"};
  door.doors = {"west"};
  return {{0xab}, "property/1", "new-door", ledger::RegisterPrincipals{{{"main", {"west", door_class}}}, {door}}, {}};
}

// A daemon that shows the proposal of its log, unless the test has it show another.
struct Room : Machine {
  ledger::ProposalMade shown;
  std::uint64_t entry = 0;
  std::function<Json()> status = [this] { return vault.seal_status(); };
  std::vector<std::pair<std::string, Json>> sent;  // path, body

  explicit Room(const ledger::ProposalMade& made = proposal()) : shown(made) {
    entry = vault.propose(made);
    serve([this](http::Request&& r) {
      if (r.path == "/v1/seal-status") return json_response(status());
      if (auto log = serve_log(vault, r)) return std::move(*log);
      if (r.method == "GET") return json_response(view());
      sent.emplace_back(r.path, *parse_json(as_chars(r.body)));
      const std::uint64_t written = record(sent.back());
      return json_response({{"entry", written}, {"proposal", view()}, {"receipt", vault.receipt(written)}});
    });
  }

  Json names;  // of the proposal, unless null
  [[nodiscard]] Json view() const {
    Json out = bare_view();
    if (!names.is_null()) out["names"] = names;
    return out;
  }
  [[nodiscard]] Json bare_view() const {
    return {{"id", kId},
            {"entry", entry},
            {"stage", "open"},
            {"class", "principal"},
            {"proposal", *canonical_json(to_json(shown))},
            {"digest", std::string(64, '0')},  // nobody takes the vault's word for it
            {"rule_version", 0},
            {"rule", {{"groups", {{"property", 1}, {"residents", 1}}}, {"delay_s", 0}, {"lifetime_s", 61}}},
            {"approved", {"residents/3"}}};
  }
  // What the vault writes for a vote.
  std::uint64_t record(const std::pair<std::string, Json>& call) {
    const Json& b = call.second;
    const ledger::Vote v{shown.id,
                         "property/1",
                         b.at("rule"),
                         b.at("size"),
                         *from_hex_exact<32>(b.at("root").get<std::string>()),
                         b.at("signature")};
    vault.append_event(call.first.ends_with("/veto") ? ledger::Body(ledger::Veto{v})
                                                     : ledger::Body(ledger::Approval{v}));
    return vault.leaves.size() - 1;
  }
  [[nodiscard]] std::string digest() const { return to_hex(*ledger::proposal_digest(proposal(), vault.id)); }

  // The person answers the question, unless `more` makes it needless.
  int run(const char* command, std::string_view answer, const std::vector<std::string>& more = {},
          const char* lang = "en") {
    auto lines = std::make_shared<std::vector<ScriptedTerminal::Line>>();
    lines->push_back({"", SecretBytes::copy_of(as_bytes(answer))});
    std::vector<std::string> words = {command, kId};
    words.insert(words.end(), more.begin(), more.end());
    return run_with(kCommands, std::move(words), lines, lang);
  }
};

}  // namespace

TEST_CASE("a person who agrees signs the proposal's digest and the log as it was checked") {
  Room room;
  const log::Checkpoint head = room.vault.checkpoint(room.vault.leaves.size());
  CHECK(room.run("approve", "y") == 0);
  INFO(room.err);
  REQUIRE(room.sent.size() == 1);
  CHECK(room.sent[0].first == "/v1/proposals/" + kId + "/approvals");
  const Json& body = room.sent[0].second;
  CHECK(body.at("size") == head.size);
  CHECK(body.at("root") == to_hex(head.root));
  const std::string statement = *canonical_json({{"proposal", room.digest()},
                                                 {"root", to_hex(head.root)},
                                                 {"rule", 0},
                                                 {"size", head.size},
                                                 {"v", 1},
                                                 {"vault", to_hex(room.vault.id)},
                                                 {"verb", "approve"}});
  const auto signer = ledger::format_ssh_key_line(*ledger::ssh_key_from_evp(room.front.door.key.get()));
  CHECK(
      ledger::verify_sshsig(body.at("signature").get<std::string>(), signer, "facekeep-approval", as_bytes(statement)));
  for (const char* fact :
       {"property/1", "door/7", "west", "gate", "main", "new-door", "1 property + 1 residents", "nobody", "draft"}) {
    CAPTURE(fact);
    CHECK(room.shows(fact));
  }
  // Who signed, the stage and the rule are the log's, whatever the vault says.
  for (const char* lie : {"residents/3", "Stage: open", "lifetime 61 s"}) {
    CAPTURE(lie);
    CHECK_FALSE(room.shows(lie));
  }
  CHECK(room.shows(room.digest()));
  CHECK(room.shows(to_hex(sha256(as_bytes("key")))));
}

TEST_CASE("ssh-keygen signs with a key that only it has") {
  if (std::system("command -v ssh-keygen > /dev/null") != 0) {
    WARN("SKIP openssh-client is not installed");
    return;
  }
  Room room;
  const std::string key = (room.dir.path() / "custodian").string();
  REQUIRE(std::system(("ssh-keygen -q -t ed25519 -N '' -f " + key).c_str()) == 0);
  CHECK(room.run("approve", "y", {"--ssh-key", key + ".missing"}) == 2);
  CHECK(room.sent.empty());
  CHECK(room.run("approve", "y", {"--ssh-key", key}) == 0);
  INFO(room.err);
  REQUIRE(room.sent.size() == 1);
  const auto signature = ledger::parse_armored_sshsig(room.sent[0].second.at("signature").get<std::string>());
  REQUIRE(signature);
  CHECK(signature->ns == "facekeep-approval");
}

TEST_CASE("ssh-agent signs with a key whose file is gone") {
  if (std::system("command -v ssh-agent > /dev/null") != 0) {
    WARN("SKIP openssh-client is not installed");
    return;
  }
  Room room;
  const std::string key = (room.dir.path() / "custodian").string();
  const std::string socket = (room.dir.path() / "agent").string();
  const std::string pid = (room.dir.path() / "pid").string();
  REQUIRE(std::system(("ssh-keygen -q -t ecdsa -b 256 -N '' -f " + key).c_str()) == 0);
  REQUIRE(std::system(
              ("ssh-agent -s -a " + socket + " | sed -n 's/.*SSH_AGENT_PID=\\([0-9]*\\);.*/\\1/p' > " + pid).c_str()) ==
          0);
  ::setenv("SSH_AUTH_SOCK", socket.c_str(), 1);
  REQUIRE(std::system(("ssh-add -q " + key + " 2> /dev/null && rm " + key).c_str()) == 0);
  CHECK(room.run("approve", "y", {"--ssh-key", key + ".pub"}) == 0);
  INFO(room.err);
  CHECK(std::system(("kill $(cat " + pid + ")").c_str()) == 0);
  ::unsetenv("SSH_AUTH_SOCK");
  REQUIRE(room.sent.size() == 1);
  CHECK(ledger::parse_armored_sshsig(room.sent[0].second.at("signature").get<std::string>()));
  Room later;  // with the agent gone
  CHECK(later.run("approve", "y", {"--ssh-key", key + ".pub"}) == 2);
  CHECK(later.sent.empty());
}

TEST_CASE("a token signs with the pair that the URI names, and one try of the PIN is made") {
  if (!test::SoftHsm::available()) {
    WARN("SKIP softhsm2 is not installed: no token to test on");
    return;
  }
  const test::SoftHsm token("person");
  Room room;
  const Id128 owner{9};
  std::string signer;
  {
    const auto pool = hsm::open_token(token.uri(), test::SoftHsm::pin());
    REQUIRE(pool);
    const auto pair = hsm::create_log_key(**pool, owner, true);
    REQUIRE(pair);
    const ByteView spki = pair->public_key;
    signer = ledger::format_ssh_key_line({ledger::SshKeyType::kEcdsaP256, to_bytes(spki.last(65)), {}});
  }
  std::string uri = token.uri();
  uri.insert(uri.find('?'), ";object=" + percent_encode(hsm::log_label(owner)));
  const auto sign = [&](const std::string& named, const std::string& pin) {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe(ends) == 0);
    REQUIRE(::write(ends[1], pin.data(), pin.size()) == static_cast<ssize_t>(pin.size()));
    ::close(ends[1]);
    const int code = room.run("approve", "y", {"--token", named, "--pin-fd", std::to_string(ends[0])});
    ::close(ends[0]);
    return code;
  };
  CHECK(sign(uri, "wrong") != 0);
  CHECK(sign(token.uri(), test::SoftHsm::pin_text()) == 1);
  std::string other = token.uri();
  other.insert(other.find('?'), ";object=nobody");
  CHECK(sign(other, test::SoftHsm::pin_text()) == 1);
  CHECK(room.sent.empty());
  CHECK(sign(uri, test::SoftHsm::pin_text()) == 0);
  INFO(room.err);
  REQUIRE(room.sent.size() == 1);
  const auto signature = ledger::parse_armored_sshsig(room.sent[0].second.at("signature").get<std::string>());
  REQUIRE(signature);
  CHECK(ledger::format_ssh_key_line(signature->key) == signer);
}

TEST_CASE("a veto is a signature of its own") {
  Room room;
  CHECK(room.run("veto", "y") == 0);
  INFO(room.err);
  REQUIRE(room.sent.size() == 1);
  CHECK(room.sent[0].first == "/v1/proposals/" + kId + "/veto");
}

TEST_CASE("nothing is signed when the person says no, or agreed to another digest") {
  Room room;
  CHECK(room.run("approve", "n") == 1);
  CHECK(room.run("approve", "y", {"--yes-to", std::string(64, 'a')}) == 2);
  CHECK(room.sent.empty());
  CHECK(room.run("approve", "n", {"--yes-to", room.digest()}) == 0);
  CHECK(room.sent.size() == 1);
}

TEST_CASE("nothing is signed when the vault shows another proposal than its log has") {
  Room room;
  room.shown = proposal("lobby");
  CHECK(room.run("approve", "y") == 2);
  CHECK(room.err.find("another proposal") != std::string::npos);
  room.shown = proposal();
  room.shown.by = "residents/1";
  CHECK(room.run("approve", "y") == 2);
  room.shown = proposal();
  room.entry = 1;
  CHECK(room.run("approve", "y") == 2);
  room.entry = 99;
  CHECK(room.run("approve", "y") == 2);
  CHECK(room.sent.empty());
}

TEST_CASE("nothing is signed over a log that was rolled back past what this machine saw") {
  Room room;
  const std::vector<Digest> old = room.vault.leaves;
  room.vault.append("a veto that this machine saw");
  REQUIRE(room.memory().put(room.vault.id, room.vault.note()));
  room.vault.leaves = old;
  CHECK(room.run("approve", "y") == 2);
  CHECK(room.err.find("rolled back") != std::string::npos);
  CHECK(room.sent.empty());
}

TEST_CASE("what a proposer wrote can't be read otherwise than it is") {
  ledger::ProposalMade sly = proposal();
  std::get<ledger::RegisterPrincipals>(sly.action).principals[0].id = "door/7\u202Egnihton\x1b[2J\nStage: done";
  Room room(sly);  // no vault of these rules writes it
  CHECK(room.run("approve", "y") == 2);
  CHECK(room.sent.empty());
  CHECK_FALSE(room.shows("\u202E"));
  CHECK_FALSE(room.shows("\x1b"));
  CHECK_FALSE(room.shows("\nStage: done"));
}

TEST_CASE("nothing is signed when the vault hides what the log says of the proposal") {
  Room room;
  SECTION("that it was withdrawn") {
    room.vault.append_event(ledger::ProposalWithdrawn{{0xab}, "property/1"});
    CHECK(room.run("approve", "n") == 1);
    CHECK(room.shows("Stage: withdrawn"));
  }
  SECTION("that it was carried out without signatures") {
    room.vault.append_event(ledger::ProposalDone{{0xab}, {}});
    CHECK(room.run("approve", "y") == 2);
    CHECK(room.err.find("breaks the vault's rules") != std::string::npos);
  }
  CHECK(room.sent.empty());
}

TEST_CASE("a change of a custodian is shown field by field against what is registered") {
  ledger::PrincipalRecord changed;
  for (const auto& p : tools::testing::FakeVault::plain_genesis().principals) {
    if (p.id == "residents/1") changed = p;
  }
  const std::string old = to_hex(changed.key);
  changed.key = sha256(as_bytes("somebody else's"));
  changed.until = "2030-01-31";
  Room room({{0xab}, "property/1", "new-key", ledger::ChangeCustodian{changed}, {}});
  CHECK(room.run("approve", "n") == 1);
  INFO(room.err);
  CHECK(room.shows("key: " + old + " -> " + to_hex(changed.key)));
  CHECK(room.shows("until: (none) -> 2030-01-31"));
  CHECK_FALSE(room.shows("approval_key:"));
}

TEST_CASE("an export of named people is signed only when each of them is shown") {
  const ledger::ProposalMade made{
      {1}, "property/1", "x", ledger::ExportTemplates{"main", 3, Digest{1}, ledger::ExportBasis::kConsent, {}, {}}, {}};
  ProposalStatus status;
  status.made = made;
  CHECK_FALSE(check_everybody_named(status));
  status.subjects = {"anna", "bert"};
  const auto fewer = check_everybody_named(status);
  REQUIRE_FALSE(fewer);
  CHECK(std::string_view(fewer.error().problem) == "names-missing");
  status.subjects.push_back("carl");
  CHECK(check_everybody_named(status));
  status.subjects.push_back("dora");
  CHECK_FALSE(check_everybody_named(status));
  // A whole site has no list.
  std::get<ledger::ExportTemplates>(status.made.action).subjects.reset();
  CHECK(check_everybody_named(status));
}

TEST_CASE("names are shown when they open their commitments, and nothing is signed when one does not") {
  const ledger::PersonName name{"West gate\x1b[2J", sha256(as_bytes("salt"))};
  ledger::ProposalMade named = proposal();
  std::get<ledger::RegisterPrincipals>(named.action).principals[0].name = ledger::name_commitment(name);
  Room room(named);
  CHECK(room.run("approve", "n") == 1);
  CHECK(room.shows("its name is not known"));
  room.names = ledger::to_json(ledger::PeopleNames{{"door/7", name}});
  CHECK(room.run("approve", "n") == 1);
  CHECK(room.shows("door/7 is \"West gate\\u{1b}[2J\""));
  room.names["door/7"]["name"] = "East gate";
  CHECK(room.run("approve", "y") == 2);
  CHECK(room.err.find("does not open its commitment") != std::string::npos);
  CHECK(room.sent.empty());
}

TEST_CASE("a proposal is shown in Chinese too") {
  Room room;
  CHECK(room.run("approve", "y", {}, "zh") == 0);
  CHECK(room.shows("提案"));
  CHECK(room.shows("登记 door/7"));
}

TEST_CASE("every kind of action has words") {
  ledger::PrincipalRecord person;
  person.id = "property/1";
  const std::vector<ledger::Action> actions = {proposal().action,
                                               ledger::ChangeCustodian{person},
                                               ledger::ChangeRules{{{"export", {{{"property", 2}}, 1, 2}}}},
                                               ledger::ChangeThresholds{"face", 1, 2},
                                               ledger::AddModel{},
                                               ledger::ChangeReveal{"main", false},
                                               ledger::CancelErasures{"main"},
                                               ledger::OpenSite{},
                                               ledger::ChangePolicy{"main", 30, 5},
                                               ledger::ChangeWitnesses{},
                                               ledger::ExportTemplates{},
                                               ledger::RotateKeys{},
                                               ledger::Reshare{},
                                               ledger::SetRotation{},
                                               ledger::RotateLogKey{},
                                               ledger::ConfirmSubjects{"main"},
                                               ledger::SetTicket{}};
  REQUIRE(actions.size() == std::variant_size_v<ledger::Action>);
  for (const auto& action : actions) {
    CAPTURE(action.index());
    CHECK_FALSE(describe(Lang::kEnglish, action).empty());
    CHECK(describe(Lang::kEnglish, action) != describe(Lang::kChinese, action));
  }
}
