// watch as a person runs it: what it says, what it alarms about, how it ends.
#include "tests/unit/facekeep_audit/support.h"
#include "tests/unit/http/support.h"
#include "tools/common/dir_lock.h"
#include "tools/facekeep-audit/witness.h"

using namespace facekeep;
using namespace facekeep::audit_test;

namespace {

// A vault's public listener over a log in memory.
struct Listener {
  Server vault{open_vault(300), {}};
  bool down = false;
  http::testing::Front front;
  ScratchDir dir;

  Listener() {
    http::ServerConfig config = front.config();
    config.handler = [this](http::Request&& r) {
      if (down) return http::testing::text_response("", 503);
      const auto bytes = vault.get()(r.target);
      http::Response out;
      out.status = bytes ? 200 : 404;
      if (bytes) out.body = *bytes;
      return out;
    };
    front.start(std::move(config));
  }
  Ran watch(std::vector<std::string> more = {"--once"}) {
    std::vector<std::string> args = {
        "watch", "--url",   "https://127.0.0.1:" + std::to_string(front.server->port(1)), "--vkey", vkey_text(),
        "--out", dir.path()};
    args.insert(args.end(), more.begin(), more.end());
    return run(args);
  }
};

bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

// The objects of a --json run.
std::vector<Json> events(const Ran& ran, const char* kind) {
  std::vector<Json> out;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    const Json event = parse_json(line).value();
    if (event.value("event", "") == kind) out.push_back(event);
  }
  return out;
}

}  // namespace

TEST_CASE("watch tells governance acts in words, in both languages, each once") {
  Listener l;
  const Ran first = l.watch();
  INFO(first.out << first.err);
  CHECK(first.code == 0);
  CHECK(has(first.out, "following vault.example/test, at 320 entries"));
  CHECK(has(first.out, "entry 6: vault opened (property/1, property/2, residents/1, residents/3)"));
  CHECK(has(first.out, "no alarm"));
  l.vault.m.add(ledger::Sealed{"property/1", "request"});
  l.vault.m.add(ledger::Start{"0.1.0", {1}, {2}, {4}, false});
  l.vault.m.publish();
  const Ran second = l.watch({"--once", "--lang", "zh"});
  CHECK(second.code == 0);
  CHECK(has(second.out, "保管库封存"));
  CHECK_FALSE(has(second.out, "保管库打开"));
}

TEST_CASE("watch alarms and ends with 2 on a log that was rolled back") {
  Listener l;
  REQUIRE(l.watch().code == 0);
  l.vault = Server{open_vault(0), {}};
  const Ran r = l.watch({"--json"});  // without --once: the alarm ends it
  CHECK(r.code == 2);
  CHECK(has(r.err, "ALARM: the log was rolled back"));
  const auto alarms = events(r, "alarm");
  REQUIRE(alarms.size() == 1);
  CHECK(alarms[0]["problem"] == "rolled-back");
}

TEST_CASE("watch alarms on a checkpoint that the key did not sign, and on entries that don't fit") {
  Listener l;
  SECTION("checkpoint") {
    l.vault.m.files["checkpoint"][30] ^= 1;
    CHECK(l.watch({}).code == 2);
  }
  SECTION("another key") {
    const auto other = log_test::TestSigner::ed25519("vault.example/test");
    Listener same;
    const Ran r = run({"watch", "--url", "https://127.0.0.1:" + std::to_string(same.front.server->port(1)), "--vkey",
                       log::format_vkey(other.key), "--out", same.dir.path()});
    CHECK(r.code == 2);
    CHECK(has(r.err, "ALARM"));
  }
  SECTION("entry") {
    l.vault.m.files["tile/entries/001.p/64"][100] ^= 1;
    CHECK(l.watch({}).code == 2);
  }
}

TEST_CASE("watch alarms on what the rules forbid, with the entry") {
  Listener l;
  l.vault.m.append({l.vault.m.wall, l.vault.m.uptime, ledger::Unsealed{{"property/1"}}});
  l.vault.m.publish();
  const Ran r = l.watch({"--json"});
  CHECK(r.code == 2);
  const auto findings = events(r, "finding");
  REQUIRE_FALSE(findings.empty());
  CHECK(findings[0]["entry"] == 320);
  CHECK_FALSE(events(r, "alarm").empty());
}

TEST_CASE("a log that stands still, or a vault that is away, alarms after the time that was chosen") {
  Listener l;
  SECTION("it stands still") {
    const Ran r = l.watch({"--interval", "1", "--stale", "1"});
    CHECK(r.code == 2);
    CHECK(has(r.err, "ALARM: the log has not grown for 1s; it has 320 entries"));
  }
  SECTION("it is away") {
    l.down = true;
    const Ran r = l.watch({"--interval", "1", "--stale", "1"});
    CHECK(r.code == 2);
    CHECK(has(r.err, "warning: the vault can't be read now"));
    CHECK(has(r.err, "ALARM"));
  }
}

TEST_CASE("a watch that cosigns tells its keys, and sees when it was shown another log than everybody") {
  Listener l;
  const std::string stem = l.dir.path() + "-w";
  REQUIRE(run({"witness-key", "new", stem, "--name", "witness.example/w1", "--url", "https://127.0.0.1:1"}).code == 0);
  const std::vector<std::string> cosign = {"--once", "--json", "--cosign", stem + ".key", "--listen", "127.0.0.1:0"};
  const Ran first = l.watch(cosign);
  INFO(first.out << first.err);
  CHECK(first.code == 0);
  const auto said = events(first, "cosigning");
  REQUIRE(said.size() == 1);
  CHECK(ledger::parse_witness_key(said[0]["vkey"].get<std::string>()));
  CHECK(said[0]["key"].get<std::string>().size() == 64);

  const auto remembered = [&](const MemoryMirror& m) {
    const auto identity = tools::load_witness_identity(stem).value();
    const SystemClock clock;
    auto w = tools::Witness::open(l.dir.path() + "/witness", {log_signer().key}, identity, clock).value();
    const std::string note(as_chars(m.files.at("checkpoint")));
    const auto answer = w->add_checkpoint(log::format_witness_request({0, {}, note}).value());
    CHECK(answer.status == 200);
  };
  SECTION("the same log") {
    remembered(l.vault.m);
    CHECK(l.watch(cosign).code == 0);
  }
  SECTION("another history") {
    MemoryMirror other = open_vault(0);
    for (int i = 0; i < 100; ++i) other.add(ledger::MetadataRead{"main", "operator/1", "list", {}});
    other.publish();
    remembered(other);
    const Ran r = l.watch(cosign);
    CHECK(r.code == 2);
    CHECK(events(r, "alarm").at(0)["problem"] == "forked");
  }
  SECTION("a longer log, which is withheld from the public") {
    MemoryMirror other = open_vault(400);
    remembered(other);
    const Ran r = l.watch(cosign);
    CHECK(r.code == 2);
    CHECK(events(r, "alarm").at(0)["problem"] == "rolled-back");
  }
}

TEST_CASE("a folder that another process watches is left alone") {
  Listener l;
  const auto lock = tools::lock_folder(l.dir.path());
  REQUIRE(lock);
  const Ran r = l.watch();
  CHECK(r.code == 2);
  CHECK(has(r.err, "another process works in"));
}
