// What a person reads before signing is the whole action: no field of it can differ without the words differing.
#include "tools/common/action_words.h"

#include <functional>

#include "tests/support/catch.h"
#include "tests/unit/ledger/genesis_maker.h"

using namespace facekeep;
using namespace facekeep::tools;
using namespace facekeep::ledger;

namespace {

// One of each kind, with every optional field.
std::vector<Action> full_actions() {
  PrincipalRecord door = test::make_principal("door/7", Role::kDoor);
  door.sites = {"main"};
  door.doors = {"west"};
  door.until = "2030-01-31";
  PrincipalRecord custodian = test::make_principal("residents/1", Role::kCustodian);
  custodian.approval_held = "token";
  custodian.approval_evidence = test::digest_of("evidence");
  custodian.until = "2030-01-31";
  Site site = test::make_site("tower", {{"gate", "entrance"}});
  return {
      RegisterPrincipals{{{"main", {"west", "gate"}}}, {door}},
      ChangeCustodian{custodian},
      ChangeRules{{{"export", {{{"property", 1}, {"residents", 1}}, 60, 3600, 2}}}},
      ChangeThresholds{"face", 1, 2},
      AddModel{{"fresh", 1, 64, 1, 2}},
      ChangeReveal{"main", false},
      CancelErasures{"main"},
      OpenSite{site},
      ChangePolicy{"main", 30, 5},
      ChangeWitnesses{test::sample_witnesses()},
      ExportTemplates{"main",
                      3,
                      test::digest_of("list"),
                      ExportBasis::kLegalOrder,
                      test::digest_of("order"),
                      {{test::digest_of("spki"), to_bytes("certificate")}}},
      RotateKeys{"no key at all"},
      Reshare{{{"residents", 2, {{1, test::digest_of("card"), {1, 2}}}}},
              {custodian},
              test::digest_of("U"),
              7,
              {{"export", {{{"property", 1}, {"residents", 1}}, 60, 3600, 2}}},
              test::digest_of("transcript"),
              "no key either",
              {{"residents/1", "signature"}}},
      SetRotation{365},
      RotateLogKey{},
      ConfirmSubjects{"main"},
      SetTicket{TicketPolicy{24, {"lodge", "residents", "https://10.0.0.9:8450", test::approval_line("box")}, true}}};
}

// Other values of a leaf that a strict reader may take.
std::vector<Json> others(const std::string& field, const Json& value) {
  if (value.is_boolean()) return {!value.get<bool>()};
  if (value.is_number()) return {value.get<std::int64_t>() + 1, value.get<std::int64_t>() - 1};
  const std::string text = value.get<std::string>();
  if (field == "role") return {"operator", "auditor"};
  if (field == "basis") return {"consent"};
  if (field == "on_missing") return {"open"};
  if (field == "approval_held") return {"file"};
  if (field == "approval_key") return {test::approval_line("somebody else")};
  if (field == "vkey") return {test::witness_vkey("w9")};
  if (field == "url") return {text + "/x"};
  if (field == "until" || field == "date") return {"2029-12-30"};
  if (field == "certificate") return {to_base64(to_bytes("another one"))};
  const bool digest = text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (field == "key" && !digest) return {test::approval_line("somebody else")};  // a box's
  if (digest) return {(text[0] == '0' ? "1" : "0") + text.substr(1)};
  return {text + "x"};
}

// Each leaf of `all`, changed alone.
void change_each(Json& all, Json& at, const std::string& field, const std::function<void(const Json&)>& seen) {
  if (at.is_structured()) {
    for (const auto& [key, value] : at.items()) change_each(all, value, at.is_object() ? key : field, seen);
    return;
  }
  // Who signed is said; that it is that person's signature is checked, and not for people to read.
  if (field == "kind" || field == "signature") return;
  const Json own = at;
  std::size_t taken = 0;
  for (const Json& other : others(field, own)) {
    at = other;
    if (!action_from_json(all)) continue;
    ++taken;
    seen(all);
  }
  at = own;
  // A role and a basis have fields of their own, so that none of another is taken alone; `unattended` is true or not
  // there.
  INFO(field << " of " << all.dump());
  CHECK((taken > 0 || field == "role" || field == "basis" || field == "unattended"));
}

}  // namespace

TEST_CASE("no field of an action can differ without its words differing") {
  const auto actions = full_actions();
  REQUIRE(actions.size() == std::variant_size_v<Action>);
  for (const Action& action : actions) {
    Json json = to_json(action);
    for (const Lang lang : {Lang::kEnglish, Lang::kChinese}) {
      const auto words = action_words(lang, action);
      change_each(json, json, "", [&](const Json& changed) {
        CAPTURE(changed.dump());
        CHECK(action_words(lang, *action_from_json(changed)) != words);
      });
    }
  }
}

TEST_CASE("tickets of a box that asks nobody are told from those of one that does") {
  SetTicket ticket = std::get<SetTicket>(full_actions().back());
  REQUIRE(ticket.ticket->unattended);
  for (const Lang lang : {Lang::kEnglish, Lang::kChinese}) {
    const auto words = action_words(lang, ticket);
    SetTicket attended = ticket;
    attended.ticket->unattended = false;
    CHECK(action_words(lang, attended) != words);
  }
}

TEST_CASE("what differs between two registrations is named, field by field, and nothing else is") {
  PrincipalRecord before = test::make_principal("residents/1", Role::kCustodian);
  CHECK(changes_of(Lang::kEnglish, before, before).size() == 1);  // that there is nothing
  const Json json = to_json(before);
  for (const char* field : {"key", "name", "approval_key", "deputy"}) {
    CAPTURE(field);
    Json changed = json;
    changed[field] = others(field, json[field]).front();
    const auto lines = changes_of(Lang::kEnglish, before, *principal_from_json(changed, "test"));
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find(std::string(field) + ": ") != std::string::npos);
    CHECK(lines[0].find(" -> ") != std::string::npos);
  }
}
