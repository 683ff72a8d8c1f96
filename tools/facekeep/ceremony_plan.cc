#include "tools/facekeep/ceremony_plan.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "api/http/cert.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {
namespace {

using ledger::ObjectReader;
namespace fs = std::filesystem;

std::string beside(const std::string& plan, const std::string& file) {
  return fs::path(file).is_absolute() ? file : (fs::path(plan).parent_path() / file).string();
}

Result<Digest> certificate_key(const std::string& plan, const std::string& file) {
  FK_TRY(const auto cert, http::load_cert(beside(plan, file)));
  return http::spki_digest(cert.get());
}

}  // namespace

Result<PlannedCustodian> read_custodian(const std::string& plan, ObjectReader& r) {
  PlannedCustodian c;
  c.name = r.text("name", 128);
  const std::string cert = r.text("certificate", 4096);
  const std::string approval = r.text("approval_key", 4096);
  if (r.has("deputy")) c.deputy = r.boolean("deputy");
  FK_CHECK(r.finish());
  FK_TRY(c.key, certificate_key(plan, cert));
  FK_TRY(const std::string line, read_small_file(beside(plan, approval)));
  FK_TRY(const auto key, ledger::parse_public_key_line(line.substr(0, line.find('\n'))));
  c.approval_key = ledger::format_ssh_key_line(key.key);
  return c;
}

namespace {

Result<PlannedMachine> read_machine(const std::string& plan, const Json& j, std::map<std::string, int>& numbers) {
  ObjectReader r(j, "principal of the plan");
  PlannedMachine m;
  m.name = r.text("name", 128);
  auto role = ledger::parse_role(r.text("role", 16));
  if (!role || *role == ledger::Role::kCustodian) r.fail("role is not one of operator, door, camera, auditor");
  const std::string cert = r.text("certificate", 4096);
  const auto list = [&](const char* key, std::vector<std::string>& out) {
    if (!r.has(key)) return;
    for (const auto& v : r.array(key, ledger::kMaxDoors)) {
      if (v.is_string()) {
        out.push_back(v.get<std::string>());
      } else {
        r.fail(std::string(key) + " is not a list of names");
      }
    }
  };
  list("sites", m.record.sites);
  list("doors", m.record.doors);
  if (r.has("until")) m.record.until = r.day("until");
  FK_CHECK(r.finish());
  m.record.role = *role;
  const std::string kind(to_string(*role));
  m.record.id = kind + "/" + std::to_string(++numbers[kind]);
  FK_TRY(m.record.key, certificate_key(plan, cert));
  if (*role == ledger::Role::kCamera) {
    FK_TRY(const auto loaded, http::load_cert(beside(plan, cert)));
    FK_TRY(const auto key, ledger::ssh_key_from_evp(X509_get0_pubkey(loaded.get())));
    m.record.signing_key = ledger::format_ssh_key_line(key);
  }
  return m;
}

Result<ledger::Site> read_site(const Json& j) {
  ObjectReader r(j, "site of the plan");
  ledger::Site s;
  s.id = r.slug("id");
  s.purpose = r.slug("purpose");
  s.alternative = r.slug("alternative");
  if (r.has("access_log_days")) s.access_log_days = static_cast<std::uint32_t>(r.integer("access_log_days", 1, 3660));
  if (r.has("erase_daily")) s.erase_daily = static_cast<std::uint32_t>(r.integer("erase_daily", 0, 100000));
  if (r.has("hide_subject")) s.hide_subject = r.boolean("hide_subject");
  if (r.has("signed_probes")) {
    const std::string probes = r.text("signed_probes", 16);
    if (probes != "required" && probes != "optional") r.fail("signed_probes is neither required nor optional");
    s.signed_probes_required = probes == "required";
  }
  if (r.has("min_pad")) s.min_pad = static_cast<std::uint32_t>(r.integer("min_pad", 0, ledger::kMaxPadLevel));
  const Json* budgets = r.has("budgets") ? &r.object("budgets") : nullptr;
  const Json& assessment = r.object("assessment");
  const Json& doors = r.array("doors", ledger::kMaxDoors);
  FK_CHECK(r.finish());
  if (budgets != nullptr) {
    FK_TRY(s.budgets, ledger::budgets_from_json(*budgets, "budgets of the site"));
  }
  ObjectReader a(assessment, "assessment of the site");
  s.assessment = a.hex<32>("digest");
  s.assessment_date = a.day("date");
  FK_CHECK(a.finish());
  for (const auto& d : doors) {
    ObjectReader dr(d, "door of the plan");
    s.doors.push_back({dr.slug("id"), dr.slug("class")});
    FK_CHECK(dr.finish());
  }
  return s;
}

Result<ledger::Model> read_model(const Json& j) {
  ObjectReader r(j, "model of the plan");
  ledger::Model m;
  m.id = r.slug("id");
  if (r.has("version")) m.version = static_cast<std::uint32_t>(r.integer("version", 1, 1000000));
  m.dimension = static_cast<std::uint32_t>(r.integer("dimension", ledger::kMinDimension, ledger::kMaxDimension));
  m.verify_threshold = static_cast<std::int32_t>(r.integer("verify_threshold", -1000000, 1000000));
  m.identify_threshold = static_cast<std::int32_t>(r.integer("identify_threshold", -1000000, 1000000));
  FK_CHECK(r.finish());
  return m;
}

Status read_groups(Plan& plan, const std::string& path, const Json& groups) {
  std::set<std::string> names;
  for (const auto& j : groups) {
    ObjectReader r(j, "group of the plan");
    PlannedGroup g;
    g.id = r.slug("id");
    const Json& custodians = r.array("custodians", 16);
    FK_CHECK(r.finish());
    for (const auto& c : custodians) {
      ObjectReader reader(c, "custodian of the plan");
      FK_TRY(PlannedCustodian custodian, read_custodian(path, reader));
      custodian.id = g.id + "/" + std::to_string(g.custodians.size() + 1);
      // The log knows keys, not people: that one person is not in two groups is checked here, by name.
      if (!names.insert(custodian.name).second) {
        return make_error(Errc::kInvalidArgument, "the plan names \"" + custodian.name + "\" twice as a custodian",
                          "one person holds one card, in one group");
      }
      g.custodians.push_back(std::move(custodian));
    }
    plan.groups.push_back(std::move(g));
  }
  return {};
}

}  // namespace

Result<std::string> read_small_file(const std::string& path, std::size_t max_bytes) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return make_error(Errc::kNotFound, "the file " + path + " can't be opened", "check the path and the rights");
  std::string text(max_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > max_bytes) return make_error(Errc::kTooLarge, "the file " + path + " is larger than expected");
  return text;
}

Result<Plan> read_plan(const std::string& path, bool allow_one_group) {
  FK_TRY(const std::string text, read_small_file(path));
  FK_TRY(const Json j, parse_json(text));
  ObjectReader r(j, "the plan");
  Plan p;
  p.name = r.text("name", 80);
  if (r.has("origin")) p.origin = r.text("origin", 120);
  p.api = r.text("api", 256);
  p.public_url = r.text("public", 256);
  auto preset = ledger::parse_preset(r.text("preset", 16));
  if (!preset) r.fail(preset.error().message);
  const Json& groups = r.array("groups", ledger::kMaxGroups);
  const Json& principals = r.array("principals", ledger::kMaxPrincipals);
  const Json& sites = r.array("sites", ledger::kMaxSites);
  const Json& models = r.array("models", ledger::kMaxModels);
  std::string spare;
  if (r.has("spare_key")) spare = r.text("spare_key", 4096);
  static const Json kNone = Json::object();
  const Json& rules = r.has("rules") ? r.object("rules") : kNone;
  const Json* witnesses = r.has("witnesses") ? &r.object("witnesses") : nullptr;
  FK_CHECK(r.finish());
  if (witnesses != nullptr) {
    FK_TRY(p.witnesses, ledger::witnesses_from_json(*witnesses, "witnesses of the plan"));
  }
  p.preset = *preset;
  if (p.preset == ledger::Preset::kOneGroup && !allow_one_group) {
    return make_error(Errc::kPermissionDenied, "with preset one-group one organisation alone can open the vault",
                      "give --allow-one-group if that is really meant; every report will say so");
  }
  FK_CHECK(read_groups(p, path, groups));
  std::map<std::string, int> numbers;
  for (const auto& v : principals) {
    FK_TRY(PlannedMachine m, read_machine(path, v, numbers));
    p.machines.push_back(std::move(m));
  }
  for (const auto& v : sites) {
    FK_TRY(ledger::Site s, read_site(v));
    p.sites.push_back(std::move(s));
  }
  for (const auto& v : models) {
    FK_TRY(ledger::Model m, read_model(v));
    p.models.push_back(std::move(m));
  }
  p.rules = default_rules(p);
  for (const auto& [name, value] : rules.items()) {
    FK_TRY(p.rules[name], ledger::rule_from_json(value, "rule of the plan"));
  }
  if (!spare.empty()) {
    FK_TRY(p.spare_key_pem, read_small_file(beside(path, spare)));
  }
  return p;
}

std::map<std::string, ledger::Rule> default_rules(const Plan& plan) {
  std::map<std::string, ledger::Rule> rules;
  for (const auto& action : ledger::action_classes()) {
    ledger::Rule rule;
    rule.delay_s = action.delay_s;
    rule.lifetime_s = action.lifetime_s;
    rule.uses = action.uses;
    for (const auto& g : plan.groups) rule.groups[g.id] = plan.groups.size() > 1 ? 1 : 2;
    rules[std::string(action.name)] = rule;
  }
  return rules;
}

}  // namespace facekeep::tools
