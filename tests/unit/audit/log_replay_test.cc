// An untouched log has no findings, and its state is the daemon's.
#include "tests/unit/audit/memory_mirror.h"

using namespace facekeep;
using namespace facekeep::audit_test;

TEST_CASE("an untouched log replays to the daemon's state, without a finding") {
  for (const std::size_t accesses : {0U, 1U, 236U, 237U, 600U}) {
    const MemoryMirror m = open_vault(accesses);
    const Outcome out = replay(m);
    INFO(accesses << "\n" << out.text());
    CHECK(out.text().empty());
    CHECK(out.complete);
    CHECK(out.digest == m.state.digest());
  }
}

TEST_CASE("the public log alone shows that it grew, and says what it can't show") {
  MemoryMirror m = open_vault();
  std::erase_if(m.files, [](const auto& f) { return f.first.starts_with("openings/"); });
  const Outcome out = replay(m, Level::kPublic);
  CHECK(out.text() == "public-only@0\n");
  CHECK_FALSE(out.complete);
}

TEST_CASE("a log of one full tile and its neighbours replays") {
  for (const std::size_t size : {255U, 256U, 257U, 511U, 512U, 513U}) {
    const MemoryMirror m = open_vault(size - 20);
    REQUIRE(m.entries.size() == size);
    const Outcome out = replay(m);
    INFO(out.text());
    CHECK(out.text().empty());
  }
}

TEST_CASE("openings that the vault could not give are told by their reason") {
  MemoryMirror m = open_vault(10);
  const std::string path = "openings/000.p/30";
  Json doc = parse_json(as_chars(m.files.at(path))).value();
  const auto move_away = [&](std::size_t from_end, const char* reason) {
    const Json item = doc["openings"][doc["openings"].size() - from_end];
    doc["openings"].erase(doc["openings"].size() - from_end);
    doc["missing"].push_back({{"entry", item["entry"]}, {"reason", reason}});
  };
  SECTION("sealed: a note, and the state is whole") {
    for (int i = 0; i < 10; ++i) move_away(1, "sealed");
    m.files[path] = to_bytes(doc.dump());
    const Outcome out = replay(m);
    CHECK(out.text() == "access-openings-sealed@20 {10}\n");
    CHECK(out.digest == m.state.digest());
  }
  SECTION("destroyed, though no entry says that a key was: an error") {
    move_away(1, "destroyed");
    m.files[path] = to_bytes(doc.dump());
    CHECK(replay(m).has(Code::kDestroyedUnlogged, 29));
  }
  SECTION("not mentioned at all") {
    doc["openings"].erase(doc["openings"].size() - 1);
    m.files[path] = to_bytes(doc.dump());
    CHECK(replay(m).first_error() == "access-opening-missing@29");
  }
  SECTION("a custody opening has no reason to be missing") {
    doc["openings"].erase(doc["openings"].begin() + 1);
    m.files[path] = to_bytes(doc.dump());
    const Outcome out = replay(m);
    CHECK(out.first_error() == "custody-opening-missing@8");
    CHECK_FALSE(out.complete);
    CHECK(out.findings.count(Severity::kError) == 1);
  }
}

TEST_CASE("parse_openings refuses what is no such document") {
  for (const char* bad :
       {"", "[]", "{}", R"({"bundle":0,"openings":[]})", R"({"bundle":0,"openings":[],"missing":[],"more":1})",
        R"({"bundle":0,"openings":[{"entry":256,"opening":"AQ=="}],"missing":[]})",
        R"({"bundle":0,"openings":[{"entry":1,"opening":"AQ="}],"missing":[]})",
        R"({"bundle":0,"openings":[],"missing":[{"entry":1,"reason":"gone"}]})",
        R"({"bundle":0,"openings":[{"entry":1,"opening":"AQ=="}],"missing":[{"entry":1,"reason":"sealed"}]})",
        R"({"bundle":-1,"openings":[],"missing":[]})"}) {
    INFO(bad);
    CHECK_FALSE(parse_openings(bad));
  }
  CHECK(parse_openings(R"({"bundle":0,"openings":[],"missing":[]})"));
}

TEST_CASE(
    "an entry that a newer version wrote is named with both versions, and what follows is read without the rules") {
  MemoryMirror m = open_vault(3);
  const std::uint64_t entry = m.entries.size();
  m.entries.push_back(to_bytes(
      R"({"body":{},"class":"governance","time":"2030-01-01T00:00:00.000Z","type":"self-repair","uptime_ms":1,"v":1})"));
  m.openings.emplace_back();
  m.publish();
  const Outcome out = replay(m);
  INFO(out.text());
  CHECK(out.first_error() == "entry-malformed@" + std::to_string(entry));
  CHECK(out.findings.count(Code::kRulesUnchecked) == 1);
  for (const auto& f : out.findings.sorted()) {
    if (f.code != Code::kEntryMalformed) continue;
    CHECK(f.args.at(0).starts_with("the kind of event \"self-repair\" is of a newer facekeep; this one, "));
  }
}
