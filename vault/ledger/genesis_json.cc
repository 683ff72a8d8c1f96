#include "vault/base/newer.h"
#include "vault/ledger/genesis.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::ledger {
namespace {

Json share_json(const ShareCard& s) {
  return {{"commitment", to_hex(s.commitment)}, {"holders", s.holders}, {"number", s.number}};
}

}  // namespace

Json to_json(const Group& g) {
  Json shares = Json::array();
  for (const auto& s : g.shares) shares.push_back(share_json(s));
  return {{"id", g.id}, {"shares", std::move(shares)}, {"threshold", g.threshold}};
}

Json to_json(const PrincipalRecord& p) {
  Json j = {{"id", p.id}, {"key", to_hex(p.key)}, {"name", to_hex(p.name)}, {"role", std::string(to_string(p.role))}};
  if (p.role == Role::kCustodian) {
    j["approval_key"] = p.approval_key;
    j["deputy"] = p.deputy;
    if (p.approval_held) j["approval_held"] = *p.approval_held;
    if (p.approval_evidence) j["approval_evidence"] = to_hex(*p.approval_evidence);
  }
  if (!p.sites.empty()) j["sites"] = p.sites;
  if (!p.doors.empty()) j["doors"] = p.doors;
  if (p.until) j["until"] = *p.until;
  if (!p.signing_key.empty()) j["signing_key"] = p.signing_key;
  return j;
}

Json to_json(const SiteBudgets& b) {
  const auto bucket = [](const Budget& x) { return Json{{"burst", x.burst}, {"refill_ms", x.refill_ms}}; };
  return {{"camera", bucket(b.camera)},
          {"door", bucket(b.door)},
          {"repeat_cost", b.repeat_cost},
          {"subject", bucket(b.subject)},
          {"subject_door", bucket(b.subject_door)},
          {"unsigned_cost", b.unsigned_cost}};
}

Json to_json(const Site& s, bool opened) {
  Json doors = Json::array();
  for (const auto& d : s.doors) doors.push_back({{"class", d.location_class}, {"id", d.id}});
  Json j = {{"access_log_days", s.access_log_days},
            {"alternative", s.alternative},
            {"assessment", {{"date", s.assessment_date}, {"digest", to_hex(s.assessment)}}},
            {"doors", std::move(doors)},
            {"erase_daily", s.erase_daily},
            {"hide_subject", s.hide_subject},
            {"id", s.id},
            {"purpose", s.purpose}};
  if (s.signed_probes_required) j["signed_probes"] = "required";
  if (s.min_pad > 0) j["min_pad"] = s.min_pad;
  if (opened) {
    j["check"] = to_hex(s.check);
    j["epoch"] = s.epoch;
  }
  if (s.budgets) j["budgets"] = to_json(*s.budgets);
  return j;
}

Json to_json(const Model& m) {
  return {{"dimension", m.dimension},
          {"id", m.id},
          {"identify_threshold", m.identify_threshold},
          {"verify_threshold", m.verify_threshold},
          {"version", m.version}};
}

Json to_json(const KeyEvidence& e) {
  return {{"always_sensitive", e.always_sensitive},
          {"extractable", e.extractable},
          {"local", e.local},
          {"mechanism", e.mechanism},
          {"never_extractable", e.never_extractable},
          {"sensitive", e.sensitive}};
}

Json to_json(const std::vector<GenesisSignature>& signatures) {
  Json out = Json::array();
  for (const auto& s : signatures) out.push_back({{"by", s.by}, {"signature", s.signature}});
  return out;
}

namespace {

std::vector<std::string> read_slugs(ObjectReader& r, const char* key, std::size_t max) {
  std::vector<std::string> out;
  if (!r.has(key)) return out;
  for (const auto& v : r.array(key, max)) {
    if (!v.is_string() || !is_slug(v.get_ref<const std::string&>())) {
      r.fail(std::string(key) + " has something that is not a name of a-z, 0-9 and '-'");
      break;
    }
    out.push_back(v.get<std::string>());
  }
  if (out.empty()) r.fail(std::string(key) + " is empty");
  return out;
}

Result<ShareCard> read_share(const Json& j, const std::string& what) {
  ObjectReader r(j, "share of " + what);
  ShareCard s;
  s.number = static_cast<std::uint32_t>(r.integer("number", 1, kMaxSharesPerGroup));
  s.commitment = r.hex<32>("commitment");
  for (const auto& h : r.array("holders", 8)) {
    if (!h.is_number_integer() || h.get<std::int64_t>() < 1 || h.get<std::int64_t>() > 64) {
      r.fail("holders is not a list of numbers from 1 to 64");
      break;
    }
    s.holders.push_back(h.get<std::uint32_t>());
  }
  FK_CHECK(r.finish());
  return s;
}

}  // namespace

Result<Group> group_from_json(const Json& j, const std::string& what) {
  ObjectReader r(j, what);
  Group g;
  g.id = r.slug("id");
  g.threshold = static_cast<std::uint32_t>(r.integer("threshold", 1, kMaxSharesPerGroup));
  const Json& shares = r.array("shares", kMaxSharesPerGroup);
  FK_CHECK(r.finish());
  for (const auto& s : shares) {
    FK_TRY(ShareCard card, read_share(s, what));
    g.shares.push_back(std::move(card));
  }
  return g;
}

Result<PrincipalRecord> principal_from_json(const Json& j, const std::string& what) {
  ObjectReader r(j, what);
  PrincipalRecord p;
  p.id = r.text("id", kMaxSlug + 8);
  auto role = parse_role(r.text("role", 16));
  if (role) {
    p.role = *role;
  } else {
    r.fail(role.error().message);
  }
  p.key = r.hex<32>("key");
  p.name = r.hex<32>("name");
  if (p.role == Role::kCustodian) {
    p.approval_key = r.text("approval_key", 1024);
    p.deputy = r.boolean("deputy");
    if (r.has("approval_held")) p.approval_held = r.text("approval_held", 16);
    if (r.has("approval_evidence")) p.approval_evidence = r.hex<32>("approval_evidence");
  }
  p.sites = read_slugs(r, "sites", kMaxSites);
  p.doors = read_slugs(r, "doors", kMaxDoors);
  if (r.has("until")) p.until = r.day("until");
  if (r.has("signing_key")) {
    p.signing_key = r.text("signing_key", 1024);
    if (p.signing_key.empty()) r.fail("signing_key is empty");
  }
  FK_CHECK(r.finish());
  return p;
}

Result<SiteBudgets> budgets_from_json(const Json& j, const std::string& what) {
  ObjectReader r(j, what);
  SiteBudgets b;
  const auto cost = [&](const char* key) { return static_cast<std::uint32_t>(r.integer(key, 1, kMaxBudgetCost)); };
  b.unsigned_cost = cost("unsigned_cost");
  b.repeat_cost = cost("repeat_cost");
  for (const auto& [key, bucket] : {std::pair("door", &b.door), std::pair("camera", &b.camera),
                                    std::pair("subject", &b.subject), std::pair("subject_door", &b.subject_door)}) {
    const Json& value = r.object(key);
    if (!r.ok()) break;
    ObjectReader budget(value, std::string(key) + " of " + what);
    bucket->burst = static_cast<std::uint32_t>(budget.integer("burst", 1, kMaxBurst));
    bucket->refill_ms = static_cast<std::uint32_t>(budget.integer("refill_ms", 1, kBudgetMemory));
    FK_CHECK(budget.finish());
  }
  FK_CHECK(r.finish());
  FK_CHECK(check_budgets(b));
  return b;
}

Result<Site> site_from_json(const Json& j, const std::string& what, bool opened) {
  ObjectReader r(j, what);
  Site s;
  s.id = r.slug("id");
  if (opened) {
    s.epoch = static_cast<std::uint32_t>(r.integer("epoch", 1, 1000000));
    s.check = r.hex<32>("check");
  }
  s.purpose = r.slug("purpose");
  s.alternative = r.slug("alternative");
  s.access_log_days = static_cast<std::uint32_t>(r.integer("access_log_days", 1, kMaxAccessLogDays));
  s.erase_daily = static_cast<std::uint32_t>(r.integer("erase_daily", 0, kMaxEraseDaily));
  s.hide_subject = r.boolean("hide_subject");
  if (r.has("signed_probes")) {
    s.signed_probes_required = r.text("signed_probes", 16) == "required";
    if (!s.signed_probes_required) r.fail("signed_probes is not \"required\"; what is optional is not named");
  }
  if (r.has("min_pad")) s.min_pad = static_cast<std::uint32_t>(r.integer("min_pad", 1, kMaxPadLevel));
  ObjectReader a(r.object("assessment"), "assessment of site");
  if (r.ok()) {
    s.assessment = a.hex<32>("digest");
    s.assessment_date = a.day("date");
    FK_CHECK(a.finish());
  }
  const Json& doors = r.array("doors", kMaxDoors);
  const Json* budgets = r.has("budgets") ? &r.object("budgets") : nullptr;
  FK_CHECK(r.finish());
  if (budgets != nullptr) {
    FK_TRY(s.budgets, budgets_from_json(*budgets, "budgets of site"));
  }
  for (const auto& d : doors) {
    ObjectReader dr(d, "door of site");
    DoorResource door{dr.slug("id"), dr.slug("class")};
    FK_CHECK(dr.finish());
    s.doors.push_back(std::move(door));
  }
  return s;
}

Result<Model> model_from_json(const Json& j, const std::string& what) {
  ObjectReader r(j, what);
  Model m;
  m.id = r.slug("id");
  m.version = static_cast<std::uint32_t>(r.integer("version", 1, 1000000));
  m.dimension = static_cast<std::uint32_t>(r.integer("dimension", kMinDimension, kMaxDimension));
  m.verify_threshold = static_cast<std::int32_t>(r.integer("verify_threshold", -1000000, 1000000));
  m.identify_threshold = static_cast<std::int32_t>(r.integer("identify_threshold", -1000000, 1000000));
  FK_CHECK(r.finish());
  return m;
}

Result<KeyEvidence> key_evidence_from_json(const Json& j, const std::string& what) {
  ObjectReader r(j, what);
  KeyEvidence e;
  e.mechanism = r.text("mechanism", 32);
  e.local = r.boolean("local");
  e.sensitive = r.boolean("sensitive");
  e.always_sensitive = r.boolean("always_sensitive");
  e.extractable = r.boolean("extractable");
  e.never_extractable = r.boolean("never_extractable");
  FK_CHECK(r.finish());
  return e;
}

Result<std::vector<GenesisSignature>> signatures_from_json(const Json& list, const std::string& what) {
  std::vector<GenesisSignature> out;
  for (const auto& j : list) {
    ObjectReader r(j, what);
    GenesisSignature s{r.text("by", kMaxSlug + 8), r.text("signature", 4096)};
    FK_CHECK(r.finish());
    out.push_back(std::move(s));
  }
  return out;
}

namespace {

Result<TokenEvidence> read_token(const Json& j) {
  ObjectReader r(j, "token of genesis");
  TokenEvidence t;
  t.manufacturer = r.text("manufacturer", 64);
  t.model = r.text("model", 64);
  t.serial = r.text("serial", 64);
  t.firmware = r.text("firmware", 64);
  t.token_class = r.text("class", 16);
  const Json& root = r.object("root");
  const Json& log_sign = r.object("log_sign");
  FK_CHECK(r.finish());
  FK_TRY(t.root, key_evidence_from_json(root, "root key of genesis"));
  FK_TRY(t.log_sign, key_evidence_from_json(log_sign, "log key of genesis"));
  return t;
}

Status read_lists(Genesis& g, const Json& groups, const Json& principals, const Json& sites, const Json& models) {
  for (const auto& j : groups) {
    FK_TRY(Group v, group_from_json(j, "group of genesis"));
    g.groups.push_back(std::move(v));
  }
  for (const auto& j : principals) {
    FK_TRY(PrincipalRecord v, principal_from_json(j, "principal of genesis"));
    g.principals.push_back(std::move(v));
  }
  for (const auto& j : sites) {
    FK_TRY(Site v, site_from_json(j, "site of genesis"));
    g.sites.push_back(std::move(v));
  }
  for (const auto& j : models) {
    FK_TRY(Model v, model_from_json(j, "model of genesis"));
    g.models.push_back(std::move(v));
  }
  return {};
}

}  // namespace

Json to_json(const Genesis& g, bool with_signatures) {
  Json groups = Json::array();
  for (const auto& v : g.groups) groups.push_back(to_json(v));
  Json principals = Json::array();
  for (const auto& v : g.principals) principals.push_back(to_json(v));
  Json sites = Json::array();
  for (const auto& v : g.sites) sites.push_back(to_json(v));
  Json models = Json::array();
  for (const auto& v : g.models) models.push_back(to_json(v));
  Json rules = Json::object();
  for (const auto& [name, rule] : g.rules) rules[name] = to_json(rule);

  Json j = {{"format", 1},
            {"groups", std::move(groups)},
            {"log_key", g.log_key},
            {"models", std::move(models)},
            {"origin", g.origin},
            {"preset", std::string(to_string(g.preset))},
            {"principals", std::move(principals)},
            {"program", to_hex(g.program)},
            {"register", {{"check", to_hex(g.register_check)}, {"epoch", g.register_epoch}}},
            {"rehearsal", g.rehearsal},
            {"rules", std::move(rules)},
            {"server_key", to_hex(g.server_key)},
            {"share_set", g.share_set},
            {"sites", std::move(sites)},
            {"suite", 1},
            {"token",
             {{"class", g.token.token_class},
              {"firmware", g.token.firmware},
              {"log_sign", to_json(g.token.log_sign)},
              {"manufacturer", g.token.manufacturer},
              {"model", g.token.model},
              {"root", to_json(g.token.root)},
              {"serial", g.token.serial}}},
            {"transcript", to_hex(g.transcript)},
            {"unseal_key", to_hex(g.unseal_key)},
            {"vault", to_hex(g.vault)}};
  if (g.spare_key) j["spare_key"] = to_hex(*g.spare_key);
  if (g.witnesses) j["witnesses"] = to_json(*g.witnesses);
  if (g.rotate_days > 0) j["rotate_days"] = g.rotate_days;
  if (g.ticket) j["ticket"] = to_json(*g.ticket);
  if (with_signatures) j["signatures"] = to_json(g.signatures);
  return j;
}

Result<Genesis> genesis_from_json(const Json& body) {
  ObjectReader r(body, "genesis");
  Genesis g;
  for (const char* field : {"format", "suite"}) {
    const std::int64_t version = r.integer(field, 1, 1'000'000);
    if (r.ok() && version > 1) {
      return newer_format("the " + std::string(field) + " of genesis", static_cast<std::uint64_t>(version), 1);
    }
  }
  g.vault = r.hex<16>("vault");
  g.origin = r.text("origin", 120);
  g.rehearsal = r.boolean("rehearsal");
  auto preset = parse_preset(r.text("preset", 16));
  if (preset) {
    g.preset = *preset;
  } else {
    r.fail(preset.error().message);
  }
  g.share_set = static_cast<std::uint32_t>(r.integer("share_set", 0, kMaxShareSet));
  g.unseal_key = r.hex<32>("unseal_key");
  g.log_key = r.text("log_key", 512);
  if (r.has("spare_key")) g.spare_key = r.hex<32>("spare_key");
  if (r.has("rotate_days")) g.rotate_days = static_cast<std::uint32_t>(r.integer("rotate_days", 1, kMaxRotateDays));
  g.server_key = r.hex<32>("server_key");
  g.transcript = r.hex<32>("transcript");
  g.program = r.hex<32>("program");
  const Json& groups = r.array("groups", kMaxGroups);
  const Json& principals = r.array("principals", kMaxPrincipals);
  const Json& sites = r.array("sites", kMaxSites);
  const Json& models = r.array("models", kMaxModels);
  const Json& rules = r.object("rules");
  const Json& token = r.object("token");
  const Json& reg = r.object("register");
  const Json* witnesses = r.has("witnesses") ? &r.object("witnesses") : nullptr;
  const Json* ticket = r.has("ticket") ? &r.object("ticket") : nullptr;
  const Json& signatures = r.array("signatures", kMaxGenesisSignatures);
  FK_CHECK(r.finish());
  ObjectReader rr(reg, "register of genesis");
  g.register_check = rr.hex<32>("check");
  g.register_epoch = static_cast<std::uint32_t>(rr.integer("epoch", 1, 1000000));
  FK_CHECK(rr.finish());
  FK_CHECK(read_lists(g, groups, principals, sites, models));
  for (const auto& [name, value] : rules.items()) {
    FK_TRY(Rule rule, rule_from_json(value, "rule of genesis"));
    g.rules[name] = std::move(rule);
  }
  FK_TRY(g.token, read_token(token));
  if (ticket != nullptr) {
    FK_TRY(g.ticket, ticket_policy_from_json(*ticket, "restart ticket of genesis"));
  }
  if (witnesses != nullptr) {
    FK_TRY(g.witnesses, witnesses_from_json(*witnesses, "witnesses of genesis"));
  }
  FK_TRY(g.signatures, signatures_from_json(signatures, "signature of genesis"));
  FK_CHECK(check_genesis(g));
  return g;
}

}  // namespace facekeep::ledger
