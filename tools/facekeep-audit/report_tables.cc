#include "tools/facekeep-audit/report_tables.h"

#include <algorithm>

#include "tools/facekeep-audit/report_sections.h"

namespace facekeep::tools::report {

using html::element;
using html::Row;

std::string heading(const ReportInput& in, Msg id) {
  return element("h2", say(in, id));
}
std::string paragraph(const ReportInput& in, Msg id, std::initializer_list<std::string_view> args) {
  return element("p", say(in, id, args));
}
std::string code(std::string_view raw) {
  return "<code>" + html::text(raw) + "</code>";
}
std::string number(std::uint64_t n) {
  return std::to_string(n);
}
std::string when(UnixMillis t) {
  return "<span class=\"nowrap\">" + html::time(t) + "</span>";
}

std::string limited(const ReportInput& in, const Row& head, std::vector<Row> rows, std::string_view css) {
  const std::size_t all = rows.size();
  rows.resize(std::min(all, kMaxRows));
  std::string out = html::table(head, rows, css);
  if (all > kMaxRows) out += element("p", say(in, Msg::kRepMoreRows, {number(all - kMaxRows)}), "soft");
  return out;
}

std::string newest(const ReportInput& in, const Row& head, std::vector<TimedRow> rows, std::string_view css) {
  const std::size_t from = rows.size() - std::min(rows.size(), kMaxRows);
  std::vector<Row> shown;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i >= from || rows[i].always) shown.push_back(std::move(rows[i].row));
  }
  const std::size_t left_out = rows.size() - shown.size();
  std::string out;
  if (left_out > 0) out += element("p", say(in, Msg::kRepOlderRows, {number(left_out)}), "soft");
  return out + html::table(head, shown, css);
}

}  // namespace facekeep::tools::report
