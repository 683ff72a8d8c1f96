// What the served document enumerates is what the vault takes: a client generated from it can say everything.
#include "api/openapi.h"

#include <regex>
#include <set>

#include "tests/support/catch.h"
#include "vault/ledger/action.h"

namespace facekeep::api {
namespace {

// The `- value` lines of the first `enum:` behind this schema's name.
std::multiset<std::string> enum_of(const std::string& schema) {
  const std::string yaml(openapi_yaml());
  const auto at = yaml.find("\n    " + schema + ":\n");
  REQUIRE(at != std::string::npos);
  const auto from = yaml.find("enum:\n", at);
  REQUIRE(from != std::string::npos);
  std::multiset<std::string> out;
  const std::regex item(R"re( +- ([a-z0-9-]+)\n)re");
  std::smatch found;
  auto here = yaml.begin() + static_cast<std::ptrdiff_t>(from + std::string("enum:\n").size());
  while (std::regex_search(here, yaml.end(), found, item, std::regex_constants::match_continuous)) {
    out.insert(found[1]);
    here = found[0].second;
  }
  return out;
}

TEST_CASE("the document has every kind of action, and no other") {
  std::multiset<std::string> kinds;
  for (const auto& kind : ledger::action_kinds()) kinds.emplace(kind.name);
  CHECK(enum_of("Action") == kinds);
}

}  // namespace
}  // namespace facekeep::api
