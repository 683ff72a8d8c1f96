// replay, proof and snapshot as a person runs them.
#include <fstream>

#include "tests/unit/facekeep_audit/support.h"
#include "vault/log/proof.h"

using namespace facekeep;
using namespace facekeep::audit_test;

namespace {

Server served(const std::string& dir, std::size_t accesses = 300) {
  Server server{open_vault(accesses), {}};
  const auto done = fetch(server, dir);
  if (!done) FAIL(done.error().message);
  return server;
}

}  // namespace

TEST_CASE("replay ends with 0, 1 or 2: clean, the caller's mistake, errors found") {
  const ScratchDir dir;
  served(dir.path());
  CHECK(run({"replay", dir.path()}).code == 0);
  CHECK(run({"replay", dir.path() + "/none"}).code == 1);
  CHECK(run({"replay"}).code == 1);
  CHECK(run({"replay", dir.path(), "--snapshot", dir.path() + "/none"}).code == 1);
  Bytes bundle = mirror_in(dir.path()).read("tile/entries/000").value();
  bundle[bundle.size() - 30] ^= 1;
  REQUIRE(mirror_in(dir.path()).write("tile/entries/000", bundle));
  const Ran bad = run({"replay", dir.path()});
  CHECK(bad.code == 2);
  CHECK(bad.out.find("error: entry 255: this entry is not the one that was signed") != std::string::npos);
  const Ran json = run({"replay", dir.path(), "--json"});
  const Json doc = parse_json(json.out).value();
  CHECK(doc["findings"][0]["code"] == "entry-altered");
  CHECK(doc["findings"][0]["entry"] == 255);
  CHECK(run({"replay", dir.path(), "--lang", "zh"}).out.find("错误：") == std::string::npos);
  CHECK(run({"replay", dir.path(), "--lang", "zh"}).out.find("条目 255：此条目与签名时的内容不符") !=
        std::string::npos);
}

TEST_CASE("replay --public leaves the openings aside and says so") {
  const ScratchDir dir;
  served(dir.path());
  const Ran r = run({"replay", dir.path(), "--public", "--json"});
  CHECK(r.code == 0);
  const Json doc = parse_json(r.out).value();
  CHECK(doc["level"] == "public");
  CHECK(doc["state_digest"].is_null());
  CHECK(doc["findings"][0]["code"] == "public-only");
}

TEST_CASE("a snapshot is gone on from, and reaches the state of a whole replay") {
  const ScratchDir dir;
  const std::string snapshot = dir.path() + ".snapshot";
  Server server = served(dir.path());
  server.m.add(lt::suspended(3, server.m.wall + ledger::kBulkEraseDelay));
  server.m.add(lt::erased(4));
  server.m.publish();
  REQUIRE(fetch(server, dir.path()));
  REQUIRE(run({"replay", dir.path(), "--save-snapshot", snapshot}).code == 0);
  for (int i = 0; i < 20; ++i) {
    server.m.wait(100);
    server.m.add(lt::enrolled(static_cast<std::uint8_t>(50 + i)));
    server.m.add(lt::template_of(static_cast<std::uint8_t>(50 + i), 1));
  }
  server.m.wait(ledger::kBulkEraseDelay);
  server.m.add(lt::erased_late(3));
  server.m.add(lt::erased(5));
  server.m.publish();
  REQUIRE(fetch(server, dir.path()));
  const Ran r = run({"replay", dir.path(), "--snapshot", snapshot, "--json"});
  INFO(r.out << r.err);
  CHECK(r.code == 0);
  const Json doc = parse_json(r.out).value();
  CHECK(doc["from"] == 322);
  CHECK(doc["state_digest"] == to_hex(server.m.state.digest()));
  SECTION("an altered snapshot is refused, whatever byte it was") {
    const std::string text = tools::load_text(snapshot).value();
    for (std::size_t at = 0; at < text.size(); at += text.size() / 60) {
      std::string altered = text;
      altered[at] = altered[at] == '1' ? '2' : '1';
      REQUIRE(tools::replace_file(snapshot, altered));
      INFO("byte " << at);
      CHECK(run({"replay", dir.path(), "--snapshot", snapshot}).code != 0);
    }
  }
  SECTION("a snapshot of more than the mirror has is refused") {
    const ScratchDir older;
    served(older.path(), 0);
    CHECK(run({"replay", older.path(), "--snapshot", snapshot}).code == 2);
  }
  SECTION("a snapshot of another history is refused") {
    const ScratchDir other;
    Server elsewhere{open_vault(0), {}};
    for (int i = 0; i < 400; ++i) {
      elsewhere.m.wait(1);
      elsewhere.m.add(ledger::MetadataRead{"main", "operator/1", "list", {}});
    }
    elsewhere.m.publish();
    REQUIRE(fetch(elsewhere, other.path()));
    CHECK(run({"replay", other.path(), "--snapshot", snapshot}).code == 2);
  }
  std::filesystem::remove(snapshot);
}

TEST_CASE("no snapshot is saved of what was not confirmed") {
  const ScratchDir dir;
  served(dir.path());
  std::filesystem::remove(dir.path() + "/openings/000");
  const std::string snapshot = dir.path() + "/snapshot";
  CHECK(run({"replay", dir.path(), "--save-snapshot", snapshot}).code == 2);
  CHECK_FALSE(std::filesystem::exists(snapshot));
}

TEST_CASE("a receipt is made from the mirror and checked with the key alone") {
  const ScratchDir dir;
  served(dir.path());
  const std::string file = dir.path() + "/r.tlog-proof";
  for (const char* entry : {"0", "19", "255", "256", "319"}) {
    std::filesystem::remove(file);
    REQUIRE(run({"proof", "make", dir.path(), entry, "--out", file}).code == 0);
    const Ran ok = run({"proof", "check", file, "--vkey", vkey_text(), "--json"});
    CHECK(ok.code == 0);
    CHECK(parse_json(ok.out).value()["entry"] == std::stoi(entry));
  }
  CHECK(run({"proof", "make", dir.path(), "320", "--out", file + "x"}).code == 1);
  const auto other = log_test::TestSigner::ed25519("vault.example/test");
  CHECK(run({"proof", "check", file, "--vkey", log::format_vkey(other.key)}).code == 2);
  std::string text = tools::load_text(file).value();
  text[text.find("index ") + 6] = '2';
  REQUIRE(tools::replace_file(file, text));
  CHECK(run({"proof", "check", file, "--vkey", vkey_text()}).code == 2);
}

TEST_CASE("the receipt that the vault itself gives, with the opening of its entry, is checked too") {
  const ScratchDir dir;
  const Server server = served(dir.path());
  const std::string file = dir.path() + "/erasure.tlog-proof";
  REQUIRE(run({"proof", "make", dir.path(), "8", "--out", file}).code == 0);
  log::Receipt receipt = log::parse_receipt(tools::load_text(file).value()).value();
  const auto checked = [&] {
    REQUIRE(tools::replace_file(file, log::format_receipt(receipt).value()));
    return run({"proof", "check", file, "--vkey", vkey_text(), "--json"});
  };
  receipt.extra = *server.m.openings[8];
  const Ran ok = checked();
  INFO(ok.err);
  CHECK(ok.code == 0);
  const Json said = parse_json(ok.out).value();
  CHECK(said["opened"] == true);
  CHECK(parse_json(said["text"].get<std::string>()).value()["type"] == "enrolled");
  receipt.extra = *server.m.openings[9];  // of another entry
  CHECK(checked().code == 2);
  receipt.extra = *server.m.openings[8];
  receipt.extra[5] ^= 1;  // the salt
  CHECK(checked().code == 2);
  receipt.extra = {0x01, 2, 3};
  CHECK(checked().code == 1);
}
