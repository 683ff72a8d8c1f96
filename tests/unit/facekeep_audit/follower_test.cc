// Following a log: what each look tells, and what it refuses.
#include "tools/facekeep-audit/follower.h"

#include "tests/unit/facekeep_audit/support.h"
#include "tools/facekeep-audit/act_text.h"

using namespace facekeep;
using namespace facekeep::audit_test;
using facekeep::tools::Follower;

namespace {

std::vector<std::string> types(const tools::News& news) {
  std::vector<std::string> out;
  for (const auto& act : news.acts) out.push_back(act.type);
  return out;
}
using Types = std::vector<std::string>;

tools::News look(Follower& follower, Server& server) {
  auto news = follower.look(server.get(), server.get());
  if (!news) FAIL(news.error().message);
  return *news;
}

// Sealed by one person, and started anew with another key.
void seal(MemoryMirror& m, std::uint8_t key) {
  m.wait(1000);
  m.add(ledger::Sealed{"property/1", "request"});
  m.add(ledger::Start{"0.1.0", {1}, {2}, {key}, false});
  m.publish();
}

// The openings of accesses as a sealed vault gives them.
void close_openings(MemoryMirror& m) {
  for (auto& [path, bytes] : m.files) {
    if (!path.starts_with("openings/")) continue;
    Json doc = parse_json(as_chars(bytes)).value();
    Json there = Json::array();
    for (const Json& o : doc["openings"]) {
      const std::uint64_t entry = o["entry"].get<std::uint64_t>();
      const std::string text(as_chars(m.entries[entry]));
      if (text.find("\"access\"") == std::string::npos) {
        there.push_back(o);
      } else {
        doc["missing"].push_back({{"entry", entry}, {"reason", "sealed"}});
      }
    }
    doc["openings"] = there;
    bytes = to_bytes(doc.dump());
  }
}

}  // namespace

TEST_CASE("each look tells the acts that came since the one before, and reaches the vault's state") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  Follower follower(dir.path(), log_signer().key, Level::kAuditor);
  const tools::News first = look(follower, server);
  CHECK(first.new_entries == 320);
  CHECK(first.findings.empty());
  CHECK(types(first) ==
        Types{"genesis", "start", "unseal-share", "unseal-share", "unseal-share", "unseal-share", "unsealed"});
  CHECK(look(follower, server).acts.empty());

  seal(server.m, 4);
  const tools::News second = look(follower, server);
  CHECK(second.new_entries == 2);
  CHECK(types(second) == Types{"sealed", "start"});
  CHECK(second.acts[0].entry == 320);
  CHECK(second.findings.empty());
  CHECK(follower.replay().state().digest() == server.m.state.digest());
  const std::string line = tools::act_line(tools::Lang::kEnglish, second.acts[0]);
  CHECK(line.find("entry 320: vault sealed (property/1; reason: request)") != std::string::npos);
  CHECK(tools::act_line(tools::Lang::kChinese, second.acts[0]).find("保管库封存") != std::string::npos);
  CHECK(run({"replay", dir.path()}).code == 0);
}

TEST_CASE("who follows again in the same folder hears only what is new") {
  const ScratchDir dir;
  Server server{open_vault(10), {}};
  {
    Follower before(dir.path(), log_signer().key, Level::kPublic);
    look(before, server);
  }
  seal(server.m, 4);
  Follower follower(dir.path(), log_signer().key, Level::kPublic);
  CHECK(types(look(follower, server)) == Types{"sealed", "start"});
}

TEST_CASE("a look asks for what is new and for no opening twice") {
  const ScratchDir dir;
  Server server{open_vault(600), {}};
  Follower follower(dir.path(), log_signer().key, Level::kAuditor);
  look(follower, server);
  server.asked.clear();
  look(follower, server);
  CHECK(server.asked.count("/v1/log/openings/2") == 0);
  // Reading openings is itself an entry: nobody may be kept busy by the own footsteps.
  server.m.add(ledger::OpeningsRead{"auditor/1", "bundle", 2});
  server.m.publish();
  look(follower, server);
  for (const char* bundle : {"0", "1", "2"}) CHECK(server.asked.count(std::string("/v1/log/openings/") + bundle) == 0);
  server.m.add(ledger::MetadataRead{"main", "operator/1", "list", {}});
  server.m.publish();
  look(follower, server);
  CHECK(server.asked["/v1/log/openings/2"] == 1);
  CHECK(server.asked.count("/v1/log/openings/1") == 0);
  CHECK(server.asked.count("/tile/entries/001") == 0);
  CHECK(follower.replay().complete());
}

TEST_CASE("what a sealed vault can't give is asked for again when it is open, and not before") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  seal(server.m, 4);
  close_openings(server.m);
  Follower follower(dir.path(), log_signer().key, Level::kAuditor);
  CHECK(look(follower, server).findings.empty());
  CHECK(follower.replay().complete());
  server.asked.clear();
  look(follower, server);
  CHECK(server.asked.count("/v1/log/openings/0") == 0);
  for (const char* by : {"property/1", "property/2", "residents/1", "residents/3"}) {
    const std::string id = by;
    server.m.add(ledger::UnsealShare{id, id.substr(0, id.find('/')), static_cast<std::uint32_t>(id.back() - '0')});
  }
  server.m.add(ledger::Unsealed{{"property/1", "property/2", "residents/1", "residents/3"}});
  server.m.publish();  // with all openings
  look(follower, server);
  look(follower, server);
  CHECK(server.asked["/v1/log/openings/0"] == 1);
  CHECK(server.asked["/v1/log/openings/1"] == 1);
}

TEST_CASE("a log that was rolled back or forked is refused, and the mirror stays with what it believed") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  Follower follower(dir.path(), log_signer().key, Level::kPublic);
  look(follower, server);
  Server old{open_vault(0), {}};
  CHECK(follower.look(old.get()).error().problem == std::string("rolled-back"));
  for (int i = 0; i < 400; ++i) {
    old.m.wait(1);
    old.m.add(ledger::MetadataRead{"main", "operator/1", "list", {}});
  }
  old.m.publish();
  CHECK(follower.look(old.get()).error().problem == std::string("forked"));
  CHECK(follower.head().size == 320);
  CHECK(std::filesystem::exists(dir.path() + "/checkpoints/420"));
  seal(server.m, 4);
  CHECK(look(follower, server).new_entries == 2);
}

TEST_CASE("an entry that the rules forbid is a finding of the look that brought it, once") {
  const ScratchDir dir;
  Server server{open_vault(10), {}};
  Follower follower(dir.path(), log_signer().key, Level::kPublic);
  CHECK(look(follower, server).findings.empty());
  server.m.append({server.m.wall, server.m.uptime, ledger::Unsealed{{"property/1"}}});
  server.m.publish();
  const tools::News news = look(follower, server);
  REQUIRE_FALSE(news.findings.empty());
  CHECK(news.findings[0].entry == 30);
  server.m.append({server.m.wall, server.m.uptime, ledger::OpeningsRead{"auditor/1", "register", {}}});
  server.m.publish();
  CHECK(look(follower, server).findings.empty());
}

TEST_CASE("a tree of the log's past is told from another one") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  Follower follower(dir.path(), log_signer().key, Level::kPublic);
  look(follower, server);
  log::Tree tree;
  for (std::size_t i = 0; i < 270; ++i) tree.append(log::leaf_hash(server.m.entries[i]));
  CHECK(follower.contains(270, tree.root()).value());
  CHECK_FALSE(follower.contains(271, tree.root()).value());
  CHECK(follower.contains(0, log::empty_root()).value());
  CHECK_FALSE(follower.contains(321, tree.root()));
}

TEST_CASE("looks leave one checkpoint behind, not one each") {
  const ScratchDir dir;
  Server server{open_vault(10), {}};
  Follower follower(dir.path(), log_signer().key, Level::kPublic);
  look(follower, server);
  for (int i = 0; i < 5; ++i) {
    server.m.add(ledger::MetadataRead{"main", "operator/1", "list", {}});
    server.m.publish();
    look(follower, server);
  }
  // Two, if the hour ended just now.
  CHECK(mirror_in(dir.path()).seen().value().size() <= 2);
  CHECK(std::filesystem::exists(dir.path() + "/checkpoints/35"));
}
