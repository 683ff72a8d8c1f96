#include "tools/facekeep/reshare_plan.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "tools/common/say.h"
#include "vault/base/digest.h"

namespace facekeep::tools {
namespace {

using ledger::ObjectReader;
namespace fs = std::filesystem;

const ledger::PrincipalRecord* registered(const ledger::Genesis& current, const std::string& id) {
  const auto it = std::find_if(current.principals.begin(), current.principals.end(),
                               [&](const auto& p) { return p.role == ledger::Role::kCustodian && p.id == id; });
  return it == current.principals.end() ? nullptr : &*it;
}

Error bad_person(Msg message, const std::string& id) {
  return say_error(Errc::kInvalidArgument, "bad-plan", message, Msg::kResharePlanHint, {id});
}

Result<PlannedCustodian> read_person(const std::string& path, const Json& j, const ledger::Genesis& current) {
  ObjectReader r(j, "custodian of the plan");
  const std::string id = r.text("id", ledger::kMaxSlug + 8);
  const ledger::PrincipalRecord* known = registered(current, id);
  PlannedCustodian c;
  if (r.has("name")) {
    if (known != nullptr) return bad_person(Msg::kReshareRegistered, id);
    FK_TRY(c, read_custodian(path, r));
  } else {
    FK_CHECK(r.finish());
    if (known == nullptr) return bad_person(Msg::kReshareNotRegistered, id);
    c.key = known->key;
    c.approval_key = known->approval_key;
    c.deputy = known->deputy;
  }
  c.id = id;
  return c;
}

Status read_group(ResharePlan& plan, const std::string& path, const Json& j, const ledger::Genesis& current) {
  ObjectReader r(j, "group of the plan");
  PlannedGroup group;
  group.id = r.slug("id");
  std::int64_t threshold = 0;
  if (r.has("threshold")) threshold = r.integer("threshold", 1, ledger::kMaxSharesPerGroup);
  const Json& people = r.array("custodians", ledger::kMaxSharesPerGroup);
  FK_CHECK(r.finish());
  for (const Json& person : people) {
    FK_TRY(PlannedCustodian c, read_person(path, person, current));
    if (!c.id.starts_with(group.id + "/") || number_of(c.id) == 0) {
      return make_error(Errc::kInvalidArgument, "\"" + c.id + "\" is no custodian of the group \"" + group.id + "\"");
    }
    group.custodians.push_back(std::move(c));
  }
  if (threshold == 0) threshold = first_holders(group).size() == 1 ? 1 : 2;
  plan.groups.push_back(std::move(group));
  plan.thresholds.push_back(static_cast<std::uint32_t>(threshold));
  return {};
}

// The log knows keys, not people: that one person is not named twice is checked here.
Status check_people(const ResharePlan& plan) {
  std::set<std::string> seen;
  for (const auto& group : plan.groups) {
    for (const auto& c : group.custodians) {
      for (const std::string& text : {c.id, c.name}) {
        if (text.empty() || seen.insert(text).second) continue;
        return make_error(Errc::kInvalidArgument, "the plan names \"" + text + "\" twice",
                          "one person holds one card, in one group");
      }
    }
  }
  return {};
}

}  // namespace

Result<ResharePlan> read_reshare_plan(const std::string& path, const ledger::Genesis& current) {
  FK_TRY(const std::string text, read_small_file(path));
  FK_TRY(const Json j, parse_json(text));
  ObjectReader r(j, "the plan");
  const Json& groups = r.array("groups", ledger::kMaxGroups);
  static const Json kNone = Json::object();
  const Json& rules = r.has("rules") ? r.object("rules") : kNone;
  std::string spare;
  if (r.has("spare_key")) spare = r.text("spare_key", 4096);
  FK_CHECK(r.finish());
  ResharePlan plan;
  for (const Json& group : groups) FK_CHECK(read_group(plan, path, group, current));
  FK_CHECK(check_people(plan));
  for (const auto& [name, value] : rules.items()) {
    FK_TRY(plan.rules[name], ledger::rule_from_json(value, "rule of the plan"));
  }
  if (!spare.empty()) {
    const fs::path file(spare);
    const std::string full = file.is_absolute() ? spare : (fs::path(path).parent_path() / file).string();
    FK_TRY(plan.spare, read_small_file(full, ledger::kMaxSparePem));
  }
  return plan;
}

Result<NewSet> draw_new_set(const ResharePlan& plan, const ledger::Genesis& current, const std::string& day) {
  FK_TRY(DrawnSet set, draw_set(plan.groups, plan.thresholds));
  NewSet out;
  out.cards = std::move(set.cards);
  ledger::Reshare& a = out.action;
  a.groups = std::move(set.groups);
  a.unseal_key = set.unseal_key;
  a.share_set = set.share_set;
  a.rules = plan.rules;
  a.spare = plan.spare;
  for (const auto& group : plan.groups) {
    for (const auto& c : group.custodians) {
      if (const auto* known = registered(current, c.id)) {
        a.custodians.push_back(*known);
        continue;
      }
      ledger::PrincipalRecord p;
      p.id = c.id;
      p.role = ledger::Role::kCustodian;
      p.key = c.key;
      p.approval_key = c.approval_key;
      p.deputy = c.deputy;
      const ledger::PersonName person{c.name, random_array<32>()};
      p.name = ledger::name_commitment(person);
      out.names[p.id] = person;
      a.custodians.push_back(std::move(p));
    }
  }
  FK_TRY(const ledger::Genesis next, ledger::apply_unsigned(current, a, day));
  static_cast<void>(next);
  return out;
}

}  // namespace facekeep::tools
