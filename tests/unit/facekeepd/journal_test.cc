#include "tools/facekeepd/journal.h"

#include "tests/support/catch.h"
#include "vault/base/json.h"

namespace facekeep::daemon {
namespace {

TEST_CASE("a text line has the event and its fields, quoted") {
  REQUIRE(journal_line(false, Level::kInfo, "serving", {{Field::kListener, "main"}, {Field::kAddress, "a b"}}) ==
          "info serving listener=\"main\" address=\"a b\"");
}

TEST_CASE("a JSON line is one object") {
  const std::string line = journal_line(true, Level::kError, "halted", {{Field::kReason, "disk \"full\""}});
  const auto parsed = parse_json(line);
  REQUIRE(parsed);
  REQUIRE(parsed->at("event") == "halted");
  REQUIRE(parsed->at("level") == "error");
  REQUIRE(parsed->at("reason") == "disk \"full\"");
}

TEST_CASE("control characters, line ends and broken UTF-8 can't forge a line") {
  for (const bool json : {false, true}) {
    const std::string line = journal_line(json, Level::kInfo, "x", {{Field::kReason, "a\nb\r\x1b[31m\xff\xc2\x9b"}});
    for (const char c : line) REQUIRE((static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f));
  }
}

}  // namespace
}  // namespace facekeep::daemon
