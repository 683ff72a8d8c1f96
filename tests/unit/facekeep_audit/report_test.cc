// The report: what it counts, that it says what it must, and that nothing in it can become markup.
#include <set>

#include "tests/support/paths.h"
#include "tests/unit/audit/decisions.h"
#include "tests/unit/facekeep_audit/support.h"
#include "tools/facekeep-audit/act_text.h"
#include "tools/facekeep-audit/html.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::audit_test;
using tools::Lang;

namespace {

struct Reported {
  std::string html;
  Json json;
  std::string csv;
  int code = -1;
};

Reported report(const std::string& dir, std::vector<std::string> more = {}) {
  std::vector<std::string> args = {"report",        dir,     "--out",       dir + "/r.html", "--json-file",
                                   dir + "/r.json", "--csv", dir + "/r.csv"};
  args.insert(args.end(), more.begin(), more.end());
  const Ran r = run(args);
  INFO(r.err);
  Reported out;
  out.code = r.code;
  out.html = tools::load_text(dir + "/r.html", 1 << 24).value();
  out.json = parse_json(tools::load_text(dir + "/r.json", 1 << 24).value()).value();
  out.csv = tools::load_text(dir + "/r.csv", 1 << 24).value();
  return out;
}

bool says(const std::string& page, const std::string& what) {
  return page.find(what) != std::string::npos;
}

// Three weeks of a compound: busy mornings and evenings, a quiet day, a crash, an erasure, a reading.
MemoryMirror weeks() {
  MemoryMirror m = open_vault(0);
  std::uint32_t seed = 7;
  const auto random = [&seed] { return (seed = seed * 1664525 + 1013904223) >> 8; };
  for (int day = 0; day < 21; ++day) {
    for (int hour = 0; hour < 24; ++hour) {
      const int busy = day == 12 ? 0 : hour < 5 ? 1 : hour == 8 || hour == 18 ? 60 : 14;
      for (int i = 0; i < busy; ++i) {
        m.wait(3600000 / (busy + 1));
        const bool hit = random() % 20 != 0;
        m.add(ledger::Match{random() % 2 == 0,
                            "main",
                            random() % 3 == 0 ? "south" : "north",
                            "face",
                            "door/1",
                            hit                 ? "match"
                            : random() % 9 == 0 ? "refer"
                                                : "no_match",
                            hit ? std::optional(Id128{1, static_cast<std::uint8_t>(random())}) : std::nullopt,
                            {}});
        // What is no match in an identify names nobody; verify may.
      }
      m.wait(3600000 / (busy + 1));
      if (hour == 9) m.add(ledger::MetadataRead{"main", "operator/1", "list", {}});
      if (hour == 10) m.add(ledger::Sums{m.wall - 3600000, {{"handshake-unknown-key", day}, {"refused-role", 1}}});
    }
    if (day == 5) m.add(lt::erased(2));
    if (day == 9) {
      m.uptime = 100;
      m.add(ledger::Start{"0.1.0", {9}, {2}, {8}, true});
      for (const char* by : {"property/1", "property/2", "residents/1", "residents/3"}) {
        const std::string id = by;
        m.add(ledger::UnsealShare{id, id.substr(0, id.find('/')), static_cast<std::uint32_t>(id.back() - '0')});
      }
      m.add(ledger::Unsealed{{"property/1", "property/2", "residents/1", "residents/3"}});
    }
  }
  m.publish();
  return m;
}

}  // namespace

TEST_CASE("the report counts every access where it belongs") {
  const ScratchDir dir;
  Server server{open_vault(600), {}};
  REQUIRE(fetch(server, dir.path()));
  const Reported r = report(dir.path());
  CHECK(r.code == 0);
  // open_vault: every third access is at the south door, every fifth no match.
  std::uint64_t all = 0;
  for (const auto& d : r.json["accesses"]["doors"]) {
    const auto& n = d["decisions"];
    all += n["match"].get<std::uint64_t>() + n["no_match"].get<std::uint64_t>();
    CHECK(n["match"] == (d["door"] == "south" ? 160 : 320));
    CHECK(n["no_match"] == (d["door"] == "south" ? 40 : 80));
  }
  CHECK(all == 600);
  CHECK(says(r.csv, "door,main,south,160,40,0\r\n"));
  CHECK(says(r.html, "Doors asked 600 times: 480 times the answer was a match, 120 times it was not"));
  CHECK(r.json["custody"]["enrolled"] == 6);
}

TEST_CASE("the report says what stands against it as loudly as what stands for it") {
  const ScratchDir dir;
  Server server{weeks(), {}};
  REQUIRE(fetch(server, dir.path()));
  const Reported r = report(dir.path(), {"--utc-offset", "480", "--gap-hours", "12"});
  CHECK(r.code == 0);
  for (const char* what : {"SOFTWARE TOKEN", "No errors were found", "What this does not prove", "No witness cosigned",
                           "another program than at the start before", "after a crash", "property/1", "residents/3",
                           "connections with a key that is not registered", "Receipt: leaf hash"}) {
    INFO(what);
    CHECK(says(r.html, what));
  }
  CHECK(r.json["gaps"].size() == 1);  // after the quiet day's last reading
  CHECK(r.json["erasures"].size() == 1);
  CHECK(says(report(dir.path(), {"--lang", "zh"}).html, "本报告不证明的事项"));
  CHECK(says(report(dir.path(), {"--public"}).html, "PUBLIC LOG ONLY"));
}

TEST_CASE("the report of an altered mirror has the findings, and its exit code says so") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  REQUIRE(fetch(server, dir.path()));
  Bytes bundle = mirror_in(dir.path()).read("tile/entries/000").value();
  bundle[bundle.size() - 30] ^= 1;
  REQUIRE(mirror_in(dir.path()).write("tile/entries/000", bundle));
  const Reported r = report(dir.path());
  CHECK(r.code == 2);
  CHECK(says(r.html, "errors were found"));
  CHECK(says(r.html, "The first entry concerned is 255."));
}

TEST_CASE("a long log's newest acts are on the page, and every start with another program or configuration") {
  const ScratchDir dir;
  MemoryMirror m;
  m.add(ledger::Body(genesis_with_key()));
  for (int i = 0; i < 700; ++i) {
    m.wait(1000);
    m.uptime = 0;
    // Start 4 changed the program, start 5 changed it back, start 9 the configuration.
    ledger::Start start{
        "0.1.0", {i == 4 ? std::uint8_t{0xee} : std::uint8_t{1}}, {std::uint8_t(i < 9 ? 2 : 3)}, {}, false};
    start.unseal_to = lt::digest_of(std::to_string(i));
    m.add(start);
  }
  m.publish();
  Server server{std::move(m), {}};
  REQUIRE(fetch(server, dir.path()));
  const Reported r = report(dir.path());
  const auto has_row = [&](int entry) { return says(r.html, "<td>" + std::to_string(entry) + "</td>"); };
  CHECK(has_row(700));
  CHECK(has_row(201));
  CHECK_FALSE(has_row(200));
  CHECK_FALSE(has_row(4));
  for (const int changed : {5, 6, 10}) CHECK(has_row(changed));
  CHECK(says(r.html, "197 earlier ones are left out"));
  CHECK(r.json["acts"].size() == 701);
}

TEST_CASE("errors come before warnings and notes on the page, wherever they are in the log") {
  const ScratchDir dir;
  MemoryMirror m = open_vault(0);
  m.wall -= 5000;  // a warning at the next event
  m.add(ledger::Sums{m.wall, {}});
  m.wait(6000);
  for (int i = 0; i < 10; ++i) m.add(ledger::Sums{m.wall, {}});
  m.add(ledger::Start{"0.1.0", {1}, {2}, {9}, false});  // after a crash that it does not tell
  m.publish();
  Server server{std::move(m), {}};
  REQUIRE(fetch(server, dir.path()));
  const Reported r = report(dir.path());
  CHECK(r.code == 2);
  const std::size_t error = r.html.find("class=\"error\"");
  const std::size_t warning = r.html.find("The clock was set back");
  const std::size_t back = r.html.find("the clock was set back");
  REQUIRE(error != std::string::npos);
  CHECK(error < std::min(warning, back));
}

TEST_CASE("names come from the register when they fit their commitments, and can't become markup") {
  const ScratchDir dir;
  MemoryMirror m = open_vault(3);
  Server server{std::move(m), {}};
  REQUIRE(fetch(server, dir.path()));
  Json people = Json::object();
  const std::string salt(64, '0');
  people["property/1"] = {{"name", "<script>alert(1)</script>"}, {"salt", salt}};
  REQUIRE(mirror_in(dir.path()).write("register.json", as_bytes(Json{{"people", people}}.dump())));
  const Reported r = report(dir.path());
  CHECK(r.code == 2);  // the name is not the one that the ceremony committed to
  CHECK_FALSE(says(r.html, "<script"));
  CHECK(r.json["names"].empty());
}

TEST_CASE("text can't become markup, and hidden characters show") {
  CHECK(tools::html::text("<a href=\"x\">&'") == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  CHECK(tools::html::text("a\u202eb") == "a\\u{202e}b");
}

TEST_CASE("the page takes nothing from elsewhere and runs nothing") {
  const ScratchDir dir;
  Server server{open_vault(30), {}};
  REQUIRE(fetch(server, dir.path()));
  const Reported r = report(dir.path());
  for (const char* never : {"<script", "src=", "href=", "url(", "@import", "javascript:", "http://", "https://"}) {
    INFO(never);
    CHECK_FALSE(says(r.html, never));
  }
  CHECK(says(r.html, "default-src 'none'"));
}

TEST_CASE("the report has every decision with the people who signed it, and apart what one person took away") {
  const ScratchDir dir;
  MemoryMirror m = open_vault(3);
  const auto made = loosened(1);
  m.add(made);
  approve(m, "property/2", made.id);
  approve(m, "residents/1", made.id);
  m.wait(86400000);
  m.add(ledger::ProposalDone{made.id});
  auto refused = loosened(2);
  refused.action = ledger::ChangeReveal{"main", false};
  m.add(refused);
  veto(m, "residents/2", refused.id);
  m.add(ledger::Revoked{"property/1", {"door/2"}, "lost"});
  m.publish();
  Server server{std::move(m), {}};
  REQUIRE(fetch(server, dir.path()));
  const Reported r = report(dir.path());
  CHECK(r.code == 0);
  for (const char* what :
       {"Decided together and carried out", "thresholds of model &quot;face&quot;", "veto: residents/2",
        "1 property + 1 residents; waits 1 d, lapses after 7 d", "What one person took away", "whom: door/2",
        "2 requests that take several people were made: 1 were signed by enough of them and carried out, 1 were "
        "vetoed."}) {
    INFO(what);
    CHECK(says(r.html, what));
  }
  REQUIRE(r.json["proposals"].size() == 2);
  const Json& first = r.json["proposals"][0];
  CHECK(first["stage"] == "done");
  CHECK(first["signatures"][1]["by"] == "residents/1");
  CHECK(first["ended"]["entry"] == 26);
  CHECK(r.json["proposals"][1]["signatures"][0]["verb"] == "veto");
  CHECK(says(r.csv, ",property/1,change-thresholds,property/2 residents/1,,done,26,"));
  const Reported zh = report(dir.path(), {"--lang", "zh"});
  CHECK(says(zh.html, "共同决定并已执行"));
}

// By hand, to look at: test_facekeep_audit '[.sample]'.
TEST_CASE("a sample report in the working directory", "[.sample]") {
  Server server{weeks(), {}};
  REQUIRE(fetch(server, "sample-mirror"));
  report("sample-mirror", {"--utc-offset", "480"});
}

TEST_CASE("every type of governance event has its place and its words in the report") {
  // Told as sums and as readings of an auditor, not as acts.
  const std::set<std::string> counted = {"sums", "openings-read"};
  std::istringstream snapshot(
      tools::load_text(facekeep::test::source_dir() + "/tests/snapshots/event_types.txt", 1 << 16).value());
  int acts = 0;
  for (std::string event_class, type; snapshot >> event_class >> type;) {
    if (event_class == "sum") {
      INFO(type);
      CHECK(tools::refusal_name(Lang::kEnglish, type) != type);
      CHECK(tools::refusal_name(Lang::kEnglish, type) != tools::refusal_name(Lang::kChinese, type));
    }
    if (event_class != "governance" || counted.contains(type)) continue;
    ++acts;
    INFO(type);
    for (const Lang lang : {Lang::kEnglish, Lang::kChinese}) {
      CHECK(tools::act_name(lang, type) != type);
      audit::Act act{7, 1795305600000, type, {"property/1"}, {}};
      const std::string line = tools::act_line(lang, act);
      CHECK(says(line, tools::act_name(lang, type)));
      CHECK(says(line, "property/1"));
    }
    CHECK(tools::act_name(Lang::kEnglish, type) != tools::act_name(Lang::kChinese, type));
  }
  CHECK(acts >= 6);
}
