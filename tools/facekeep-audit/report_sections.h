// The sections of the report's page, each as markup. Pure.
#pragma once

#include <string>

#include "tools/facekeep-audit/report_page.h"

namespace facekeep::tools::report {

inline constexpr std::size_t kMaxRows = 500;  // of one table on the page; JSON has all

// A message as escaped text; arguments are escaped with it.
std::string say(const ReportInput& in, Msg id, std::initializer_list<std::string_view> args = {});
// "property/1 (name)", or the id alone.
std::string person(const ReportInput& in, const std::string& id);
// "decided by 1 property + 1 residents; ...", a proposal's stage, and an action's lines.
std::string rule_text(const ReportInput& in, const ledger::Rule& rule);
std::string stage_name(Lang lang, ledger::Stage stage);
std::string action_markup(const ReportInput& in, const ledger::Action& action);
std::uint64_t acts_of(const ReportInput& in, std::string_view type);

std::string accesses(const ReportInput& in);
std::string widening(const ReportInput& in);
std::string decisions(const ReportInput& in);  // the part of widening() about proposals
std::string narrowing(const ReportInput& in);
std::string timeline(const ReportInput& in);
std::string refusals(const ReportInput& in);
std::string erasures(const ReportInput& in);
std::string findings(const ReportInput& in);
std::string gaps(const ReportInput& in);
std::string who_is_who(const ReportInput& in);

// The proposals with their signatures, for programs.
Json proposals_json(const ReportInput& in);

}  // namespace facekeep::tools::report
