// The handover page: both languages, from the log alone.
#include "tools/facekeep/handover.h"

#include "tests/unit/ledger/proposal_maker.h"
#include "tools/common/words.h"

using namespace facekeep;
using namespace facekeep::tools;
using namespace facekeep::ledger::test;

namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& l : lines) out += l + "\n";
  return out;
}

std::string page(const Log& log, const std::string& who = {}) {
  Notice notice;
  notice.name = "Garden Court";
  const auto made = handover_page(log.state, notice, who);
  REQUIRE(made);
  return joined(*made);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the page names groups, cards, fingerprints and dates in both languages, and what is never handed on") {
  Log log = open_log();
  const std::string text = page(log);
  const auto& g = log.state.current();
  CHECK(has(text, "Group property: " + std::to_string(g.groups[0].threshold) + " of its " +
                      std::to_string(g.groups[0].shares.size()) + " cards"));
  CHECK(has(text, "card 1: property/1"));
  CHECK(has(text, "第 1 号卡：property/1"));
  CHECK(has(text, g.log_key));
  CHECK(has(text, to_hex(g.vault)));
  for (const auto& p : g.principals) CHECK(has(text, to_hex(p.key)) == (p.role == ledger::Role::kCustodian));
  CHECK(has(text, "no schedule of rotations is in force"));
  CHECK(has(text, "cards made on 2026-11-22; everybody checks the own card (facekeep share check) by 2027-11-22"));
  CHECK(has(text, "Never hand on a card"));
  CHECK(has(text, "切勿移交份额卡"));
  decide_together(log, made_by("property/1", 1, ledger::SetRotation{365}), 86400);
  CHECK(has(page(log), "next rotation of the keys: 2027-11-23, every 365 days"));
}

TEST_CASE("a page about one custodian has that one's keys alone; of nobody there is none") {
  const Log log = open_log();
  const std::string text = page(log, "residents/2");
  CHECK(has(text, "Garden Court, residents/2"));
  CHECK(has(text, to_hex(log.state.principal("residents/2")->key)));
  CHECK_FALSE(has(text, to_hex(log.state.principal("residents/1")->key)));
  for (const char* nobody : {"residents/9", "operator/1"}) {
    const auto made = handover_page(log.state, Notice{}, nobody);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Errc::kNotFound);
  }
}
