// facekeep subject show, subject list; erase.
#include <utility>

#include "tools/facekeep/commands.h"
#include "tools/facekeep/receipt.h"
#include "tools/facekeep/vault_api.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::string site;
  std::string subject;
  std::string receipt;
};

Result<VaultApi> connect(Context& context, const Notice& notice) {
  FK_TRY(const Identity identity, load_identity(context));
  return VaultApi::connect(notice, identity);
}

std::string subjects_path(const Options& o) {
  return "/v1/sites/" + percent_encode(o.site) + "/subjects";
}

std::string subject_line(Context& context, const Json& s) {
  std::string out = s.value("subject", "") + "  " + s.value("until", "") + "  " +
                    std::to_string(s.value("templates", Json::array()).size());
  if (s.value("suspended", false)) out += "  " + context.text(Msg::kCliSuspendedWord);
  return out;
}

Status list(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(VaultApi api, connect(context, notice));
  Json all = Json::array();
  Json damaged = Json::array();
  std::string cursor;
  bool first = true;
  do {
    FK_TRY(const Json page,
           api.json("GET", subjects_path(o) + (cursor.empty() ? "" : "?cursor=" + percent_encode(cursor))));
    if (std::exchange(first, false)) report.say(Msg::kCliSubjectColumns);
    for (const Json& s : page.value("subjects", Json::array())) {
      if (!s.is_object()) continue;
      if (context.json) {
        all.push_back(s);
      } else {
        report.line(subject_line(context, s));
      }
    }
    for (const Json& entry : page.value("damaged", Json::array())) {
      report.warn(Msg::kCliDamaged, {entry.dump()});
      damaged.push_back(entry);
    }
    cursor = page.value("next", "");
  } while (!cursor.empty());
  report.field("subjects", std::move(all));
  if (damaged.empty()) return {};
  const std::string count = std::to_string(damaged.size());
  report.field("damaged", std::move(damaged));
  return say_error(Errc::kIntegrity, "damaged-records", Msg::kCliListDamaged, Msg::kCliListDamagedHint, {count});
}

Status show(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(VaultApi api, connect(context, notice));
  FK_TRY(const Json answer, api.json("GET", subjects_path(o) + "/" + percent_encode(o.subject)));
  const Json s = answer.value("subject", Json::object());
  report.say(Msg::kCliSubjectColumns);
  report.line(subject_line(context, s));
  for (const Json& t : s.value("templates", Json::array())) {
    report.say(Msg::kCliTemplateLine, {t.value("id", ""), t.value("model", ""), t.value("version", Json()).dump(),
                                       t.value("entry", Json()).dump()});
  }
  report.say(Msg::kCliConsentLine, {s.value("consent", Json()).dump()});
  report.field("subject", s);
  report.field("entry", answer.value("entry", Json()));
  return {};
}

// The end of this subject's matching that this operator asked for. Which subject it is only `ref` tells, which the
// vault alone can link to an id.
// `horizon` becomes what the receipt's event says.
Expected erasure_of(const std::string& site, const std::string& by, std::optional<ledger::Horizon>& horizon) {
  return {[site, by, &horizon](const ledger::Event& e) {
    const auto fits = [&](const auto* event) { return event != nullptr && event->site == site && event->by == by; };
    const auto* erased = std::get_if<ledger::Erased>(&e.body);
    if (fits(erased)) horizon = erased->horizon;
    return fits(erased) || fits(std::get_if<ledger::Suspended>(&e.body));
  }};
}

// Until when old backups open what was erased, as the receipt has it.
void show_horizon(const ledger::Horizon& h, const std::string& today, Reporter& report) {
  const std::string epoch = std::to_string(h.epoch);
  if (h.by) {
    report.say(today > *h.by ? Msg::kCliHorizonPassed : Msg::kCliHorizonBy, {epoch, *h.by});
  } else {
    report.say(Msg::kCliHorizonNone, {epoch});
  }
  if (h.spare) report.say(Msg::kCliHorizonSpare);
  report.field("horizon", {{"root_epoch", h.epoch}, {"spare", h.spare}, {"by", h.by ? Json(*h.by) : Json()}});
}

Status erase(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const std::string by, proven_id(context, notice, api, identity));
  FK_TRY(const Json answer, api.json("DELETE", subjects_path(o) + "/" + percent_encode(o.subject)));
  const std::string entry = answer.value("entry", Json()).dump();
  const bool destroyed = answer.value("state", "") == "erased";
  report.say(destroyed ? Msg::kCliErased : Msg::kCliErasedLater, {o.subject, entry, answer.value("due", "")});
  for (const char* key : {"state", "entry", "due"}) {
    if (answer.contains(key)) report.field(key, answer[key]);
  }
  std::optional<ledger::Horizon> horizon;
  FK_CHECK(keep_receipt_of(context, notice, api, answer, erasure_of(o.site, by, horizon), o.receipt, report));
  if (horizon) show_horizon(*horizon, format_day(SystemClock().now().wall), report);
  return {};
}

}  // namespace

void add_subject(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("subject", context.text(Msg::kHelpSubjectCommand));
  group->require_subcommand(1);
  auto o = std::make_shared<Options>();
  CLI::App* one = group->add_subcommand("show", context.text(Msg::kHelpSubjectShow));
  one->add_option("--site", o->site, context.text(Msg::kHelpSite))->required();
  one->add_option("--subject", o->subject, context.text(Msg::kHelpSubject))->required();
  one->callback([o, &context] { context.run([o, &context](Reporter& r) { return show(context, *o, r); }); });
  CLI::App* all = group->add_subcommand("list", context.text(Msg::kHelpSubjectList));
  all->add_option("--site", o->site, context.text(Msg::kHelpSite))->required();
  all->callback([o, &context] { context.run([o, &context](Reporter& r) { return list(context, *o, r); }); });
}

void add_erase(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("erase", context.text(Msg::kHelpErase));
  command->add_option("--site", o->site, context.text(Msg::kHelpSite))->required();
  command->add_option("--subject", o->subject, context.text(Msg::kHelpSubject))->required();
  add_receipt_option(*command, context, o->receipt);
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return erase(context, *o, r); }); });
}

}  // namespace facekeep::tools
