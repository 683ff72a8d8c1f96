// The action that lets restarts go without cards for some hours, or ends that.
#include "tools/facekeep/action_commands.h"
#include "tools/facekeep/box/box_folder.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::uint32_t hours = 0;
  std::string box;
  bool unattended = false;
  bool none = false;
};

Result<AskedAction> ticket_action(Context&, const Options& o) {
  if (o.none == (o.hours > 0 && !o.box.empty())) {
    return say_error(Errc::kInvalidArgument, "no-box", Msg::kPropTicketBoxOrNone, Msg::kPropTicketHint);
  }
  if (o.none) return AskedAction{ledger::SetTicket{}};
  FK_TRY(ledger::TicketBox box, load_box_file(o.box));
  const ledger::TicketPolicy policy{o.hours, std::move(box), o.unattended};
  FK_CHECK(ledger::check_ticket_policy(policy));
  return AskedAction{ledger::SetTicket{policy}};
}

}  // namespace

void add_ticket_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("restart-ticket", context.text(Msg::kHelpProposeTicket));
  auto* hours = command->add_option("--hours", o->hours, context.text(Msg::kHelpTicketHours))
                    ->check(CLI::Range(1U, ledger::kMaxTicketHours));
  auto* box = command->add_option("--box", o->box, context.text(Msg::kHelpTicketBox))->needs(hours);
  hours->needs(box);
  command->add_flag("--unattended", o->unattended, context.text(Msg::kHelpTicketUnattended))->needs(box);
  command->add_flag("--none", o->none, context.text(Msg::kHelpTicketNone))->excludes(box);
  use_action(*command, context, use, o, ticket_action);
}

}  // namespace facekeep::tools
