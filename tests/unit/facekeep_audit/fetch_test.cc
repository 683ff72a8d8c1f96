// Mirroring: whole, resumed, grown; and what is refused.
#include "tests/unit/audit/decisions.h"
#include "tests/unit/facekeep_audit/support.h"
#include "tools/facekeep-audit/audit_run.h"
#include "tools/facekeep-audit/polite_client.h"

using namespace facekeep;
using namespace facekeep::audit_test;

namespace {

std::uint64_t tiles_asked(const Server& s) {
  std::uint64_t n = 0;
  for (const auto& [target, count] : s.asked) n += target.starts_with("/tile/") ? static_cast<std::uint64_t>(count) : 0;
  return n;
}

}  // namespace

TEST_CASE("a fetched mirror replays without a finding, and a second fetch asks for the checkpoint alone") {
  const ScratchDir dir;
  Server server{open_vault(600), {}};
  const auto first = fetch(server, dir.path());
  REQUIRE(first);
  CHECK(first->new_entries == 620);
  CHECK_FALSE(first->before);
  const Ran replayed = run({"replay", dir.path(), "--json"});
  INFO(replayed.out << replayed.err);
  CHECK(replayed.code == 0);
  CHECK(parse_json(replayed.out).value()["state_digest"] == to_hex(server.m.state.digest()));
  server.asked.clear();
  REQUIRE(fetch(server, dir.path()));
  CHECK(server.asked["/checkpoint"] == 1);
  CHECK(server.asked.count("/v1/log/openings/0") == 0);  // each reading would be an entry of the log
  CHECK(tiles_asked(server) <= 3);                       // the right edge
}

TEST_CASE("a log that grew is continued, and only what is new is asked for") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  REQUIRE(fetch(server, dir.path()));
  server.asked.clear();
  for (int i = 0; i < 300; ++i) {
    server.m.wait(500);
    server.m.add(ledger::MetadataRead{"main", "operator/1", "list", {}});
  }
  server.m.publish();
  const auto again = fetch(server, dir.path());
  REQUIRE(again);
  CHECK(again->before == 320);
  CHECK(again->new_entries == 300);
  CHECK(server.asked.count("/tile/entries/000") == 0);
  CHECK(server.asked.count("/v1/log/openings/0") == 0);
  CHECK_FALSE(std::filesystem::exists(dir.path() + "/tile/entries/001.p"));
  CHECK_FALSE(std::filesystem::exists(dir.path() + "/openings/001.p"));
  const Ran replayed = run({"replay", dir.path()});
  INFO(replayed.out << replayed.err);
  CHECK(replayed.code == 0);
}

TEST_CASE("an interrupted fetch is resumed with what it left") {
  const ScratchDir dir;
  Server server{open_vault(600), {}};
  int left = 6;
  const tools::Get all = server.get();
  const tools::Get broken = [&](const std::string& target) -> Result<Bytes> {
    if (left-- == 0) return make_error(Errc::kUnavailable, "the line broke");
    return all(target);
  };
  CHECK_FALSE(tools::fetch_log(mirror_in(dir.path()), log_signer().key, broken));
  CHECK_FALSE(std::filesystem::exists(dir.path() + "/checkpoint"));
  server.asked.clear();
  REQUIRE(fetch(server, dir.path()));
  CHECK(server.asked.count("/tile/entries/000") == 0);
  CHECK(run({"replay", dir.path()}).code == 0);
  CHECK_FALSE(std::filesystem::exists(dir.path() + "/fetching"));
}

TEST_CASE("an interrupted fetch leaves the mirror as it was, and what it kept is used at whatever size comes next") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  REQUIRE(fetch(server, dir.path()));
  const auto grow = [&] {
    for (int i = 0; i < 600; ++i) {
      server.m.wait(500);
      server.m.add(ledger::MetadataRead{"main", "operator/1", "list", {}});
    }
    server.m.publish();
  };
  grow();
  const tools::Get all = server.get();
  const tools::Get broken = [&](const std::string& target) -> Result<Bytes> {
    if (target == "/tile/entries/003.p/152") return make_error(Errc::kUnavailable, "the line broke");
    return all(target);
  };
  CHECK_FALSE(tools::fetch_log(mirror_in(dir.path()), log_signer().key, broken));
  CHECK(std::filesystem::exists(dir.path() + "/fetching/tile/entries/002"));
  const auto replayed = [&] {
    const Ran ran = run({"replay", dir.path(), "--json"});
    INFO(ran.out << ran.err);
    CHECK(ran.code == 0);
    Json said = parse_json(ran.out).value();
    CHECK(said["findings"].size() == 1);  // witnesses-not-asked
    return said["size"].get<std::uint64_t>();
  };
  CHECK(replayed() == 320);
  grow();
  server.asked.clear();
  REQUIRE(fetch(server, dir.path()));
  CHECK(server.asked.count("/tile/entries/002") == 0);
  CHECK(replayed() == 1520);
  CHECK_FALSE(std::filesystem::exists(dir.path() + "/fetching"));
  CHECK_FALSE(std::filesystem::exists(dir.path() + "/tile/entries/003.p"));
}

TEST_CASE("a rolled-back log is refused with both positions, and both checkpoints are kept") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  REQUIRE(fetch(server, dir.path()));
  Server old{open_vault(0), {}};
  const auto refused = fetch(old, dir.path());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().problem == std::string("rolled-back"));
  CHECK(refused.error().message.find("320") != std::string::npos);
  CHECK(refused.error().message.find("20") != std::string::npos);
  CHECK(std::filesystem::exists(dir.path() + "/checkpoints/20"));
  CHECK(std::filesystem::exists(dir.path() + "/checkpoints/320"));
  CHECK(run({"replay", dir.path()}).code == 0);  // the smaller one is a part of the same history
}

TEST_CASE("a forked log is refused with both positions, and replay shows it from the evidence") {
  for (const std::size_t more : {0U, 100U, 300U}) {
    const ScratchDir dir;
    Server server{open_vault(300), {}};
    REQUIRE(fetch(server, dir.path()));
    Server other{open_vault(0), {}};
    for (std::size_t i = 0; i < 300 + more; ++i) {
      other.m.wait(1);
      other.m.add(ledger::MetadataRead{"main", "operator/1", "list", {}});
    }
    other.m.publish();
    const auto refused = fetch(other, dir.path());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().problem == std::string("forked"));
    CHECK(refused.error().message.find("320") != std::string::npos);
    CHECK(refused.error().message.find(std::to_string(320 + more)) != std::string::npos);
    const Ran replayed = run({"replay", dir.path()});
    INFO(replayed.out);
    CHECK(replayed.code == 2);
  }
}

TEST_CASE("what is served and does not fit is not kept") {
  const ScratchDir dir;
  Server server{open_vault(600), {}};
  SECTION("an entry") {
    server.m.files["tile/entries/001"][1000] ^= 1;
    const auto refused = fetch(server, dir.path());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("entry 265") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(dir.path() + "/tile/entries/001"));
  }
  SECTION("a tile") {
    server.m.files["tile/0/001"][1000] ^= 1;
    CHECK_FALSE(fetch(server, dir.path()));
    CHECK_FALSE(std::filesystem::exists(dir.path() + "/tile/0/001"));
  }
  SECTION("a checkpoint") {
    server.m.files["checkpoint"][30] ^= 1;
    CHECK_FALSE(fetch(server, dir.path()));
    CHECK_FALSE(std::filesystem::exists(dir.path() + "/checkpoint"));
  }
  SECTION("an opening") {
    server.m.openings[400] = server.m.openings[401];
    server.m.write_bundle(256);
    const auto refused = fetch(server, dir.path());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("entry 400") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(dir.path() + "/openings/001"));
  }
}

TEST_CASE("a tile that went bad in the mirror is fetched again") {
  const ScratchDir dir;
  Server server{open_vault(600), {}};
  REQUIRE(fetch(server, dir.path()));
  Bytes tile = mirror_in(dir.path()).read("tile/0/001").value();
  tile[7] ^= 1;
  REQUIRE(mirror_in(dir.path()).write("tile/0/001", tile));
  std::filesystem::remove(dir.path() + "/tile/entries/001");
  REQUIRE(fetch(server, dir.path()));
  CHECK(run({"replay", dir.path()}).code == 0);
}

TEST_CASE("a mirror of another log is not written over") {
  const ScratchDir dir;
  Server server{open_vault(0), {}};
  REQUIRE(fetch(server, dir.path()));
  const auto other = log_test::TestSigner::ed25519("vault.example/test");
  const auto refused = tools::fetch_log(mirror_in(dir.path()), other.key, server.get());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().problem == std::string("other-log"));
}

TEST_CASE("a sealed vault gives no openings now, and they are asked for again later") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  server.sealed = true;
  const auto fetched = tools::fetch_log(mirror_in(dir.path()), log_signer().key, server.get());
  REQUIRE(fetched);
  const auto none = tools::fetch_openings(mirror_in(dir.path()), fetched->checkpoint, server.get());
  REQUIRE(none);
  CHECK(none->sealed);
  CHECK(none->bundles == 0);
  server.sealed = false;
  CHECK(tools::fetch_openings(mirror_in(dir.path()), fetched->checkpoint, server.get())->bundles == 2);
}

TEST_CASE("an opening that the vault calls damaged does not hide the others, and is asked for again") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  const std::string path = MemoryMirror::opening_path({0, 256});
  const Bytes good = server.m.files[path];
  Json doc = parse_json(as_chars(good)).value();
  const std::uint64_t entry = doc["openings"].back()["entry"];
  doc["openings"].erase(doc["openings"].size() - 1);
  doc["missing"].push_back({{"entry", entry}, {"reason", "damaged"}});
  server.m.files[path] = to_bytes(doc.dump());
  REQUIRE(fetch(server, dir.path()));
  const Ran replayed = run({"replay", dir.path(), "--json"});
  CHECK(replayed.code == 2);
  const Json said = parse_json(replayed.out).value();
  CHECK(said["errors"] == 1);
  CHECK(said["findings"][0]["code"] == "access-opening-damaged");
  CHECK(said["findings"][0]["entry"] == entry);
  CHECK(said["state_digest"] == to_hex(server.m.state.digest()));
  // Repaired.
  server.m.files[path] = good;
  server.asked.clear();
  REQUIRE(fetch(server, dir.path()));
  CHECK(server.asked["/v1/log/openings/0"] == 1);
  CHECK(server.asked.count("/v1/log/openings/1") == 0);
  CHECK(run({"replay", dir.path()}).code == 0);
}

namespace {

// The vault's document of a bundle, with every access opening of it left out for that reason.
void withhold(Server& server, std::uint64_t bundle, const char* reason) {
  const auto width = log::tile_width_at(server.m.entries.size(), 0, bundle);
  Bytes& file = server.m.files.at(MemoryMirror::opening_path({bundle, width}));
  Json doc = parse_json(as_chars(file)).value();
  Json kept = Json::array();
  for (const Json& o : doc["openings"]) {
    const std::uint64_t n = o["entry"];
    if (as_chars(server.m.entries[n]).find("\"access\"") == std::string_view::npos) {
      kept.push_back(o);
    } else {
      doc["missing"].push_back({{"entry", n}, {"reason", reason}});
    }
  }
  doc["openings"] = kept;
  file = to_bytes(doc.dump());
}

Json replayed(const std::string& dir) {
  return parse_json(run({"replay", dir, "--json"}).out).value();
}

bool found(const Json& said, const std::string& code) {
  return std::any_of(said["findings"].begin(), said["findings"].end(),
                     [&](const Json& f) { return f["code"] == code; });
}

void pass(Server& server, int times) {
  for (int i = 0; i < times; ++i) {
    server.m.wait(500);
    server.m.add(ledger::MetadataRead{"main", "operator/1", "list", {}});
  }
  server.m.publish();
}

}  // namespace

TEST_CASE("a fetch while the vault is sealed gives up no opening that the mirror has") {
  const ScratchDir dir;
  Server server{open_vault(100), {}};
  REQUIRE(fetch(server, dir.path()));
  const std::string first = dir.path() + "/openings/000.p/120";
  REQUIRE(std::filesystem::exists(first));
  pass(server, 30);
  withhold(server, 0, "sealed");
  REQUIRE(fetch(server, dir.path()));
  CHECK(std::filesystem::exists(first));
  Json said = replayed(dir.path());
  INFO(said.dump());
  CHECK(said["errors"] == 0);
  CHECK(found(said, "access-openings-sealed"));
  SECTION("until an open one gives all of them") {
    pass(server, 1);
    REQUIRE(fetch(server, dir.path()));
    CHECK_FALSE(found(replayed(dir.path()), "access-openings-sealed"));
  }
  SECTION("and they serve when the vault can't give them any more") {
    pass(server, 1);
    withhold(server, 0, "destroyed");
    REQUIRE(fetch(server, dir.path()));
    const auto kept = audit::parse_openings(as_chars(mirror_in(dir.path()).read("openings/000.p/151").value()));
    CHECK(kept->at(119).state == audit::OpeningState::kThere);
    CHECK(kept->at(130).state == audit::OpeningState::kDestroyed);
    CHECK_FALSE(std::filesystem::exists(first));
  }
  CHECK(replayed(dir.path())["state_digest"] == to_hex(server.m.state.digest()));
}

TEST_CASE("openings of the same width are not given up for an answer of a sealed vault") {
  const ScratchDir dir;
  Server server{open_vault(100), {}};
  const std::string path = MemoryMirror::opening_path({0, 120});
  Json doc = parse_json(as_chars(server.m.files[path])).value();
  const std::uint64_t damaged = doc["openings"].back()["entry"];
  doc["openings"].erase(doc["openings"].size() - 1);
  doc["missing"].push_back({{"entry", damaged}, {"reason", "damaged"}});
  server.m.files[path] = to_bytes(doc.dump());
  REQUIRE(fetch(server, dir.path()));
  const Bytes before = mirror_in(dir.path()).read(path).value();
  withhold(server, 0, "sealed");
  REQUIRE(fetch(server, dir.path()));
  CHECK(mirror_in(dir.path()).read(path).value() == before);
}

TEST_CASE("openings of what came behind the mirror's checkpoint are left out of it") {
  const ScratchDir dir;
  Server server{open_vault(100), {}};
  const tools::Mirror mirror = mirror_in(dir.path());
  const auto log = tools::fetch_log(mirror, log_signer().key, server.get());
  REQUIRE(log);
  pass(server, 3);
  REQUIRE(tools::fetch_openings(mirror, log->checkpoint, server.get()));
  const auto path = MemoryMirror::opening_path({0, static_cast<unsigned>(log->checkpoint.size)});
  const auto kept = audit::parse_openings(as_chars(mirror.read(path).value()));
  REQUIRE(kept);
  CHECK_FALSE(kept->entries.empty());
  for (const auto& [entry, opening] : kept->entries) CHECK(entry < log->checkpoint.size);
}

TEST_CASE("a key that ends between the checkpoint and the openings is no finding: its end is fetched too") {
  const ScratchDir dir;
  Server server{open_vault(100), {}};
  server.m.wait(400LL * 86'400'000);
  server.m.add(ledger::Sums{server.m.wall, {}});
  server.m.publish();
  const tools::Mirror mirror = mirror_in(dir.path());
  const tools::Get get = server.get();
  auto log = tools::fetch_log(mirror, log_signer().key, get);
  REQUIRE(log);
  const std::uint64_t before = log->checkpoint.size;
  server.m.add(ledger::PeriodKeyDestroyed{"access", "main", "2026-11"});
  server.m.publish();
  withhold(server, 0, "destroyed");
  SECTION("as it was before: the end is not in the mirror") {
    REQUIRE(tools::fetch_openings(mirror, log->checkpoint, get)->ended);
    CHECK(found(replayed(dir.path()), "destroyed-without-entry"));
  }
  const auto read = tools::fetch_openings_and_ends(mirror, log_signer().key, *log, get, get);
  REQUIRE(read);
  CHECK_FALSE(read->ended);
  SECTION("with it") {
    CHECK(log->checkpoint.size == before + 1);
    const Json said = replayed(dir.path());
    INFO(said.dump());
    CHECK(said["errors"] == 0);
    CHECK(found(said, "access-openings-destroyed"));
  }
}

TEST_CASE("a fetch goes on to the end of what its own reading wrote, and stops there") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  const tools::Mirror mirror = mirror_in(dir.path());
  const tools::Get get = server.get();
  // As a vault does: each answer is an entry behind the checkpoint, and published later.
  int custody = 0;  // enrolments that come while it reads
  const tools::Get openings = [&](const std::string& target) -> Result<Bytes> {
    auto answer = get(target);
    server.m.wait(1);
    server.m.add(ledger::OpeningsRead{"auditor/1", "bundle", 0});
    if (custody-- > 0) {
      server.m.add(ledger::MetadataRead{"main", "operator/1", "list", {}});
    }
    server.m.publish();
    return answer;
  };
  custody = GENERATE(0, 1);
  CAPTURE(custody);
  auto log = tools::fetch_log(mirror, log_signer().key, get);
  REQUIRE(log);
  REQUIRE(tools::fetch_openings(mirror, log->checkpoint, openings));
  CHECK(log->checkpoint.size < server.m.entries.size());
  const auto rest = tools::fetch_to_the_end(mirror, log_signer().key, *log, get, openings);
  INFO((rest ? "" : rest.error().message));
  REQUIRE(rest);
  CHECK(log->checkpoint.size == server.m.entries.size());
  const auto note = mirror.checkpoint();
  REQUIRE(*note);
  CHECK(log::open_checkpoint(**note, log_signer().key)->size == server.m.entries.size());
  CHECK(run({"replay", dir.path()}).code == 0);
}

TEST_CASE("what the witnesses cosigned is kept in the mirror, and the replay holds it against the log") {
  const ScratchDir dir;
  Server server{open_vault(30), {}};  // its genesis wants two witnesses, and nothing without them
  REQUIRE(fetch(server, dir.path()));
  const auto code_of = [&] {
    const Json said = parse_json(run({"replay", dir.path(), "--json"}).out).value();
    return said["findings"].empty() ? std::string() : said["findings"].back()["code"].get<std::string>();
  };
  CHECK(code_of() == "witnesses-not-asked");
  CHECK(run({"replay", dir.path()}).code == 0);
  CHECK(tools::fetch_cosigned(mirror_in(dir.path()), server.get())->empty());  // it has none to show
  CHECK(code_of() == "witnesses-required");
  CHECK(run({"replay", dir.path()}).code == 2);
  server.m.files["v1/log/cosigned"] = server.m.files["checkpoint"];  // nobody has cosigned that
  REQUIRE(tools::fetch_cosigned(mirror_in(dir.path()), server.get()));
  CHECK(code_of() == "cosigned-wrong");
}

TEST_CASE("who the witnesses are is read off the fetched log by its rules, whatever the vault answers") {
  const ScratchDir dir;
  Server server{open_vault(30), {}};
  MemoryMirror& m = server.m;
  const auto of_genesis = m.state.current().witnesses;
  REQUIRE(of_genesis);
  const ledger::ProposalMade made = lt::made_by("property/1", 1, ledger::ChangeWitnesses{});
  m.add(made);
  approve(m, "property/1", made.id);
  approve(m, "residents/1", made.id);
  const auto policies = [&] {
    m.publish();
    REQUIRE(fetch(server, dir.path()));
    return tools::policies_of(mirror_in(dir.path()), m.entries.size());
  };
  SECTION("a change that people signed counts from its entry on") {
    m.wait(25LL * 3600 * 1000);
    m.add(ledger::ProposalDone{made.id, {}});
    const auto found = policies();
    REQUIRE(found);
    CHECK(found->at(m.entries.size() - 1) == of_genesis);
    CHECK_FALSE(found->at(m.entries.size()));
    // Witnesses that are none any more are not asked for.
    CHECK(tools::fetch_cosigned(mirror_in(dir.path()), server.get())->empty());
    CHECK(run({"replay", dir.path()}).code == 0);
  }
  SECTION("one that was proposed alone does not") {
    const auto found = policies();
    REQUIRE(found);
    CHECK(found->at(m.entries.size()) == of_genesis);
  }
  SECTION("one that somebody appended is no policy, and no silence either") {
    m.append({m.wall, m.uptime, ledger::ProposalDone{made.id, {}}});  // within the delay
    const auto found = policies();
    REQUIRE_FALSE(found);
    CHECK(found.error().code == Errc::kIntegrity);
  }
}

TEST_CASE("a busy server is waited for as it asks, within bounds") {
  using std::chrono::seconds;
  CHECK(tools::wait_before_retry(1, "7") == seconds(7));
  CHECK(tools::wait_before_retry(1, "86400") == tools::kLongestWait);
  CHECK(tools::wait_before_retry(1, "") == seconds(1));
  CHECK(tools::wait_before_retry(3, "Fri, 31 Dec 1999 23:59:59 GMT") == seconds(4));
  CHECK(tools::wait_before_retry(99, "-1") == seconds(32));
}

TEST_CASE("the register is put together from its pages, and a page that leads nowhere is refused") {
  std::vector<std::string> asked;
  std::map<std::string, std::string> pages = {
      {"/v1/log/register", R"({"people":{"door/1":{}},"later":[{"entry":3}],"next":5})"},
      {"/v1/log/register?from=5", R"({"people":{},"later":[],"damaged":[5],"next":9})"},
      {"/v1/log/register?from=9", R"({"people":{},"later":[{"entry":9}]})"}};
  const tools::Get get = [&](const std::string& target) -> Result<Bytes> {
    asked.push_back(target);
    return to_bytes(pages.at(target));
  };
  const auto whole = tools::fetch_register(get);
  REQUIRE(whole);
  CHECK(Json::parse(as_chars(*whole)) ==
        Json::parse(R"({"people":{"door/1":{}},"later":[{"entry":3},{"entry":9}],"damaged":[5]})"));
  CHECK(asked.size() == 3);
  pages["/v1/log/register?from=9"] = R"({"people":{},"later":[],"next":9})";
  CHECK_FALSE(tools::fetch_register(get));
  pages["/v1/log/register?from=5"] = R"({"people":{},"later":{}})";
  CHECK_FALSE(tools::fetch_register(get));
}
