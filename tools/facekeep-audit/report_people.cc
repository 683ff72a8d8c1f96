// Who may do what as the log ends: groups, sites, models, rules and principals.
#include <cstdio>

#include "tools/facekeep-audit/html.h"
#include "tools/facekeep-audit/report_sections.h"
#include "tools/facekeep-audit/report_tables.h"

namespace facekeep::tools::report {
namespace {

using html::element;
using html::Row;
using html::text;

std::string cosine(std::int32_t millionths) {
  char out[32];
  std::snprintf(out, sizeof out, "%.3f", millionths / 1e6);
  return out;
}

std::string in_force(const ReportInput& in, const ledger::Genesis& g) {
  std::string list;
  const auto item = [&](Msg id, std::initializer_list<std::string_view> args) {
    list += element("li", say(in, id, args));
  };
  for (const auto& group : g.groups) {
    item(Msg::kRepGroup, {group.id, number(group.threshold), number(group.shares.size())});
  }
  for (const auto& s : g.sites) {
    item(Msg::kRepSiteIs, {s.id, s.purpose, s.alternative, number(s.access_log_days)});
  }
  for (const auto& m : g.models) {
    item(Msg::kRepModel, {m.id, number(m.version), cosine(m.verify_threshold), cosine(m.identify_threshold)});
  }
  return element("ul", list);
}

std::string rules(const ReportInput& in, const ledger::Genesis& g) {
  std::vector<Row> rows;
  for (const auto& c : ledger::action_classes()) {
    const auto rule = g.rules.find(std::string(c.name));
    if (rule != g.rules.end()) rows.push_back({text(c.name), rule_text(in, rule->second)});
  }
  return limited(in, {say(in, Msg::kRepAct), say(in, Msg::kRepRule)}, std::move(rows));
}

std::string principals(const ReportInput& in, const ledger::Genesis& g) {
  std::vector<Row> rows;
  for (const auto& p : g.principals) {
    const auto name = in.run.names.find(p.id);
    std::string scope;
    for (const auto& s : p.sites) scope += (scope.empty() ? "" : ", ") + s;
    for (const auto& d : p.doors) scope += (scope.empty() ? "" : ", ") + d;
    rows.push_back(
        {text(p.id), text(to_string(p.role)),
         name == in.run.names.end() ? element("span", say(in, Msg::kRepNameUnknown), "soft") : text(name->second),
         text(scope), text(p.until.value_or(""))});
  }
  return limited(in,
                 {"", say(in, Msg::kRepRole), say(in, Msg::kRepName), say(in, Msg::kRepScope), say(in, Msg::kRepUntil)},
                 std::move(rows));
}

}  // namespace

std::string who_is_who(const ReportInput& in) {
  if (in.run.state().phase() == ledger::Phase::kNew) return {};
  const ledger::Genesis& g = in.run.state().current();
  return heading(in, Msg::kRepRules) + in_force(in, g) + element("h3", say(in, Msg::kRepRulesNow)) + rules(in, g) +
         heading(in, Msg::kRepWhoIs) + principals(in, g);
}

}  // namespace facekeep::tools::report
