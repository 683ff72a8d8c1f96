// Small pieces and tables of the report's sections, as markup. Pure.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "tools/facekeep-audit/html.h"
#include "tools/facekeep-audit/report_page.h"

namespace facekeep::tools::report {

std::string heading(const ReportInput& in, Msg id);
std::string paragraph(const ReportInput& in, Msg id, std::initializer_list<std::string_view> args = {});
std::string code(std::string_view raw);
std::string number(std::uint64_t n);
std::string when(UnixMillis t);

// Rows up to the page's limit (kMaxRows), and how many were left out.
std::string limited(const ReportInput& in, const html::Row& head, std::vector<html::Row> rows,
                    std::string_view css = {});

struct TimedRow {
  html::Row row;
  bool always = false;  // shown however old it is
};
// Rows in the order of the log: the newest up to the page's limit, and those that are always shown. What was left out
// is said first, where the reader would miss it.
std::string newest(const ReportInput& in, const html::Row& head, std::vector<TimedRow> rows, std::string_view css = {});

}  // namespace facekeep::tools::report
