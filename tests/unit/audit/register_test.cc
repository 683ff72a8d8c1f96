// Names are believed when they fit the commitments of the ceremony, and not otherwise.
#include "vault/audit/register.h"

#include "tests/unit/audit/memory_mirror.h"
#include "vault/ledger/person_name.h"

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
  const auto names = check_register(whole_register().dump(), genesis_with_key(), {}, 0, findings);
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
    const auto names = check_register(doc.dump(), genesis_with_key(), {}, 0, findings);
    REQUIRE(names);
    CHECK(names->count("property/1") == 0);
    CHECK(findings.count(Code::kNameMismatch) == 1);
  }
  Findings findings;
  Json doc = whole_register();
  doc["people"].erase("door/1");
  REQUIRE(check_register(doc.dump(), genesis_with_key(), {}, 0, findings));
  CHECK(findings.count(Code::kNameMissing) == 1);
  CHECK(findings.clean());
}

TEST_CASE("a registration with the commitment that is opened already brings no name again, another one does") {
  const auto& people = genesis_with_key().principals;
  ledger::PrincipalRecord other = people[1];
  other.name = lt::digest_of("another name");
  LaterPeople later;
  later.see(
      5,
      {0, 0, ledger::ProposalMade{{1}, "property/1", "why", ledger::RegisterPrincipals{{}, {people[0], other}}, {}}});
  later.see(6, {0, 0, ledger::ProposalDone{{1}}});
  Findings findings;
  const auto names = check_register(whole_register().dump(), genesis_with_key(), later, 0, findings);
  REQUIRE(names);
  CHECK(names->at(people[0].id) == "Person " + people[0].id);
  REQUIRE(findings.count(Code::kNameMissing) == 1);
  CHECK(findings.sorted()[0].args == std::vector<std::string>{people[1].id});
}

TEST_CASE("names that proposals brought are held against the proposals, and the latest that was carried out stands") {
  const auto person = [](const std::string& name) { return ledger::PersonName{name, salt_of(name)}; };
  const auto proposal = [&](std::uint8_t id, const std::string& name) {
    ledger::PrincipalRecord p;
    p.id = "operator/9";
    p.role = ledger::Role::kOperator;
    p.name = ledger::name_commitment(person(name));
    return ledger::ProposalMade{{id}, "property/1", "new", ledger::RegisterPrincipals{{}, {p}}, {}};
  };
  LaterPeople later;
  const auto see = [&](std::uint64_t entry, ledger::Body body) { later.see(entry, {0, 0, std::move(body)}); };
  see(5, proposal(1, "Ann"));
  see(6, proposal(2, "Ben"));
  see(7, proposal(3, "Cyd"));
  see(8, ledger::ProposalDone{{2}, {}});
  see(9, ledger::ProposalDone{{1}, {}});
  const auto part = [&](std::uint64_t entry, const std::string& name) {
    return Json{{"entry", entry}, {"people", ledger::to_json(ledger::PeopleNames{{"operator/9", person(name)}})}};
  };
  Json doc = whole_register();
  doc["later"] = {part(5, "Ann"), part(6, "Ben"), part(7, "Cyd")};
  Findings good;
  const auto names = check_register(doc.dump(), genesis_with_key(), later, 0, good);
  REQUIRE(names);
  CHECK(names->at("operator/9") == "Ann");
  CHECK(good.sorted().empty());

  doc["later"] = {part(5, "Eve"), part(7, "Dan")};
  Findings bad;
  REQUIRE(check_register(doc.dump(), genesis_with_key(), later, 0, bad));
  CHECK(bad.count(Code::kNameMismatch) == 2);
  CHECK(bad.count(Code::kNameMissing) == 1);
}

TEST_CASE("what is no register is refused") {
  for (const char* bad :
       {"", "[]", "{}", R"({"people":[]})", R"({"people":{},"more":1})",
        R"({"people":{"property/1":{"name":1,"salt":""}}})", R"({"people":{"property/1":{"name":"x"}}})"}) {
    Findings findings;
    INFO(bad);
    CHECK_FALSE(check_register(bad, genesis_with_key(), {}, 0, findings));
  }
}

TEST_CASE("a part that does not open is a finding, and the rest is read") {
  Json doc = whole_register();
  doc["damaged"] = {7};
  doc["later"] = {{{"entry", 5}, {"people", {{"door/9", {{"name", 1}, {"salt", ""}}}}}}};
  Findings findings;
  const auto names = check_register(doc.dump(), genesis_with_key(), {}, 0, findings);
  REQUIRE(names);
  CHECK(names->size() == genesis_with_key().principals.size());
  REQUIRE(findings.count(Code::kNamesDamaged) == 2);
  CHECK(findings.sorted().front().entry == 5);
  CHECK_FALSE(findings.clean());
  doc["damaged"] = {"7"};
  CHECK_FALSE(check_register(doc.dump(), genesis_with_key(), {}, 0, findings));
}
