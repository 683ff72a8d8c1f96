// The report of an audit, in the three forms that it is written in. Pure: the same run gives the same bytes.
#pragma once

#include <string>
#include <vector>

#include "tools/facekeep-audit/audit_run.h"
#include "vault/audit/statistics.h"

namespace facekeep::tools {

struct ReportInput {
  const AuditRun& run;
  const audit::Statistics& statistics;
  Lang lang = Lang::kEnglish;
  UnixMillis made = 0;    // when the report is made
  std::string version{};  // of this program
  std::int64_t utc_offset_minutes = 0;
  std::uint64_t gap_hours = 24;
  std::size_t checkpoints_seen = 0;
  // Leaf hashes of the erasures' entries, in base64, in the order of statistics.erasures; may be shorter.
  std::vector<std::string> erasure_leaves{};
};

std::string report_html(const ReportInput& in);
Json report_json(const ReportInput& in);
// Two tables, an empty line between them: counts ("table,site,key,match,no_match,refer") of accesses by door, hour and
// day and of refusals; and the proposals with those who signed.
std::string report_csv(const ReportInput& in);

}  // namespace facekeep::tools
