// What a vault may say of the access openings that it does not give, and what its own log says against it.
#include "tests/unit/audit/memory_mirror.h"
#include "vault/audit/openings.h"

using namespace facekeep;
using namespace facekeep::audit_test;

namespace {

constexpr std::int64_t kDay = 86'400'000;

// The vault gives no openings of these entries, for that reason.
void withhold(MemoryMirror& m, std::uint64_t first, std::uint64_t last, const char* reason) {
  for (std::uint64_t b = first / 256; b <= last / 256; ++b) {
    const log::BundleId id{b, log::tile_width_at(m.entries.size(), 0, b)};
    Bytes& file = m.files.at(MemoryMirror::opening_path(id));
    Json doc = parse_json(as_chars(file)).value();
    Json kept = Json::array();
    for (const Json& o : doc["openings"]) {
      const std::uint64_t n = o["entry"];
      const bool access = as_chars(m.entries[n]).find("\"access\"") != std::string_view::npos;
      if (access && n >= first && n <= last) {
        doc["missing"].push_back({{"entry", n}, {"reason", reason}});
      } else {
        kept.push_back(o);
      }
    }
    doc["openings"] = kept;
    file = to_bytes(doc.dump());
  }
}

void pass(MemoryMirror& m, int times = 1) {
  for (int i = 0; i < times; ++i) {
    m.wait(700);
    m.add(ledger::Match{true, "main", "north", "face", "door/1", "no_match", {}, {}});
  }
}

// Accesses in November (entries 20 to 29) and, under a key of their own, in December (31 to 40); in spring, November's
// key ends. What comes last is a sealing.
struct TwoMonths : MemoryMirror {
  explicit TwoMonths(bool november_ends = true) : MemoryMirror(open_vault(10)) {
    wait(10 * kDay);  // 2 December
    add(ledger::PeriodKey{"access", "main", "2026-12", 101});
    pass(*this, 10);
    wait(static_cast<std::int64_t>(lt::valid_genesis().sites[0].access_log_days + 31) * kDay);
    if (november_ends) add(ledger::PeriodKeyDestroyed{"access", "main", "2026-11"});
    add(ledger::Sums{wall, {}});
    publish();
  }
};

Outcome withheld(MemoryMirror m, std::uint64_t first, std::uint64_t last, const char* reason) {
  withhold(m, first, last, reason);
  return replay(m);
}

}  // namespace

TEST_CASE("an opening that the vault calls damaged is an error at its entry, and the others are read") {
  const Outcome out = withheld(open_vault(600), 300, 300, "damaged");
  INFO(out.text());
  CHECK(out.first_error() == "access-opening-damaged@300");
  CHECK(out.findings.count(Severity::kError) == 1);
  CHECK(out.complete);
}

TEST_CASE("a custody opening that the vault calls damaged is as bad as one that is missing") {
  MemoryMirror m = open_vault(3);
  const std::string path = MemoryMirror::opening_path({0, 23});
  Json doc = parse_json(as_chars(m.files[path])).value();
  REQUIRE(doc["openings"][1]["entry"] == 8);
  doc["openings"].erase(1);
  doc["missing"].push_back({{"entry", 8}, {"reason", "damaged"}});
  m.files[path] = to_bytes(doc.dump());
  CHECK(replay(m).first_error() == "custody-opening-missing@8");
}

TEST_CASE("openings are sealed all together or not at all") {
  SECTION("a sealed vault") {
    const Outcome out = withheld(open_vault(600), 256, 511, "sealed");
    INFO(out.text());
    CHECK(out.first_error().empty());
    CHECK(out.has(Code::kAccessSealed, 256));
  }
  SECTION("one entry picked out") {
    const Outcome out = withheld(open_vault(600), 300, 300, "sealed");
    INFO(out.text());
    CHECK(out.first_error() == "sealed-beside-opened@300");
  }
  SECTION("the first of its bundle, and more of them: said once") {
    const Outcome out = withheld(open_vault(600), 256, 400, "sealed");
    INFO(out.text());
    CHECK(out.first_error() == "sealed-beside-opened@256");
    CHECK(out.findings.count(Severity::kError) == 1);
  }
}

TEST_CASE("an opening can be lost only where the log has a restore from a backup before it") {
  const auto restored_from = [](std::uint64_t size) {
    MemoryMirror m = open_vault(10);  // accesses in entries 20 to 29
    if (size < m.entries.size()) m.add(ledger::BackupMade{"property/1", size, {}, {}, 0});
    const std::uint64_t start = m.entries.size();
    m.add(ledger::Start{"0.1.0", {1}, {2}, {4}, true});
    if (size < start) m.add(ledger::Restored{size, start - size, 0});
    m.publish();
    return m;
  };
  SECTION("behind the backup") {
    const Outcome out = withheld(restored_from(20), 20, 29, "lost");
    INFO(out.text());
    CHECK(out.first_error().empty());
    CHECK(out.text().find("access-openings-lost@20 {10} {20} {29} {20}") != std::string::npos);
    CHECK(row_of(Code::kAccessLost).severity == Severity::kWarning);
  }
  SECTION("before it") {
    const Outcome out = withheld(restored_from(25), 22, 29, "lost");
    INFO(out.text());
    CHECK(out.first_error() == "lost-without-entry@22");
  }
  SECTION("without any restore") {
    const Outcome out = withheld(restored_from(UINT64_MAX), 27, 27, "lost");
    INFO(out.text());
    CHECK(out.first_error() == "lost-without-entry@27");
  }
}

TEST_CASE("an opening can be destroyed only where the log has the end of a key that can have sealed it") {
  SECTION("November's, whose key ended") {
    const Outcome out = withheld(TwoMonths(), 20, 29, "destroyed");
    INFO(out.text());
    CHECK(out.first_error().empty());
    CHECK(out.has(Code::kAccessDestroyed, 20));
  }
  SECTION("any, while no key has ended") {
    const Outcome out = withheld(TwoMonths(false), 25, 27, "destroyed");
    INFO(out.text());
    CHECK(out.first_error() == "destroyed-without-entry@25");
    CHECK(out.text().find("destroyed-without-entry@25 {3}") != std::string::npos);
  }
  SECTION("December's, whose key lives, though November's has ended since") {
    const Outcome out = withheld(TwoMonths(), 35, 35, "destroyed");
    INFO(out.text());
    CHECK(out.first_error() == "destroyed-without-entry@35");
  }
  SECTION("both: the log excuses the one and not the other") {
    const Outcome out = withheld(TwoMonths(), 20, 40, "destroyed");
    INFO(out.text());
    CHECK(out.first_error() == "destroyed-without-entry@31");
    CHECK(out.has(Code::kAccessDestroyed, 20));
  }
  SECTION("one from before the key was made") {
    MemoryMirror m = TwoMonths();
    m.add(ledger::PeriodKey{"access", "annex", "2026-11", 102});  // the clock was set back, say
    pass(m, 3);
    m.publish();
    CHECK(withheld(m, 31, 31, "destroyed").first_error() == "destroyed-without-entry@31");
  }
}

TEST_CASE("a clock that is set right does not make an honest destruction a finding") {
  MemoryMirror m = open_vault(0);
  m.wall += 400 * kDay;  // a machine whose battery was empty
  m.add(ledger::Sums{m.wall, {}});
  m.wall -= 400 * kDay;
  pass(m, 5);
  const std::uint64_t first = m.entries.size() - 5;
  m.wait(static_cast<std::int64_t>(lt::valid_genesis().sites[0].access_log_days + 31) * kDay);
  m.add(ledger::PeriodKeyDestroyed{"access", "main", "2026-11"});
  m.publish();
  const Outcome out = withheld(m, first, first + 4, "destroyed");
  INFO(out.text());
  CHECK(out.first_error().empty());
  CHECK(out.findings.count(Code::kAccessDestroyed) == 1);
}

TEST_CASE("a document of openings has four reasons for what it leaves out, and no other") {
  const auto parse = [](const std::string& reason) {
    return parse_openings(R"({"bundle":0,"openings":[],"missing":[{"entry":7,"reason":")" + reason + "\"}]}");
  };
  CHECK(parse("sealed")->at(7).state == OpeningState::kSealed);
  CHECK(parse("destroyed")->at(7).state == OpeningState::kDestroyed);
  CHECK(parse("damaged")->at(7).state == OpeningState::kDamaged);
  CHECK(parse("lost")->at(7).state == OpeningState::kLost);
  CHECK(parse("sealed")->ask_again());
  CHECK(parse("damaged")->ask_again());
  CHECK_FALSE(parse("destroyed")->ask_again());
  CHECK(parse("lost")->at(7).state == OpeningState::kLost);
  CHECK_FALSE(parse("lost")->ask_again());
  for (const char* other : {"", "gone", "Sealed"}) CHECK_FALSE(parse(other));
}

TEST_CASE("a document is read the same as the vault writes it and in any other layout") {
  const std::string served =
      R"({"bundle":1,"openings":[{"entry":300,"opening":"AQID"},{"entry":301,"opening":"AQ=="}],)"
      R"("missing":[{"entry":302,"reason":"sealed"},{"entry":400,"reason":"damaged"}]})";
  for (const std::string& text : {served, served + "\n", parse_json(served)->dump(), parse_json(served)->dump(2)}) {
    const auto doc = parse_openings(text);
    INFO(text);
    REQUIRE(doc);
    CHECK(doc->bundle == 1);
    CHECK(doc->entries.size() == 4);
    CHECK(doc->at(300).bytes == Bytes{1, 2, 3});
    CHECK(doc->at(301).bytes == Bytes{1});
    CHECK(doc->at(302).state == OpeningState::kSealed);
    CHECK(doc->at(400).state == OpeningState::kDamaged);
    CHECK(openings_text(*doc) == served);
    CHECK(doc->at(303).state == OpeningState::kAbsent);
  }
  CHECK(parse_openings(R"({"bundle":0,"openings":[],"missing":[]})")->entries.empty());
  // One thing wrong.
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"300", "512"},
                                                        {"300", "255"},
                                                        {"300", "301"},
                                                        {"400", "301"},
                                                        {"300", "0300"},
                                                        {"300", "-300"},
                                                        {"AQID", "AQI"},
                                                        {"AQID", "AQI\\n"},
                                                        {"AQ==", "AR=="},
                                                        {"sealed", "Sealed"},
                                                        {"\"entry\":300", "\"entry\":300,\"x\":1"},
                                                        {"]}", "]"},
                                                        {"]}", "]}}"},
                                                        {"},{", "}{"}}) {
    std::string text = served;
    text.replace(text.find(from), from.size(), to);
    INFO(text);
    CHECK_FALSE(parse_openings(text));
  }
}
