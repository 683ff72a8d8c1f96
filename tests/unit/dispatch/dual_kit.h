// Proposals and votes over the API of a test's vault, signed as a custodian's own program signs them.
#pragma once

#include "tests/unit/dispatch/api_kit.h"
#include "tools/common/sshsig_sign.h"
#include "vault/base/digest.h"
#include "vault/ledger/person_name.h"
#include "vault/ledger/proposal.h"
#include "vault/log/checkpoint.h"

namespace facekeep::test {

inline Json door_record(const std::string& id, const Digest& key, const std::string& door = "north") {
  ledger::PrincipalRecord p;
  p.id = id;
  p.role = ledger::Role::kDoor;
  p.key = key;
  p.name = sha256(as_bytes("name of " + id));
  p.sites = {"main"};
  p.doors = {door};
  return to_json(p);
}
inline Json register_action(const std::string& id, const Digest& key) {
  return {{"kind", "register-principals"}, {"doors", Json::array()}, {"principals", {door_record(id, key)}}};
}

// door/7, with somebody's name.
inline const ledger::PersonName kWang{"Wang Wei", sha256(as_bytes("salt"))};
inline const Json kNames = ledger::to_json(ledger::PeopleNames{{"door/7", kWang}});
inline Json named_door(const Digest& key = sha256(as_bytes("new door"))) {
  Json action = register_action("door/7", key);
  action["principals"][0]["name"] = to_hex(ledger::name_commitment(kWang));
  return action;
}

inline Json site_action(const std::string& id) {
  ledger::Site site;
  site.id = id;
  site.purpose = "entry-control";
  site.alternative = "key-card";
  site.assessment_date = "2026-01-31";
  site.doors = {{"gate", "entrance"}};
  return to_json(ledger::Action(ledger::OpenSite{site}));
}

// The proposal as the answer shows it.
inline Json propose(ApiKit& kit, const std::string& who, const Json& action, const Json& names = {}) {
  Json body = {{"purpose", "new-door"}, {"action", action}};
  if (!names.is_null()) body["names"] = names;
  const auto answer = kit.ask(who, "POST", "/v1/proposals", body.dump());
  INFO(ApiKit::text(answer));
  REQUIRE(answer.status == 201);
  return ApiKit::json(answer).at("proposal");
}

// The body of a vote over the published log; with another's key, if one is named.
inline Json vote_body(ApiKit& kit, const std::string& who, const Json& proposal, ledger::Verb verb,
                      const std::string& key_of = {}) {
  const auto key = log::parse_vkey(kit.vault.genesis().log_key).value();
  const auto head = log::open_checkpoint(kit.service->sequencer().checkpoint(), key).value();
  ledger::Vote v;
  v.rule = proposal.at("rule_version");
  v.size = head.size;
  v.root = head.root;
  const Digest digest = from_hex_exact<32>(proposal.at("digest").get<std::string>()).value();
  const std::string statement = vote_statement(v, verb, digest, kit.vault.genesis().vault).value();
  const Bytes blob = tools::make_sshsig(kit.vault.private_key(key_of.empty() ? who : key_of),
                                        ledger::kApprovalNamespace, as_bytes(statement))
                         .value();
  return {{"rule", v.rule}, {"size", v.size}, {"root", to_hex(v.root)}, {"signature", ledger::armor_sshsig(blob)}};
}
inline std::string path_of(const Json& proposal, const std::string& rest = {}) {
  return "/v1/proposals/" + proposal.at("id").get<std::string>() + rest;
}
inline http::Response approve(ApiKit& kit, const std::string& who, const Json& proposal);
// Signed by one of each group, and carried out when its delay is over.
inline Json carry_out(ApiKit& kit, const Json& action, const Json& names = {}) {
  const Json made = propose(kit, "property/1", action, names);
  for (const char* who : {"property/1", "residents/1"}) REQUIRE(approve(kit, who, made).status == 200);
  kit.vault.clock.advance(made.at("rule").at("delay_s").get<std::int64_t>() * 1000);
  kit.service->housekeeping();
  const Json now = ApiKit::json(kit.ask("property/1", "GET", path_of(made)));
  REQUIRE(now.at("stage") == "done");
  return made;
}
// door/1 serves the gate of a new site, and operator/1 works there too.
inline void staff_site(ApiKit& kit, const std::string& site) {
  Json scope = register_action("door/1", kit.vault.key("door/1"));
  scope["principals"][0]["sites"] = {site};
  scope["principals"][0]["doors"] = {"gate"};
  carry_out(kit, scope);
  ledger::PrincipalRecord desk;
  desk.id = "operator/1";
  desk.role = ledger::Role::kOperator;
  desk.key = kit.vault.key("operator/1");
  desk.name = sha256(as_bytes("name"));
  desk.sites = {"main", site};
  carry_out(kit, {{"kind", "register-principals"}, {"doors", Json::array()}, {"principals", {to_json(desk)}}});
}
inline http::Response approve(ApiKit& kit, const std::string& who, const Json& proposal) {
  return kit.ask(who, "POST", path_of(proposal, "/approvals"),
                 vote_body(kit, who, proposal, ledger::Verb::kApprove).dump());
}

}  // namespace facekeep::test
