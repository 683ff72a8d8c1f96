// What several people decided together: each proposal, who signed it, under which rule, and what became of it.
#include <algorithm>

#include "tools/common/action_words.h"
#include "tools/common/progress.h"
#include "tools/facekeep-audit/html.h"
#include "tools/facekeep-audit/report_sections.h"
#include "tools/facekeep-audit/report_tables.h"

namespace facekeep::tools::report {
namespace {

using audit::ProposalStory;
using html::element;
using html::text;
using ledger::Stage;

// Rules are made in days and hours.
std::string span(std::int64_t seconds) {
  constexpr std::int64_t kHour = 3600;
  constexpr std::int64_t kDay = 24 * kHour;
  if (seconds == 0 || seconds % kHour != 0) return format_duration(static_cast<std::uint64_t>(seconds));
  return seconds % kDay == 0 ? std::to_string(seconds / kDay) + " d" : std::to_string(seconds / kHour) + " h";
}

// Bold where it is what the reader looks for, and a colour that says good or bad.
std::string outcome(const ReportInput& in, const ProposalStory& p) {
  const Stage stage = stage_of(p, in.run.state());
  const std::string css = stage == Stage::kDone ? "done" : stage == Stage::kVetoed ? "error" : "";
  std::string out = element("b", text(stage_name(in.lang, stage)), css);
  if (p.ended_entry == 0) return out;
  return out + when(p.ended_time) + "<br>" + say(in, Msg::kRepAtEntry, {number(p.ended_entry)});
}

std::string asked(const ReportInput& in, const ProposalStory& p) {
  std::string out = action_markup(in, p.made.action);
  if (p.made.overrides) {
    const ProposalStory* before = in.statistics.proposals.find(*p.made.overrides);
    const std::string which = before != nullptr ? number(before->entry) : to_hex(*p.made.overrides);
    out += element("div", say(in, Msg::kRepOverrides, {which}), "warning");
  }
  return out +
         element("div", say(in, Msg::kRepAskedBy, {person(in, p.made.by), html::time(p.time), p.made.purpose}), "soft");
}

std::string signatures(const ReportInput& in, const ProposalStory& p) {
  std::string out;
  for (const audit::Signature& s : p.signatures) {
    std::string who = text(person(in, s.by));
    if (s.veto) who = "<span class=\"error\">" + say(in, Msg::kRepVetoBy, {person(in, s.by)}) + "</span>";
    std::string line = who + " " + element("span", say(in, Msg::kRepAtEntry, {number(s.entry)}), "soft nowrap") +
                       "<br>" + element("span", html::time(s.time), "soft nowrap");
    if (!s.stands) line = "<s>" + line + "</s> " + say(in, Msg::kRepNoLonger);
    out += element("div", line, "sig");
  }
  return out.empty() ? say(in, Msg::kPropNobody) : out;
}

std::string under(const ReportInput& in, const ProposalStory& p) {
  const std::string version =
      p.rule_version == 0 ? say(in, Msg::kRepRuleFirst) : say(in, Msg::kRepRuleSince, {number(p.rule_version)});
  return rule_text(in, p.rule) + element("div", version, "soft");
}

template <class Wanted>
std::string table(const ReportInput& in, const Wanted& wanted) {
  std::vector<TimedRow> rows;
  for (const ProposalStory& p : in.statistics.proposals.list()) {
    if (!wanted(stage_of(p, in.run.state()))) continue;
    rows.push_back({{number(p.entry), asked(in, p), signatures(in, p), under(in, p), outcome(in, p)}});
  }
  if (rows.empty()) return paragraph(in, Msg::kRepNoProposals);
  return newest(in,
                {say(in, Msg::kRepEntry), say(in, Msg::kRepAsked), say(in, Msg::kRepSigned), say(in, Msg::kRepRule),
                 say(in, Msg::kRepOutcome)},
                std::move(rows), "decisions");
}

}  // namespace

std::string stage_name(Lang lang, Stage stage) {
  static_assert(static_cast<int>(Msg::kRepStageStale) - static_cast<int>(Msg::kRepStageDraft) + 1 == ledger::kStages);
  return format_message(lang, static_cast<Msg>(static_cast<int>(Msg::kRepStageDraft) + static_cast<int>(stage)));
}

std::string rule_text(const ReportInput& in, const ledger::Rule& rule) {
  return say(in, Msg::kRepRuleIs, {people_needed(rule), span(rule.delay_s), span(rule.lifetime_s)});
}

std::string action_markup(const ReportInput& in, const ledger::Action& action) {
  std::string out;
  for (const std::string& line : action_words(in.lang, action)) {
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    out += element("div", text(line.substr(indent)), indent > 2 ? "soft" : "");
  }
  return out;
}

std::string decisions(const ReportInput& in) {
  std::string out = element("h3", say(in, Msg::kRepDecided)) + paragraph(in, Msg::kRepDecidedText) +
                    table(in, [](Stage s) { return s == Stage::kDone; });
  return out + element("h3", say(in, Msg::kRepUndecided)) + table(in, [](Stage s) { return s != Stage::kDone; });
}

Json proposals_json(const ReportInput& in) {
  Json out = Json::array();
  for (const ProposalStory& p : in.statistics.proposals.list()) {
    Json signatures = Json::array();
    for (const audit::Signature& s : p.signatures) {
      signatures.push_back({{"entry", s.entry},
                            {"time", format_time(s.time)},
                            {"by", s.by},
                            {"verb", s.veto ? "veto" : "approve"},
                            {"stands", s.stands}});
    }
    Json one = {{"entry", p.entry},
                {"time", format_time(p.time)},
                {"id", to_hex(p.made.id)},
                {"by", p.made.by},
                {"purpose", p.made.purpose},
                {"action", ledger::to_json(p.made.action)},
                {"class", std::string(kind_of(p.made.action).action_class)},
                {"words", action_words(in.lang, p.made.action)},
                {"signatures", std::move(signatures)},
                {"rule", ledger::to_json(p.rule)},
                {"rule_version", p.rule_version},
                {"stage", std::string(to_string(stage_of(p, in.run.state())))}};
    if (p.made.overrides) one["overrides"] = to_hex(*p.made.overrides);
    if (p.ended_entry != 0) one["ended"] = {{"entry", p.ended_entry}, {"time", format_time(p.ended_time)}};
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace facekeep::tools::report
