// facekeep status: what the vault says of itself, checked against the notice and this machine's memory.
#include "tools/facekeep/commands.h"
#include "tools/facekeep/start_check.h"
#include "vault/base/clock.h"

namespace facekeep::tools {
namespace {

std::string state_text(const Context& context, const SealStatusView& s) {
  if (s.state == "open") return context.text(Msg::kStateOpen);
  if (s.state == "sealed") return context.text(Msg::kStateSealed);
  std::uint64_t in = 0;
  std::uint64_t threshold = 0;
  for (const auto& g : s.groups) {
    in += g.in;
    threshold += g.threshold;
  }
  if (s.state == "unsealing") {
    return context.text(Msg::kStateUnsealing, {std::to_string(in), std::to_string(threshold)});
  }
  return s.state;
}

// The day of a time of the vault's.
std::string day_of(const std::string& time) {
  return time.substr(0, 10);
}

// True if this person's card was looked at since the latest anniversary.
bool is_checked(const std::optional<std::uint64_t>& checked, const std::string& next) {
  static constexpr std::int64_t kYear = 366LL * 86400 * 1000;
  const auto at = parse_time(next);
  return checked && at && static_cast<UnixMillis>(*checked) >= *at - kYear;
}

void show_dates(const SealStatusView& s, const std::optional<std::uint64_t>& checked, Reporter& report) {
  if (const auto& d = s.schedule) {
    if (d->overdue || d->soon) {
      report.warn(d->overdue ? Msg::kCliRotationOverdue : Msg::kCliRotationSoon, {day_of(d->due)});
    } else {
      report.say(Msg::kCliRotationDue, {day_of(d->due)});
    }
    report.field("schedule", {{"due", d->due}, {"soon", d->soon}, {"overdue", d->overdue}});
  }
  if (const auto& c = s.cards) {
    const bool done = is_checked(checked, c->next);
    if (c->check && !done) report.warn(Msg::kCliCardsYear, {day_of(c->made)});
    if (c->check && done) report.say(Msg::kCliCardChecked, {format_day(static_cast<UnixMillis>(*checked))});
    report.field("cards", {{"made", c->made}, {"next", c->next}, {"check", c->check}});
  }
}

Status status(Context& context, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(VaultApi api, VaultApi::connect_any(context, notice));
  FK_TRY(const CheckedVault v, check_vault_now(context, notice, api));
  const std::string size = std::to_string(v.start.checkpoint.size);
  const std::string loaded = std::to_string(v.status.templates_loaded);
  const std::string total = std::to_string(v.status.templates_total);
  report.say(Msg::kCliVaultIs, {notice.name, to_hex(notice.vault)});
  if (notice.rehearsal) report.say(Msg::kRehearsal);
  report.say(Msg::kCliStateIs, {state_text(context, v.status)});
  if (v.status.state != "open") report.say(Msg::kCliSharesIn, {groups_text(v.status.groups)});
  // Counts what the unseal has to load; later enrolments are not in it.
  if (v.status.state == "open" && v.status.templates_total > 0) report.say(Msg::kCliTemplates, {loaded, total});
  if (v.status.templates_refused > 0) {
    report.warn(Msg::kCliTemplatesRefused, {std::to_string(v.status.templates_refused)});
  }
  if (const auto& r = v.status.rotation) {
    report.say(Msg::kCliRotation, {std::to_string(r->done), std::to_string(r->total)});
    if (r->cards_untried) report.warn(Msg::kCliCardsUntried);
    report.field("rotation", {{"done", r->done}, {"total", r->total}, {"cards_untried", r->cards_untried}});
  }
  FK_TRY(const ClientMemory memory, context.memory());
  FK_TRY(const auto checked, memory.card_checked(notice.vault));
  show_dates(v.status, checked, report);
  if (const auto& r = v.status.recovered) {
    report.warn(Msg::kCliCardsDue, {std::to_string(r->entry)});
    report.field("recovered", {{"entry", r->entry}, {"kind", r->kind}});
  }
  if (const auto& t = v.status.ticket) {
    report.say(Msg::kCliTicket, {std::to_string(t->number), t->expires, t->box, t->group});
    if (t->unattended) report.warn(Msg::kCliTicketUnattended);
    if (!t->delivered) report.warn(Msg::kCliTicketWaits);
    report.field("ticket", {{"number", t->number},
                            {"expires", t->expires},
                            {"box", t->box},
                            {"group", t->group},
                            {"unattended", t->unattended},
                            {"delivered", t->delivered}});
  }
  if (v.status.clock_jumped) report.warn(Msg::kCliClockJumped);
  report.say(continuity_text(v.continuity), {size});
  report.say(Msg::kCliVkeyIs, {log::format_vkey(notice.keys().newest())});
  report.say(Msg::kCliProgramIs, {v.start.start.version, to_hex(v.start.start.program), to_hex(v.start.start.config),
                                  format_time(v.start.time)});
  Json groups = Json::array();
  for (const auto& g : v.status.groups) groups.push_back({{"id", g.id}, {"in", g.in}, {"threshold", g.threshold}});
  report.field("name", notice.name);
  report.field("vault", to_hex(notice.vault));
  report.field("rehearsal", notice.rehearsal);
  report.field("state", v.status.state);
  report.field("clock_jumped", v.status.clock_jumped);
  report.field("groups", std::move(groups));
  report.field("templates", {{"total", v.status.templates_total},
                             {"loaded", v.status.templates_loaded},
                             {"refused", v.status.templates_refused}});
  report.field("log_size", v.start.checkpoint.size);
  report.field("root", to_base64(v.start.checkpoint.root));
  report.field("vkey", log::format_vkey(notice.keys().newest()));
  report.field("checkpoint", "verified");
  const bool first = v.continuity == Continuity::kFirstContact;
  report.field("consistent", first ? "first-contact" : v.continuity == Continuity::kLost ? "lost" : "yes");
  report.field("version", v.start.start.version);
  report.field("program", to_hex(v.start.start.program));
  report.field("config", to_hex(v.start.start.config));
  report.field("started", format_time(v.start.time));
  return {};
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("status", context.text(Msg::kHelpStatus));
  command->callback([&context] { context.run([&context](Reporter& r) { return status(context, r); }); });
}

}  // namespace facekeep::tools
