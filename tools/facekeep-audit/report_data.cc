// The report's facts for programs: JSON and CSV.
#include "tools/facekeep-audit/finding_text.h"
#include "tools/facekeep-audit/report_page.h"
#include "tools/facekeep-audit/report_sections.h"

namespace facekeep::tools {
namespace {

Json to_json(const audit::Decisions& d) {
  return {{"match", d.match}, {"no_match", d.no_match}, {"refer", d.refer}};
}

Json accesses_json(const audit::Statistics& s) {
  Json doors = Json::array();
  for (const auto& [site, list] : s.doors) {
    for (const auto& [door, d] : list) doors.push_back({{"site", site}, {"door", door}, {"decisions", to_json(d)}});
  }
  Json hours = Json::array();
  for (const auto& h : s.hours) hours.push_back(to_json(h));
  Json days = Json::object();
  for (const auto& [day, d] : s.days) days[day] = to_json(d);
  return {{"doors", doors},
          {"hours", hours},
          {"days", days},
          {"reads", s.reads},
          {"unopened", s.unopened_access},
          {"openings_destroyed", s.openings_destroyed}};
}

Json acts_json(const ReportInput& in) {
  Json out = Json::array();
  for (const audit::Act& a : in.statistics.acts) {
    Json one = {
        {"entry", a.entry}, {"time", format_time(a.time)}, {"type", a.type}, {"people", a.people}, {"facts", a.facts}};
    if (a.action) one["action"] = ledger::to_json(*a.action);
    out.push_back(std::move(one));
  }
  return out;
}

Json erasures_json(const ReportInput& in) {
  Json out = Json::array();
  for (std::size_t i = 0; i < in.statistics.erasures.size(); ++i) {
    const audit::Erasure& e = in.statistics.erasures[i];
    Json one = {{"entry", e.entry}, {"time", format_time(e.time)}, {"site", e.site},
                {"by", e.by},       {"reason", e.reason},          {"ref", e.ref}};
    if (i < in.erasure_leaves.size()) one["leaf_hash"] = in.erasure_leaves[i];
    out.push_back(std::move(one));
  }
  return out;
}

// RFC 4180. A text that a spreadsheet would take for a formula is kept from being one.
std::string field(std::string_view text) {
  std::string out(text);
  if (!out.empty() && std::string_view("=+-@\t\r").find(out[0]) != std::string_view::npos) out.insert(0, 1, '\'');
  if (out.find_first_of(",\"\r\n") == std::string::npos) return out;
  std::string quoted = "\"";
  for (const char c : out) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string row(std::initializer_list<std::string_view> fields) {
  std::string out;
  for (const std::string_view f : fields) out += (out.empty() ? "" : ",") + field(f);
  return out + "\r\n";
}

std::string counts(std::string_view table, std::string_view site, std::string_view key, const audit::Decisions& d) {
  return row({table, site, key, std::to_string(d.match), std::to_string(d.no_match), std::to_string(d.refer)});
}

// A table of its own, behind an empty line: who signed what.
std::string decisions_csv(const ReportInput& in) {
  std::string out = "\r\n" + row({"proposal entry", "proposed", "by", "action", "signed by", "vetoed by", "stage",
                                  "ended entry", "ended"});
  for (const audit::ProposalStory& p : in.statistics.proposals.list()) {
    std::string approved;
    std::string vetoed;
    for (const audit::Signature& s : p.signatures) {
      if (s.stands) (s.veto ? vetoed : approved) += ((s.veto ? vetoed : approved).empty() ? "" : " ") + s.by;
    }
    const bool ended = p.ended_entry != 0;
    out += row({std::to_string(p.entry), format_time(p.time), p.made.by, kind_of(p.made.action).name, approved, vetoed,
                to_string(stage_of(p, in.run.state())), ended ? std::to_string(p.ended_entry) : "",
                ended ? format_time(p.ended_time) : ""});
  }
  return out;
}

}  // namespace

Json report_json(const ReportInput& in) {
  const audit::Statistics& s = in.statistics;
  Json findings = Json::array();
  for (const auto& f : in.run.findings.sorted()) findings.push_back(to_json(in.lang, f));
  Json gaps = Json::array();
  for (const auto& g : s.gaps) {
    gaps.push_back({{"entry", g.entry}, {"from", format_time(g.from)}, {"to", format_time(g.to)}});
  }
  Json out = {{"made", format_time(in.made)},
              {"program", "facekeep-audit " + in.version},
              {"vkey", format_vkey(in.run.key())},
              {"size", in.run.verified.checkpoint.size},
              {"root", to_base64(in.run.verified.checkpoint.root)},
              {"checkpoint", in.run.verified.note},
              {"checkpoints_seen", in.checkpoints_seen},
              {"level", in.run.level == audit::Level::kAuditor ? "auditor" : "public"},
              {"complete", in.run.replay->complete()},
              {"utc_offset_minutes", in.utc_offset_minutes},
              {"first_time", format_time(s.first_time)},
              {"last_time", format_time(s.last_time)},
              {"errors", in.run.findings.count(audit::Severity::kError)},
              {"warnings", in.run.findings.count(audit::Severity::kWarning)},
              {"notes", in.run.findings.count(audit::Severity::kNote)},
              {"findings", findings},
              {"accesses", accesses_json(s)},
              {"custody",
               {{"enrolled", s.enrolled},
                {"templates", s.templates},
                {"suspended", s.suspended},
                {"erased", s.erased_by_reason},
                {"by", s.changes_by},
                {"unopened", s.unopened_custody}}},
              {"acts", acts_json(in)},
              {"proposals", report::proposals_json(in)},
              {"refusals", s.refusals},
              {"erasures", erasures_json(in)},
              {"gaps", gaps},
              {"names", in.run.names}};
  if (in.run.replay->complete()) out["state_digest"] = to_hex(in.run.state().digest());
  if (in.run.state().phase() != ledger::Phase::kNew) {
    const ledger::Genesis& g = in.run.state().current();
    out["vault"] = to_hex(g.vault);
    out["rehearsal"] = g.rehearsal;
    out["preset"] = std::string(to_string(g.preset));
    out["token_class"] = g.token.token_class;
  }
  return out;
}

std::string report_csv(const ReportInput& in) {
  const audit::Statistics& s = in.statistics;
  std::string out = row({"table", "site", "key", "match", "no_match", "refer"});
  for (const auto& [site, doors] : s.doors) {
    for (const auto& [door, d] : doors) out += counts("door", site, door, d);
  }
  for (std::size_t h = 0; h < s.hours.size(); ++h) out += counts("hour", "", std::to_string(h), s.hours[h]);
  for (const auto& [day, d] : s.days) out += counts("day", "", day, d);
  for (const auto& [kind, n] : s.refusals) out += row({"refusal", "", kind, std::to_string(n), "", ""});
  out += decisions_csv(in);
  return out;
}

}  // namespace facekeep::tools
