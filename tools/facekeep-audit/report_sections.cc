#include "tools/facekeep-audit/report_sections.h"

#include <algorithm>

#include "tools/facekeep-audit/act_text.h"
#include "tools/facekeep-audit/finding_text.h"
#include "tools/facekeep-audit/html.h"
#include "tools/facekeep-audit/report_tables.h"

namespace facekeep::tools::report {
namespace {

using html::element;
using html::Row;
using html::text;

std::string legend(const ReportInput& in) {
  std::string out;
  for (const auto& [colour, id] :
       {std::pair("--match", Msg::kRepMatch), {"--nomatch", Msg::kRepNoMatch}, {"--refer", Msg::kRepRefer}}) {
    out += "<span><i style=\"background:var(" + std::string(colour) + ")\"></i>" + say(in, id) + "</span>";
  }
  return element("p", out, "legend");
}

std::string by_door(const ReportInput& in) {
  std::uint64_t largest = 1;
  for (const auto& [site, doors] : in.statistics.doors) {
    for (const auto& [door, d] : doors) largest = std::max(largest, d.total());
  }
  std::vector<Row> rows;
  for (const auto& [site, doors] : in.statistics.doors) {
    for (const auto& [door, d] : doors) {
      rows.push_back({text(site), text(door), number(d.match), number(d.no_match), number(d.refer), number(d.total()),
                      html::lying_bar(d, largest)});
    }
  }
  return limited(in,
                 {say(in, Msg::kRepSite), say(in, Msg::kRepDoor), say(in, Msg::kRepMatch), say(in, Msg::kRepNoMatch),
                  say(in, Msg::kRepRefer), say(in, Msg::kRepTotal), ""},
                 std::move(rows), "num");
}

// Every day between the first and the last, empty ones too: a day without anybody is a fact.
std::vector<html::Bar> day_bars(const audit::Statistics& s) {
  std::vector<html::Bar> out;
  const auto first = parse_day(s.days.begin()->first);
  const auto last = parse_day(s.days.rbegin()->first);
  constexpr std::size_t kMostDays = 4000;
  for (UnixMillis t = first.has_value() ? *first : 0; last && t <= *last && out.size() < kMostDays; t += 86400000) {
    const std::string day = format_day(t);
    const auto it = s.days.find(day);
    out.push_back({day, it == s.days.end() ? audit::Decisions{} : it->second});
  }
  return out;
}

std::string reads(const ReportInput& in) {
  std::vector<Row> rows;
  for (const auto& [what, by] : in.statistics.reads) {
    for (const auto& [who, n] : by) rows.push_back({text(what), text(person(in, who)), number(n)});
  }
  std::string out = element("h3", say(in, Msg::kRepReads));
  if (rows.empty()) return out + paragraph(in, Msg::kRepNoReads);
  return out + limited(in, {say(in, Msg::kRepWhat), say(in, Msg::kRepWho), say(in, Msg::kRepTimes)}, std::move(rows));
}

std::string people_text(const ReportInput& in, const audit::Act& act) {
  std::string out;
  for (const auto& p : act.people) {
    out += (out.empty() ? "" : "<br>") + std::string("<span class=\"nowrap\">") + text(person(in, p)) + "</span>";
  }
  return out;
}

std::string fact(const audit::Act& act, const char* key) {
  const auto it = act.facts.find(key);
  return it == act.facts.end() ? std::string() : it->second;
}

void add_line(std::string& out, const std::string& line) {
  out += (out.empty() ? "" : "<br>") + line;
}

// `before`: the start before this one, if any.
bool other_fact(const audit::Act& act, const audit::Act* before, const char* key) {
  return before != nullptr && fact(*before, key) != fact(act, key);
}

std::string facts_text(const ReportInput& in, const audit::Act& act, const audit::Act* before) {
  std::string out;
  const auto line = [&](Msg id, const char* key) {
    const std::string value = fact(act, key);
    if (!value.empty()) add_line(out, say(in, id, {value}));
  };
  line(Msg::kRepCard, "card");
  line(Msg::kRepOfProposal, "proposal_entry");
  line(Msg::kRepNamed, "principals");
  line(Msg::kRepNamed, "custodian");
  line(Msg::kRepTicket, "ticket");
  line(Msg::kRepTicketUntil, "ticket_until");
  line(Msg::kRepReason, "reason");
  line(Msg::kRepVersion, "version");
  if (!fact(act, "after_crash").empty()) add_line(out, element("b", say(in, Msg::kRepAfterCrash)));
  if (other_fact(act, before, "program")) {
    add_line(out, "<span class=\"warning\">" + say(in, Msg::kRepNewProgram) + "</span>");
  }
  if (other_fact(act, before, "config"))
    add_line(out, "<span class=\"warning\">" + say(in, Msg::kRepNewConfig) + "</span>");
  if (act.action) add_line(out, action_markup(in, *act.action));
  if (!fact(act, "program").empty())
    add_line(out, "<code>" + say(in, Msg::kRepProgram, {fact(act, "program")}) + "</code>");
  if (!fact(act, "config").empty())
    add_line(out, "<code>" + say(in, Msg::kRepConfig, {fact(act, "config")}) + "</code>");
  return out;
}

template <class Wanted>
std::string acts_table(const ReportInput& in, const Wanted& wanted) {
  std::vector<TimedRow> rows;
  const audit::Act* start = nullptr;
  for (const audit::Act& act : in.statistics.acts) {
    const audit::Act* before = act.type == "start" ? start : nullptr;
    if (wanted(act.type)) {
      rows.push_back({{number(act.entry), when(act.time), text(act_name(in.lang, act.type)), people_text(in, act),
                       facts_text(in, act, before)},
                      other_fact(act, before, "program") || other_fact(act, before, "config")});
    }
    if (act.type == "start") start = &act;
  }
  return newest(in,
                {say(in, Msg::kRepEntry), say(in, Msg::kRepTime), say(in, Msg::kRepAct), say(in, Msg::kRepPeople),
                 say(in, Msg::kRepDetails)},
                std::move(rows));
}

// One person's alone: nobody has to agree to what takes access away.
bool is_narrowing(const std::string& type) {
  return type == "revoked" || type == "tightened" || type == "custodian-suspended";
}

// Votes and proposals that came to nothing stand in their own tables.
bool is_in_timeline(const std::string& type) {
  return type.starts_with("export-") || type.starts_with("ticket-") || type == "start" || type == "sealed" ||
         type == "unseal-ended" || type == "unseal-share" || type == "proposal-done" || is_narrowing(type);
}

}  // namespace

std::string say(const ReportInput& in, Msg id, std::initializer_list<std::string_view> args) {
  return text(format_message(in.lang, id, args));
}

std::string person(const ReportInput& in, const std::string& id) {
  const auto it = in.run.names.find(id);
  return it == in.run.names.end() ? id : id + " (" + it->second + ")";
}

std::uint64_t acts_of(const ReportInput& in, std::string_view type) {
  const auto& acts = in.statistics.acts;
  return static_cast<std::uint64_t>(
      std::count_if(acts.begin(), acts.end(), [&](const auto& a) { return a.type == type; }));
}

std::string accesses(const ReportInput& in) {
  const audit::Statistics& s = in.statistics;
  std::string out = heading(in, Msg::kRepAccesses);
  if (s.days.empty()) return out + paragraph(in, Msg::kRepNoAccess) + reads(in);
  out += legend(in) + element("h3", say(in, Msg::kRepByDoor)) + by_door(in);
  std::vector<html::Bar> hours;
  for (std::size_t h = 0; h < s.hours.size(); ++h) hours.push_back({number(h), s.hours[h]});
  const std::string hour_title = format_message(in.lang, Msg::kRepByHour);
  out += element("h3", say(in, Msg::kRepByHour)) + html::bar_chart(hours, 2, hour_title);
  const std::vector<html::Bar> days = day_bars(s);
  const std::string day_title = format_message(in.lang, Msg::kRepByDay);
  out += element("h3", say(in, Msg::kRepByDay)) + html::bar_chart(days, days.size() / 8 + 1, day_title);
  char zone[16] = "";
  const std::int64_t minutes = in.utc_offset_minutes;
  if (minutes != 0) {
    std::snprintf(zone, sizeof zone, "%c%02d:%02d", minutes < 0 ? '-' : '+', static_cast<int>(std::abs(minutes) / 60),
                  static_cast<int>(std::abs(minutes) % 60));
  }
  return out + element("p", say(in, Msg::kRepZone, {zone}), "soft") + reads(in);
}

std::string widening(const ReportInput& in) {
  return heading(in, Msg::kRepWidening) + paragraph(in, Msg::kRepWideningText) +
         acts_table(
             in,
             [](const std::string& type) { return type == "genesis" || type == "unsealed" || type == "ticket-used"; }) +
         decisions(in);
}

std::string narrowing(const ReportInput& in) {
  std::string out = heading(in, Msg::kRepNarrowing) + paragraph(in, Msg::kRepNarrowingText);
  if (acts_of(in, "revoked") + acts_of(in, "tightened") + acts_of(in, "custodian-suspended") == 0) {
    return out + paragraph(in, Msg::kRepNoNarrowing);
  }
  return out + acts_table(in, is_narrowing);
}

std::string timeline(const ReportInput& in) {
  return heading(in, Msg::kRepTimeline) + acts_table(in, is_in_timeline);
}

std::string refusals(const ReportInput& in) {
  std::string out = heading(in, Msg::kRepRefusals) + paragraph(in, Msg::kRepRefusalsText);
  std::vector<Row> rows;
  for (const auto& [kind, n] : in.statistics.refusals) rows.push_back({text(refusal_name(in.lang, kind)), number(n)});
  if (rows.empty()) return out + paragraph(in, Msg::kRepNoRefusals);
  return out + limited(in, {say(in, Msg::kRepKind), say(in, Msg::kRepTimes)}, std::move(rows), "num");
}

std::string erasures(const ReportInput& in) {
  std::string out = heading(in, Msg::kRepErasures);
  std::vector<TimedRow> rows;
  const auto& list = in.statistics.erasures;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const audit::Erasure& e = list[i];
    rows.push_back({{number(e.entry), when(e.time), text(e.site), text(person(in, e.by)), text(e.reason), code(e.ref),
                     i < in.erasure_leaves.size() ? code(in.erasure_leaves[i]) : ""}});
  }
  if (rows.empty()) return out + paragraph(in, Msg::kRepNoErasures);
  return out + paragraph(in, Msg::kRepErasuresText) +
         newest(in,
                {say(in, Msg::kRepEntry), say(in, Msg::kRepTime), say(in, Msg::kRepSite), say(in, Msg::kRepBy),
                 say(in, Msg::kRepReasonHead), say(in, Msg::kRepRef), say(in, Msg::kRepLeaf)},
                std::move(rows));
}

std::string findings(const ReportInput& in) {
  std::string out = heading(in, Msg::kRepFindings);
  std::vector<Row> rows;
  std::vector<audit::Finding> found = in.run.findings.sorted();
  std::stable_sort(found.begin(), found.end(), [](const audit::Finding& a, const audit::Finding& b) {
    return audit::row_of(a.code).severity < audit::row_of(b.code).severity;  // errors first
  });
  for (const audit::Finding& f : found) {
    const audit::Severity severity = audit::row_of(f.code).severity;
    rows.push_back({"<span class=\"" + std::string(to_string(severity)) + "\">" +
                        text(severity_text(in.lang, severity)) + "</span>",
                    number(f.entry), text(sentence(in.lang, f))});
  }
  if (rows.empty()) return out + paragraph(in, Msg::kRepNoFindings);
  return out +
         limited(in, {say(in, Msg::kRepSeverity), say(in, Msg::kRepEntry), say(in, Msg::kRepFinding)}, std::move(rows));
}

std::string gaps(const ReportInput& in) {
  const audit::Statistics& s = in.statistics;
  std::string out = heading(in, Msg::kRepGaps) + paragraph(in, Msg::kRepGapsText, {number(in.gap_hours)});
  std::vector<TimedRow> rows;
  for (const audit::Gap& g : s.gaps) {
    const auto hours = static_cast<std::uint64_t>((g.to - g.from) / 3600000);
    rows.push_back({{number(g.entry), when(g.from), when(g.to), number(hours) + " h"}});
  }
  if (rows.empty()) {
    out += paragraph(in, Msg::kRepNoGaps);
  } else {
    out += newest(in, {say(in, Msg::kRepEntry), say(in, Msg::kRepFrom), say(in, Msg::kRepTo), say(in, Msg::kRepLength)},
                  std::move(rows));
  }
  if (s.openings_destroyed > 0) out += paragraph(in, Msg::kRepDestroyed, {number(s.openings_destroyed)});
  return out;
}

}  // namespace facekeep::tools::report
