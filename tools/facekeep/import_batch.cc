#include "tools/facekeep/import_batch.h"

#include <algorithm>
#include <array>

#include "api/ndjson.h"
#include "tools/common/problems.h"
#include "tools/facekeep/consent_file.h"
#include "tools/facekeep/context.h"
#include "tools/facekeep/vector_input.h"

namespace facekeep::tools {
namespace {

Error bad_answers() {
  return say_error(Errc::kMalformed, "bad-answer", Msg::kCliBadAnswer, Msg::kCliBadAnswerHint, {"enrolments"});
}

}  // namespace

Result<std::vector<GroupAnswer>> parse_enrolment_answers(ByteView body, std::size_t groups) {
  const auto lines = api::split_ndjson(as_chars(body));
  // One line a row, and the checkpoint that covers them.
  if (lines.size() != groups + 1) return bad_answers();
  const auto last = parse_json(lines.back());
  if (!last || !last->is_object() || !last->contains("checkpoint")) return bad_answers();
  std::vector<GroupAnswer> out;
  for (std::size_t i = 0; i < groups; ++i) {
    const auto row = parse_json(lines[i]);
    if (!row || !row->is_object() || row->value("row", Json()) != i + 1) return bad_answers();
    const Json status = row->value("status", Json());
    GroupAnswer a;
    if (status == "refused") {
      a.error = row_problem_error(*row);
    } else if (status == "created" || status == "exists") {
      const Json templates = row->value("templates", Json());
      if (!templates.is_array()) return bad_answers();
      a.kind = status == "created" ? GroupAnswer::Kind::kCreated : GroupAnswer::Kind::kExists;
      a.held = templates.size();
    } else {
      return bad_answers();
    }
    out.push_back(std::move(a));
  }
  return out;
}

std::optional<Error> ImportBatcher::add(ImportRow in) {
  Json consent = consent_;
  if (in.consent) {
    consent.update(*in.consent);
    if (const auto checked = check_consent(consent); !checked) return checked.error();
  }
  auto at = at_.find(in.row.subject);
  if (at != at_.end() && in.consent && groups_[at->second].consent != consent) {
    return say_error(Errc::kInvalidArgument, "two-consents", Msg::kCliTwoConsents, Msg::kCliTwoConsentsHint);
  }
  const std::size_t in_batch = at == at_.end() ? 0 : groups_[at->second].rows.size();
  if (earlier(in.row.subject) + in_batch >= kImportTemplatesPerSubject) {
    return say_error(Errc::kExhausted, "too-many-templates", Msg::kCliPTooManyTemplates, Msg::kCliTooManyTemplatesHint);
  }
  if (at == at_.end()) {
    at = at_.emplace(in.row.subject, groups_.size()).first;
    groups_.push_back({in.row.subject, std::move(consent), {}});
  }
  ++rows_;
  bytes_ += in.row.values.size() * sizeof(float);
  groups_[at->second].rows.push_back(std::move(in.row));
  return std::nullopt;
}

http::CleansedBytes ImportBatcher::body() const {
  http::CleansedBytes out;
  out.reserve(bytes_ * 3 / 2 + groups_.size() * 2048);
  for (const ImportGroup& g : groups_) {
    append_text(out,
                "{\"subject\":" + Json(g.subject).dump() + ",\"consent\":" + g.consent.dump() + ",\"templates\":[");
    for (std::size_t i = 0; i < g.rows.size() && earlier(g.subject) == 0; ++i) {
      if (i > 0) append_text(out, ",");
      append_template(out, model_, g.rows[i].values);
    }
    append_text(out, "]}\n");
  }
  return out;
}

Settlement ImportBatcher::settle(const ImportGroup& group, const GroupAnswer& answer) const {
  Settlement out;
  const std::size_t rows = group.rows.size();
  if (answer.kind == GroupAnswer::Kind::kRefused) {
    out.refused = answer.error;
    return out;
  }
  const std::size_t before = earlier(group.subject);
  if (answer.kind == GroupAnswer::Kind::kCreated && before == 0) {
    out.enrolled = rows;
    return out;
  }
  // Held beyond what the file's earlier rows account for: these rows, from a run that was interrupted.
  const std::size_t held = answer.kind == GroupAnswer::Kind::kCreated ? 0 : answer.held;
  out.existing = std::min(rows, held > before ? held - before : 0);
  for (std::size_t i = out.existing; i < rows; ++i) out.add.push_back(i);
  return out;
}

void ImportBatcher::clear() {
  groups_.clear();
  at_.clear();
  rows_ = 0;
  bytes_ = 0;
}

void ImportBatcher::bump(const std::string& subject, std::size_t rows) {
  std::uint8_t& n = earlier_[subject];
  n = static_cast<std::uint8_t>(std::min<std::size_t>(kImportTemplatesPerSubject, n + rows));
}

std::size_t ImportBatcher::earlier(const std::string& subject) const {
  const auto at = earlier_.find(subject);
  return at == earlier_.end() ? 0 : at->second;
}

bool stops_import(const Error& error) {
  constexpr std::array<std::string_view, 18> kStops = {
      "being-enrolled",
      "conflict",
      "crypto",
      "exhausted",
      "halted",
      "hsm",
      "hsm-gone",
      "hsm-pin",
      "integrity",
      "internal",
      "io",
      "other-site",
      "out-of-space",
      "sealed",
      "unavailable",
      "unknown-key",
      "permission-denied",
      "unknown-model",
  };
  const std::string_view name = error.problem != nullptr ? error.problem : to_string(error.code);
  return name == "wrong-role" || std::find(kStops.begin(), kStops.end(), name) != kStops.end();
}

}  // namespace facekeep::tools
