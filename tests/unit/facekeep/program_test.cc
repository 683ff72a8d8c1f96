#include "tools/facekeep/program.h"

#include <sstream>

#include "tests/support/catch.h"
#include "tests/unit/facekeep/fake_vault.h"
#include "tests/unit/tools/scratch.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/key_files.h"
#include "vault/seal/slip39.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

constexpr std::array kCommands = {AddCommand{add_key},    AddCommand{add_door_kit}, AddCommand{add_unseal},
                                  AddCommand{add_seal},   AddCommand{add_status},   AddCommand{add_share},
                                  AddCommand{add_enrol},  AddCommand{add_import},   AddCommand{add_identify},
                                  AddCommand{add_changes}};

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

Ran run(std::vector<std::string> args, std::vector<ScriptedTerminal::Line> typed = {}) {
  args.insert(args.begin(), "facekeep");
  if (std::find(args.begin(), args.end(), "--lang") == args.end()) args.insert(args.end(), {"--lang", "en"});
  std::vector<const char*> argv;
  for (const std::string& a : args) argv.push_back(a.c_str());
  std::ostringstream out;
  std::ostringstream err;
  Context context(out, err);
  auto lines = std::make_shared<std::vector<ScriptedTerminal::Line>>(std::move(typed));
  context.open_person = [lines]() -> Result<std::unique_ptr<Terminal>> {
    if (lines->empty()) return make_error(Errc::kIo, "no terminal");
    return std::unique_ptr<Terminal>(std::make_unique<ScriptedTerminal>(ScriptedTerminal::answers(std::move(*lines))));
  };
  Ran r;
  r.code = run_program(kCommands, static_cast<int>(argv.size()), argv.data(), context);
  r.out = out.str();
  r.err = err.str();
  return r;
}

ScriptedTerminal::Line line(const std::string& expect, std::string_view text) {
  return {expect, SecretBytes::copy_of(as_bytes(text))};
}

}  // namespace

TEST_CASE("mistakes in arguments end with 1, an error and a hint") {
  const std::vector<std::vector<std::string>> mistakes = {
      {},
      {"nonsense"},
      {"key"},
      {"key", "new"},
      {"key", "new", "x", "--type", "rsa"},
      {"status", "--bogus"},
      {"identify", "--site", "a"},
      {"status"},
      {"seal", "--vault", "no-such-notice.json"},
      {"unseal", "--share-fd", "three"},
      {"status", "--lang", "fr"},
  };
  for (const auto& args : mistakes) {
    const Ran r = run(args);
    INFO(r.err);
    CHECK(r.code == 1);
    CHECK(r.out.empty());
    CHECK(r.err.starts_with("error: "));
    CHECK(r.err.find("\nhint: ") != std::string::npos);
  }
}

TEST_CASE("help ends with 0, in the person's language") {
  const Ran english = run({"key", "new", "--help"});
  CHECK(english.code == 0);
  CHECK(english.out.find("don't protect the key") != std::string::npos);
  const Ran chinese = run({"--lang", "zh", "key", "new", "--help"});
  CHECK(chinese.code == 0);
  CHECK(chinese.out.find("不为私钥设置口令") != std::string::npos);
}

TEST_CASE("with JSON a failure is one object on stdout, with the problem's name") {
  const Ran r = run({"status", "--json"});
  CHECK(r.code == 1);
  const Json object = Json::parse(r.out);
  CHECK(object["problem"] == "no-notice");
  CHECK(object["error"]["code"] == "invalid-argument");
  CHECK_FALSE(object["error"]["hint"].get<std::string>().empty());
}

TEST_CASE("in Chinese error and hint are Chinese") {
  const Ran r = run({"--lang", "zh", "status"});
  CHECK(r.code == 1);
  CHECK(r.err.find("未指定保管库") != std::string::npos);
  CHECK(r.err.find("请给出保管库公告") != std::string::npos);
}

TEST_CASE("a new key is three files that agree, and is never overwritten") {
  const Scratch dir;
  const std::string stem = (dir.path() / "anna").string();
  for (const char* type : {"p256", "ed25519"}) {
    const std::string out = stem + "-" + type;
    const Ran made = run({"key", "new", out, "--type", type, "--json"}, {});
    CHECK(made.code == 2);  // no terminal to ask at, and no --no-passphrase
    CHECK_FALSE(std::filesystem::exists(out + ".key"));
    std::vector<ScriptedTerminal::Line> typed;
    typed.push_back(line("Passphrase", "a passphrase"));
    typed.push_back(line("again", "a passphrase"));
    const Ran r = run({"key", "new", out, "--type", type, "--json"}, std::move(typed));
    REQUIRE(r.code == 0);
    const std::string spki = Json::parse(r.out)["spki_sha256"].get<std::string>();
    CHECK(to_hex(read_key_facts(out + ".crt", {})->spki) == spki);
    CHECK(to_hex(read_key_facts(out + ".pub", {})->spki) == spki);
    std::vector<ScriptedTerminal::Line> right;
    right.push_back(line(out + ".key", "a passphrase"));
    const Ran shown = run({"key", "show", out + ".key"}, std::move(right));
    CHECK(shown.code == 0);
    CHECK(shown.out.find(spki) != std::string::npos);
    std::vector<ScriptedTerminal::Line> wrong;
    wrong.push_back(line(out + ".key", "another"));
    CHECK(run({"key", "show", out + ".key"}, std::move(wrong)).code == 1);
    CHECK(run({"key", "new", out, "--no-passphrase"}).code == 1);
  }
}

TEST_CASE("an empty passphrase is refused") {
  const Scratch dir;
  std::vector<ScriptedTerminal::Line> typed;
  typed.push_back(line("Passphrase", ""));
  typed.push_back(line("again", ""));
  const Ran r = run({"key", "new", (dir.path() / "k").string()}, std::move(typed));
  CHECK(r.code == 1);
  CHECK_FALSE(std::filesystem::exists(dir.path() / "k.key"));
}

TEST_CASE("a door kit holds everything that an installer needs") {
  const Scratch dir;
  const std::string out = (dir.path() / "kit").string();
  const std::string notice = dir.write("notice.json", facekeep::tools::testing::FakeVault().notice_json().dump(2));
  const Ran r = run({"door-kit", "gate", "--site", "tower", "--door", "gate-1", "--model", "arcface", "--out", out,
                     "--vault", notice, "--json"});
  INFO(r.err);
  REQUIRE(r.code == 0);
  const Json result = Json::parse(r.out);
  CHECK(result["principal"]["role"] == "door");
  CHECK(result["principal"]["doors"] == Json{"gate-1"});
  CHECK(to_hex(read_key_facts(out + "/gate.key", {})->spki) == result["spki_sha256"]);
  CHECK(dir.read("kit/notice.json") == dir.read("notice.json"));
  CHECK(dir.read("kit/identify.sh").find("--pinnedpubkey") != std::string::npos);
  CHECK(dir.read("kit/identify.sh").find("@") == dir.read("kit/identify.sh").find("@probe.json"));
  CHECK(dir.read("kit/README.txt").find("门禁") != std::string::npos);
  const Json probe = Json::parse(dir.read("kit/probe.json"));
  CHECK(from_base64(probe["probe"].get<std::string>())->size() == 512 * 4);
  // Not into a folder that holds something, and not with names that the vault would refuse.
  CHECK(run({"door-kit", "gate", "--site", "tower", "--door", "gate-1", "--model", "m", "--out", out}).code == 1);
  CHECK(run({"door-kit", "Gate 1", "--site", "t", "--door", "d", "--model", "m", "--out", out + "2"}).code == 1);
}

TEST_CASE("a card is checked on this machine alone") {
  const Scratch dir;
  facekeep::tools::testing::FakeVault vault;
  seal::SplitOptions split;
  split.groups = {{1, 1}, {1, 1}};
  split.group_threshold = 2;
  split.iteration_exponent = 0;
  const auto cards = *seal::split_secret(random_secret(32).view(), split);
  Json json = vault.notice_json();
  json["shares"] = {
      {{"group", "residents"}, {"number", 1}, {"commitment", to_hex(seal::share_commitment(cards[1][0]))}}};
  const std::string notice = dir.write("notice.json", json.dump());
  const auto typed = [](const seal::SecretWords& words) {
    std::vector<ScriptedTerminal::Line> out;
    out.push_back({"Words", seal::share_words_text(words)});
    return out;
  };
  const Ran good = run({"share", "check", "--vault", notice}, typed(cards[1][0]));
  CHECK(good.code == 0);
  CHECK(good.out.find("residents, number 1") != std::string::npos);
  CHECK(run({"share", "check", "--vault", notice}, typed(cards[0][0])).code == 1);
  CHECK(run({"share", "check", "--offline"}, typed(cards[0][0])).code == 0);
  seal::SecretWords misread = cards[1][0].clone();
  misread.set(7, static_cast<std::uint16_t>((misread.at(7) + 1) % 1024));
  const Ran bad = run({"share", "check", "--offline"}, typed(misread));
  CHECK(bad.code == 1);
  CHECK(bad.err.find(seal::slip39_word(misread.at(7))) == std::string::npos);
}
