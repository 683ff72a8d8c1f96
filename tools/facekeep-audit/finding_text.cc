#include "tools/facekeep-audit/finding_text.h"

#include <vector>

namespace facekeep::tools {
namespace {

using audit::Code;

constexpr int kFirst = static_cast<int>(Msg::kFindBadCheckpoint);
static_assert(static_cast<int>(Msg::kFindNamesDamaged) - kFirst == static_cast<int>(Code::kNamesDamaged) &&
                  static_cast<int>(Msg::kFindPublicOnly) - kFirst == static_cast<int>(Code::kPublicOnly) &&
                  static_cast<int>(Msg::kFindSumsFuture) - kFirst == static_cast<int>(Code::kSumsFuture),
              "messages_audit.def has one sentence per code, in their order");

}  // namespace

std::string sentence(Lang lang, const audit::Finding& finding) {
  const std::vector<std::string_view> args(finding.args.begin(), finding.args.end());
  return format_message(lang, static_cast<Msg>(kFirst + static_cast<int>(finding.code)), args);
}

std::string severity_text(Lang lang, audit::Severity severity) {
  const auto at = static_cast<int>(Msg::kAuditSeverityError) + static_cast<int>(severity);
  return format_message(lang, static_cast<Msg>(at));
}

std::string line_of(Lang lang, const audit::Finding& finding) {
  return severity_text(lang, audit::row_of(finding.code).severity) + ": " +
         format_message(lang, Msg::kAuditAtEntry, {std::to_string(finding.entry), sentence(lang, finding)});
}

Json to_json(Lang lang, const audit::Finding& finding) {
  const audit::CodeRow& row = audit::row_of(finding.code);
  return {{"severity", std::string(to_string(row.severity))},
          {"code", std::string(row.text)},
          {"entry", finding.entry},
          {"text", sentence(lang, finding)},
          {"args", finding.args}};
}

}  // namespace facekeep::tools
