// Writer and reader of actions, one pair a kind.
#include "vault/base/newer.h"
#include "vault/ledger/action.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::ledger {
namespace {

template <class T>
struct Tag {};

Json write(const RegisterPrincipals& a) {
  Json doors = Json::array();
  for (const auto& d : a.doors) {
    doors.push_back({{"class", d.door.location_class}, {"id", d.door.id}, {"site", d.site}});
  }
  Json principals = Json::array();
  for (const auto& p : a.principals) principals.push_back(to_json(p));
  return {{"doors", std::move(doors)}, {"principals", std::move(principals)}};
}
Json write(const ChangeCustodian& a) {
  return {{"custodian", to_json(a.custodian)}};
}
Json write(const ChangeRules& a) {
  Json rules = Json::object();
  for (const auto& [name, rule] : a.rules) rules[name] = to_json(rule);
  return {{"rules", std::move(rules)}};
}
Json write(const ChangeThresholds& a) {
  return {{"identify_threshold", a.identify_threshold}, {"model", a.model}, {"verify_threshold", a.verify_threshold}};
}
Json write(const AddModel& a) {
  return {{"model", to_json(a.model)}};
}
Json write(const ChangeReveal& a) {
  return {{"hide_subject", a.hide_subject}, {"site", a.site}};
}
Json write(const CancelErasures& a) {
  return {{"site", a.site}};
}
Json write(const OpenSite& a) {
  return {{"site", to_json(a.site, false)}};
}
Json write(const ChangePolicy& a) {
  Json j = {{"access_log_days", a.access_log_days}, {"erase_daily", a.erase_daily}, {"site", a.site}};
  if (a.signed_probes_required) j["signed_probes"] = *a.signed_probes_required ? "required" : "optional";
  if (a.min_pad) j["min_pad"] = *a.min_pad;
  if (a.budgets) j["budgets"] = to_json(*a.budgets);
  return j;
}
Json write(const ChangeWitnesses& a) {
  Json j = Json::object();
  if (a.witnesses) j["witnesses"] = to_json(*a.witnesses);
  return j;
}

Json write(const ExportTemplates& a) {
  return to_json(a);
}

Json write(const RotateKeys& a) {
  return to_json(a);
}
Json write(const Reshare& a) {
  return to_json(a);
}
Json write(const SetRotation& a) {
  return {{"days", a.days}};
}

Json write(const RotateLogKey& /*a*/) {
  return Json::object();
}
Json write(const ConfirmSubjects& a) {
  return {{"site", a.site}};
}

Json write(const SetTicket& a) {
  Json j = Json::object();
  if (a.ticket) j["ticket"] = to_json(*a.ticket);
  return j;
}

Result<Action> read(Tag<RegisterPrincipals>, ObjectReader& r) {
  RegisterPrincipals a;
  const Json& doors = r.array("doors", kMaxDoors);
  const Json& principals = r.array("principals", kMaxPrincipals);
  FK_CHECK(r.finish());
  for (const auto& j : doors) {
    ObjectReader d(j, "door of an action");
    DoorAt door{d.slug("site"), {d.slug("id"), d.slug("class")}};
    FK_CHECK(d.finish());
    a.doors.push_back(std::move(door));
  }
  for (const auto& j : principals) {
    FK_TRY(PrincipalRecord p, principal_from_json(j, "principal of an action"));
    a.principals.push_back(std::move(p));
  }
  return Action(std::move(a));
}
Result<Action> read(Tag<ChangeCustodian>, ObjectReader& r) {
  const Json& custodian = r.object("custodian");
  FK_CHECK(r.finish());
  FK_TRY(PrincipalRecord p, principal_from_json(custodian, "custodian of an action"));
  return Action(ChangeCustodian{std::move(p)});
}
Result<Action> read(Tag<ChangeRules>, ObjectReader& r) {
  ChangeRules a;
  const Json& rules = r.object("rules");
  FK_CHECK(r.finish());
  for (const auto& [name, value] : rules.items()) {
    FK_TRY(a.rules[name], rule_from_json(value, "rule of an action"));
  }
  return Action(std::move(a));
}
Result<Action> read(Tag<ChangeThresholds>, ObjectReader& r) {
  ChangeThresholds a;
  a.model = r.slug("model");
  a.verify_threshold = static_cast<std::int32_t>(r.integer("verify_threshold", -1000000, 1000000));
  a.identify_threshold = static_cast<std::int32_t>(r.integer("identify_threshold", -1000000, 1000000));
  FK_CHECK(r.finish());
  return Action(std::move(a));
}
Result<Action> read(Tag<AddModel>, ObjectReader& r) {
  const Json& model = r.object("model");
  FK_CHECK(r.finish());
  FK_TRY(Model m, model_from_json(model, "model of an action"));
  return Action(AddModel{std::move(m)});
}
Result<Action> read(Tag<ChangeReveal>, ObjectReader& r) {
  ChangeReveal a{r.slug("site"), r.boolean("hide_subject")};
  FK_CHECK(r.finish());
  return Action(std::move(a));
}
Result<Action> read(Tag<CancelErasures>, ObjectReader& r) {
  CancelErasures a{r.slug("site")};
  FK_CHECK(r.finish());
  return Action(std::move(a));
}

Result<Action> read(Tag<OpenSite>, ObjectReader& r) {
  const Json& site = r.object("site");
  FK_CHECK(r.finish());
  FK_TRY(Site s, site_from_json(site, "site of an action", false));
  return Action(OpenSite{std::move(s)});
}
Result<Action> read(Tag<ChangePolicy>, ObjectReader& r) {
  ChangePolicy a;
  a.site = r.slug("site");
  a.access_log_days = static_cast<std::uint32_t>(r.integer("access_log_days", 1, kMaxAccessLogDays));
  a.erase_daily = static_cast<std::uint32_t>(r.integer("erase_daily", 0, kMaxEraseDaily));
  if (r.has("signed_probes")) {
    const std::string text = r.text("signed_probes", 16);
    if (text != "required" && text != "optional") r.fail("signed_probes is neither required nor optional");
    a.signed_probes_required = text == "required";
  }
  if (r.has("min_pad")) a.min_pad = static_cast<std::uint32_t>(r.integer("min_pad", 0, kMaxPadLevel));
  const Json* budgets = r.has("budgets") ? &r.object("budgets") : nullptr;
  FK_CHECK(r.finish());
  if (budgets != nullptr) {
    FK_TRY(a.budgets, budgets_from_json(*budgets, "budgets of an action"));
  }
  return Action(std::move(a));
}
Result<Action> read(Tag<ChangeWitnesses>, ObjectReader& r) {
  const Json* witnesses = r.has("witnesses") ? &r.object("witnesses") : nullptr;
  FK_CHECK(r.finish());
  ChangeWitnesses a;
  if (witnesses != nullptr) {
    FK_TRY(a.witnesses, witnesses_from_json(*witnesses, "witnesses of an action"));
  }
  return Action(std::move(a));
}

Result<Action> read(Tag<ExportTemplates>, ObjectReader& r) {
  FK_TRY(ExportTemplates a, export_from_json(r));
  return Action(std::move(a));
}

Result<Action> read(Tag<RotateKeys>, ObjectReader& r) {
  FK_TRY(RotateKeys a, rotate_from_json(r));
  return Action(std::move(a));
}
Result<Action> read(Tag<Reshare>, ObjectReader& r) {
  FK_TRY(Reshare a, reshare_from_json(r));
  return Action(std::move(a));
}
Result<Action> read(Tag<SetRotation>, ObjectReader& r) {
  SetRotation a{static_cast<std::uint32_t>(r.integer("days", 0, kMaxRotateDays))};
  FK_CHECK(r.finish());
  return Action(std::move(a));
}

Result<Action> read(Tag<RotateLogKey>, ObjectReader& r) {
  FK_CHECK(r.finish());
  return Action(RotateLogKey{});
}
Result<Action> read(Tag<ConfirmSubjects>, ObjectReader& r) {
  ConfirmSubjects a{r.slug("site")};
  FK_CHECK(r.finish());
  return Action(std::move(a));
}

Result<Action> read(Tag<SetTicket>, ObjectReader& r) {
  const Json* ticket = r.has("ticket") ? &r.object("ticket") : nullptr;
  FK_CHECK(r.finish());
  SetTicket a;
  if (ticket != nullptr) {
    FK_TRY(a.ticket, ticket_policy_from_json(*ticket, "restart ticket of an action"));
  }
  return Action(std::move(a));
}

template <std::size_t I = 0>
Result<Action> read_kind(const std::string& kind, ObjectReader& r) {
  if constexpr (I == std::variant_size_v<Action>) {
    return newer_name("action", kind);
  } else {
    if (kind == action_kinds()[I].name) return read(Tag<std::variant_alternative_t<I, Action>>{}, r);
    return read_kind<I + 1>(kind, r);
  }
}

}  // namespace

Json to_json(const Action& action) {
  Json j = std::visit([](const auto& a) { return write(a); }, action);
  j["kind"] = std::string(kind_of(action).name);
  return j;
}

Result<Action> action_from_json(const Json& value) {
  ObjectReader r(value, "action");
  const std::string kind = r.text("kind", 32);
  if (!r.ok()) return r.finish().error();
  return read_kind(kind, r);
}

}  // namespace facekeep::ledger
