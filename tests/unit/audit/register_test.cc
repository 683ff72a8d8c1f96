// Names are believed when they fit the commitments of the ceremony, and not otherwise.
#include "vault/audit/register.h"

#include "tests/unit/audit/memory_mirror.h"

using namespace facekeep;
using namespace facekeep::audit_test;

namespace {

Json whole_register() {
  Json people = Json::object();
  for (const auto& p : genesis_with_key().principals) {
    people[p.id] = {{"name", name_of(p.id)}, {"salt", to_hex(salt_of(p.id))}};
  }
  return {{"people", people}};
}

}  // namespace

TEST_CASE("every name that fits is there, without a finding") {
  Findings findings;
  const auto names = check_register(whole_register().dump(), genesis_with_key(), findings);
  REQUIRE(names);
  CHECK(names->size() == genesis_with_key().principals.size());
  CHECK(names->at("residents/2") == "Person residents/2");
  CHECK(findings.sorted().empty());
}

TEST_CASE("an altered name, an altered salt and a missing person are findings") {
  for (const auto& [field, value] : {std::pair("name", std::string("Somebody else")), {"salt", std::string(64, 'a')}}) {
    Findings findings;
    Json doc = whole_register();
    doc["people"]["property/1"][field] = value;
    const auto names = check_register(doc.dump(), genesis_with_key(), findings);
    REQUIRE(names);
    CHECK(names->count("property/1") == 0);
    CHECK(findings.count(Code::kNameMismatch) == 1);
  }
  Findings findings;
  Json doc = whole_register();
  doc["people"].erase("door/1");
  REQUIRE(check_register(doc.dump(), genesis_with_key(), findings));
  CHECK(findings.count(Code::kNameMissing) == 1);
  CHECK(findings.clean());
}

TEST_CASE("what is no register is refused") {
  for (const char* bad :
       {"", "[]", "{}", R"({"people":[]})", R"({"people":{},"more":1})",
        R"({"people":{"property/1":{"name":1,"salt":""}}})", R"({"people":{"property/1":{"name":"x"}}})"}) {
    Findings findings;
    INFO(bad);
    CHECK_FALSE(check_register(bad, genesis_with_key(), findings));
  }
}
