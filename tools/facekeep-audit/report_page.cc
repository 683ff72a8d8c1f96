#include "tools/facekeep-audit/report_page.h"

#include <algorithm>

#include "tools/common/progress.h"
#include "tools/facekeep-audit/html.h"
#include "tools/facekeep-audit/report_sections.h"

namespace facekeep::tools {
namespace {

using html::element;
using report::say;

std::string stamp(const ReportInput& in, Msg name, Msg what, bool grave,
                  std::initializer_list<std::string_view> args = {}) {
  return element("div", "<b>" + say(in, name) + "</b><span>" + say(in, what, args) + "</span>",
                 grave ? "stamp" : "stamp plain");
}

std::string stamps(const ReportInput& in) {
  std::string out;
  if (in.run.level == audit::Level::kPublic) {
    out += stamp(in, Msg::kRepStampPublic, Msg::kRepStampPublicText, false);
  }
  if (in.run.state().phase() == ledger::Phase::kNew) return out;
  const ledger::Genesis& g = in.run.state().current();
  if (g.rehearsal) out += stamp(in, Msg::kRepStampRehearsal, Msg::kRepStampRehearsalText, true);
  if (g.preset == ledger::Preset::kOneGroup) out += stamp(in, Msg::kRepStampOneGroup, Msg::kRepStampOneGroupText, true);
  if (g.ticket) {
    const std::string hours = std::to_string(g.ticket->hours);
    const bool alone = g.ticket->unattended;
    out += stamp(in, alone ? Msg::kRepStampUnattended : Msg::kRepStampTicket,
                 alone ? Msg::kRepStampUnattendedText : Msg::kRepStampTicketText, alone, {hours, g.ticket->box.group});
  }
  if (g.token.token_class == "hardware") {
    out += stamp(in, Msg::kRepStampHard, Msg::kRepStampHardText, false,
                 {g.token.manufacturer, g.token.model, g.token.firmware});
  } else {
    out += stamp(in, Msg::kRepStampSoft, Msg::kRepStampSoftText, true);
  }
  return out;
}

std::string head(const ReportInput& in) {
  const auto row = [](const std::string& key, const std::string& value) {
    return "<dt>" + key + "</dt><dd>" + value + "</dd>\n";
  };
  const audit::Statistics& s = in.statistics;
  std::string facts;
  if (in.run.state().phase() != ledger::Phase::kNew) {
    facts += row(say(in, Msg::kRepVault), "<code>" + to_hex(in.run.state().genesis().vault) + "</code>");
  }
  facts += row(say(in, Msg::kRepOrigin), html::text(in.run.key().name));
  facts +=
      row(say(in, Msg::kRepPeriod), say(in, Msg::kRepPeriodIs, {html::time(s.first_time), html::time(s.last_time)}));
  return element("h1", say(in, Msg::kRepTitle)) +
         element("p", say(in, Msg::kRepMade, {html::time(in.made), in.version}), "soft") + element("dl", facts, "meta");
}

std::string verdict_box(const ReportInput& in) {
  const std::string size = std::to_string(in.run.verified.checkpoint.size);
  if (in.run.findings.clean()) {
    const Msg what = in.run.replay->complete() ? Msg::kRepVerdictGoodText : Msg::kRepVerdictHashText;
    return element("div", "<b>" + say(in, Msg::kRepVerdictGood) + "</b><br>" + say(in, what, {size}), "verdict");
  }
  std::string first;
  for (const audit::Finding& f : in.run.findings.sorted()) {
    if (first.empty() && audit::row_of(f.code).severity == audit::Severity::kError) first = std::to_string(f.entry);
  }
  const std::string count = std::to_string(in.run.findings.count(audit::Severity::kError));
  return element("div",
                 "<b>" + say(in, Msg::kRepVerdictBad, {count}) + "</b><br>" + say(in, Msg::kRepVerdictBadText, {first}),
                 "verdict bad");
}

std::string summary(const ReportInput& in) {
  const audit::Statistics& s = in.statistics;
  audit::Decisions all;
  for (const auto& h : s.hours) {
    all.match += h.match;
    all.no_match += h.no_match;
    all.refer += h.refer;
  }
  const auto n = [](std::uint64_t v) { return std::to_string(v); };
  const auto p = [&](Msg id, std::initializer_list<std::string_view> args) { return element("p", say(in, id, args)); };
  std::string out = element("h2", say(in, Msg::kRepSummary));
  if (all.total() > 0) out += p(Msg::kRepSumAccess, {n(all.total()), n(all.match), n(all.no_match), n(all.refer)});
  if (s.unopened_access > 0) out += p(Msg::kRepSumUnopened, {n(s.unopened_access)});
  if (in.run.replay->complete()) {
    std::uint64_t erased = 0;
    for (const auto& [reason, count] : s.erased_by_reason) erased += count;
    out += p(Msg::kRepSumPeople,
             {n(s.enrolled), n(erased), n(in.run.state().subjects().size()), n(in.run.state().suspended())});
  }
  if (const auto& r = in.run.state().recovery()) {
    out += element("p", say(in, Msg::kRepCardsDue, {n(r->entry), r->kind}), "warning");
  }
  if (const std::uint64_t doubt = in.run.state().in_doubt(); doubt > 0) {
    out += element("p", say(in, Msg::kRepInDoubt, {n(doubt)}), "warning");
  }
  if (s.unopened_custody > 0) out += p(Msg::kRepSumCustody, {n(s.unopened_custody)});
  const auto crashes = static_cast<std::uint64_t>(
      std::count_if(s.acts.begin(), s.acts.end(), [](const audit::Act& a) { return a.facts.contains("after_crash"); }));
  out += p(Msg::kRepSumOpen, {n(report::acts_of(in, "unsealed")), n(report::acts_of(in, "sealed")),
                              n(report::acts_of(in, "start")), n(crashes)});
  const auto& proposals = s.proposals.list();
  if (!proposals.empty()) {
    const auto at = [&](ledger::Stage stage) {
      return n(static_cast<std::uint64_t>(std::count_if(
          proposals.begin(), proposals.end(), [&](const auto& p) { return stage_of(p, in.run.state()) == stage; })));
    };
    out += p(Msg::kRepSumDecided, {n(proposals.size()), at(ledger::Stage::kDone), at(ledger::Stage::kVetoed)});
  }
  const std::uint64_t alone =
      report::acts_of(in, "revoked") + report::acts_of(in, "tightened") + report::acts_of(in, "custodian-suspended");
  if (alone > 0) out += p(Msg::kRepSumNarrowed, {n(alone)});
  const ledger::Phase phase = in.run.state().phase();
  out += p(Msg::kRepSumState, {phase == ledger::Phase::kOpen ? format_message(in.lang, Msg::kStateOpen)
                                                             : format_message(in.lang, Msg::kStateSealed)});
  const auto& f = in.run.findings;
  return out + p(Msg::kRepSumFindings, {n(f.count(audit::Severity::kError)), n(f.count(audit::Severity::kWarning)),
                                        n(f.count(audit::Severity::kNote))});
}

std::string freshness(const ReportInput& in) {
  const auto p = [&](Msg id, std::initializer_list<std::string_view> args) { return element("p", say(in, id, args)); };
  const log::Checkpoint& head = in.run.verified.checkpoint;
  std::string out =
      element("h2", say(in, Msg::kRepFresh)) + p(Msg::kRepFreshSize, {std::to_string(head.size), to_base64(head.root)});
  const UnixMillis last = in.statistics.last_time;
  if (last > in.made) {
    out += element("p", say(in, Msg::kRepFreshFuture, {html::time(last)}), "warning");
  } else {
    const auto age = static_cast<std::uint64_t>(in.made - last) / 1000;
    out += p(Msg::kRepFreshLast, {html::time(last), format_duration(age)});
  }
  out += p(Msg::kRepFreshSeen, {std::to_string(in.checkpoints_seen)});
  std::string others;
  if (const auto note = log::parse_note(in.run.verified.note)) {
    for (const auto& s : note->signatures) {
      if (s.name != in.run.key().name) others += (others.empty() ? "" : ", ") + s.name;
    }
  }
  return out + (others.empty() ? p(Msg::kRepFreshNoCosign, {}) : p(Msg::kRepFreshCosign, {others}));
}

std::string limits(const ReportInput& in) {
  std::string list;
  for (const Msg id : {Msg::kRepLimit1, Msg::kRepLimit2, Msg::kRepLimit3, Msg::kRepLimit4, Msg::kRepLimit5,
                       Msg::kRepLimit6, Msg::kRepLimit7}) {
    list += element("li", say(in, id));
  }
  return element("h2", say(in, Msg::kRepLimits)) + element("ul", list);
}

std::string how_to_check(const ReportInput& in) {
  const std::string digest =
      in.run.replay->complete() ? to_hex(in.run.state().digest()) : format_message(in.lang, Msg::kRepNoDigest);
  std::string out = element("h2", say(in, Msg::kRepVerify)) + element("p", say(in, Msg::kRepVerifyText));
  for (const std::string& line : {format_vkey(in.run.key()), to_base64(in.run.verified.checkpoint.root)}) {
    out += element("p", "<code>" + html::text(line) + "</code>");
  }
  out += element("p", say(in, Msg::kRepDigest) + ": <code>" + html::text(digest) + "</code>");
  return out + element("h2", say(in, Msg::kRepSignoff)) +
         element("div", element("div", say(in, Msg::kRepSignName)) + element("div", say(in, Msg::kRepSignDate)),
                 "sign");
}

}  // namespace

std::string report_html(const ReportInput& in) {
  const std::string body = head(in) + stamps(in) + verdict_box(in) + summary(in) + freshness(in) +
                           report::findings(in) + report::widening(in) + report::narrowing(in) + report::timeline(in) +
                           report::accesses(in) + report::refusals(in) + report::erasures(in) + report::gaps(in) +
                           report::who_is_who(in) + limits(in) + how_to_check(in);
  return html::page(in.lang == Lang::kChinese ? "zh" : "en", format_message(in.lang, Msg::kRepTitle), body);
}

}  // namespace facekeep::tools
