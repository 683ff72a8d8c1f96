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
std::uint64_t acts_of(const ReportInput& in, std::string_view type);

std::string accesses(const ReportInput& in);
std::string widening(const ReportInput& in);
std::string timeline(const ReportInput& in);
std::string refusals(const ReportInput& in);
std::string erasures(const ReportInput& in);
std::string findings(const ReportInput& in);
std::string gaps(const ReportInput& in);
std::string who_is_who(const ReportInput& in);

}  // namespace facekeep::tools::report
