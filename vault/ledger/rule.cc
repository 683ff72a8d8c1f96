#include "vault/ledger/rule.h"

#include <algorithm>

#include "vault/ledger/json_reader.h"
#include "vault/ledger/types.h"

namespace facekeep::ledger {
namespace {
constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kWeek = 7 * kDay;
}  // namespace

const std::vector<ActionClass>& action_classes() {
  static const std::vector<ActionClass> table = {
      {"export", kDay, kWeek, 10, "templates leave the vault, encrypted to named recipients"},
      {"principal", 0, kWeek, 1, "register a principal, widen its scope or its end date"},
      {"rule", kDay, kWeek, 1, "change a rule, a delay or a lifetime"},
      {"custodian", kDay, kWeek, 1, "register or remove a custodian, change a group"},
      {"threshold", kDay, kWeek, 1, "loosen a threshold"},
      {kPolicyClass, kDay, kWeek, 1, "loosen a budget, a retention or an allowance"},
      {"site", 0, kWeek, 1, "open a site"},
      {"model", 0, kWeek, 1, "add a model"},
      {"reveal", kDay, kWeek, 1, "let a door see which subject matched"},
      {"witness", kDay, kWeek, 1, "change the witness policy"},
      {kCancelClass, 0, kWeek, 1, "keep what one person had destroyed or shortened, before it is gone", kPolicyClass},
      {"rotate", kDay, kWeek, 1, "draw all keys of the token and the sites anew", "custodian"},
      {"reshare", kDay, kWeek, 1, "new cards and custodians, and all keys anew", "custodian"},
      {"restore", kDay, kWeek, 1, "let people match whose fate a restore left in doubt", "custodian"},
      {"ticket", kDay, kWeek, 1, "let a restart within some hours go without cards", "custodian"},
  };
  return table;
}

const ActionClass* find_action_class(std::string_view name) {
  for (const auto& a : action_classes()) {
    if (a.name == name) return &a;
  }
  return nullptr;
}

Status check_rule(const Rule& rule, const GroupSizes& groups) {
  int people = 0;
  for (const auto& [group, count] : rule.groups) {
    const auto it = groups.find(group);
    if (it == groups.end()) {
      return make_error(Errc::kInvalidArgument,
                        "a rule names the group \"" + group + "\", which this vault does not have");
    }
    if (count < 1) return make_error(Errc::kInvalidArgument, "a rule asks for no one of the group \"" + group + "\"");
    if (count > it->second) {
      return make_error(Errc::kInvalidArgument, "a rule asks for " + std::to_string(count) + " people of the group \"" +
                                                    group + "\", which has " + std::to_string(it->second));
    }
    people += count;
  }
  if (people < 2) {
    return make_error(Errc::kPermissionDenied, "a rule that one person can satisfy is never accepted",
                      "name at least two people, from different groups where the vault has them");
  }
  if (groups.size() > 1 && rule.groups.size() < 2) {
    return make_error(Errc::kPermissionDenied,
                      "a rule that one group alone can satisfy is not accepted in a vault of two groups",
                      "name at least one person of a second group");
  }
  if (rule.delay_s < 0 || rule.delay_s > kMaxDelay || rule.lifetime_s < 1 || rule.lifetime_s > kMaxLifetime) {
    return make_error(Errc::kInvalidArgument,
                      "a rule's delay is at most 90 days and its lifetime 1 second to 366 days");
  }
  if (rule.uses < 1 || rule.uses > kMaxUses) {
    return make_error(Errc::kInvalidArgument, "a rule allows 1 to 1000 uses of what was approved");
  }
  return {};
}

bool is_as_strict(const Rule& rule, const Rule& base) {
  const bool people = std::all_of(base.groups.begin(), base.groups.end(), [&](const auto& need) {
    const auto it = rule.groups.find(need.first);
    return it != rule.groups.end() && it->second >= need.second;
  });
  return people && rule.delay_s >= base.delay_s && rule.lifetime_s <= base.lifetime_s && rule.uses <= base.uses;
}

Json to_json(const Rule& rule) {
  Json j = {{"delay_s", rule.delay_s}, {"groups", rule.groups}, {"lifetime_s", rule.lifetime_s}};
  if (rule.uses != 1) j["uses"] = rule.uses;
  return j;
}

Result<Rule> rule_from_json(const Json& value, const std::string& what) {
  ObjectReader r(value, what);
  Rule rule;
  rule.delay_s = r.integer("delay_s", 0, kMaxDelay);
  rule.lifetime_s = r.integer("lifetime_s", 1, kMaxLifetime);
  if (r.has("uses")) rule.uses = static_cast<std::uint32_t>(r.integer("uses", 2, kMaxUses));
  for (const auto& [group, count] : r.object("groups").items()) {
    if (!is_slug(group) || !count.is_number_integer() || count.get<std::int64_t>() < 1 ||
        count.get<std::int64_t>() > 64) {
      r.fail("groups is not a list of group names with counts from 1 to 64");
      break;
    }
    rule.groups[group] = count.get<int>();
  }
  FK_CHECK(r.finish());
  return rule;
}

}  // namespace facekeep::ledger
