// facekeep tighten ...: one custodian narrows at once by an action for which widening would take a proposal. It asks
// nothing, as who narrows is in a hurry; undoing it takes a proposal.
#include "tools/facekeep/action_commands.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/proposal_view.h"
#include "tools/facekeep/receipt.h"

namespace facekeep::tools {
namespace {

Status tighten(Context& context, const std::string& receipt, const AskedAction& asked, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  const Json body = {{"action", to_json(asked.action)}};
  FK_TRY(const Json answer, api.json("POST", "/v1/tightenings", as_bytes(body.dump())));
  for (const auto& line : describe(context.lang, asked.action)) report.line(line);
  const Json entry = answer.value("entry", Json());
  report.say(Msg::kPropTightened, {entry.dump()});
  report.field("entry", entry);
  const Expected ours{[&](const ledger::Event& e) {
    const auto* done = std::get_if<ledger::Tightened>(&e.body);
    return done != nullptr && to_json(done->action) == to_json(asked.action);
  }};
  return keep_receipt_of(context, notice, api, answer, ours, receipt, report);
}

}  // namespace

void add_tighten(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("tighten", context.text(Msg::kHelpTighten));
  command->require_subcommand(1);
  auto receipt = std::make_shared<std::string>();
  const ActionUse use{[receipt, &context](CLI::App& c) { add_receipt_option(c, context, *receipt); },
                      [receipt, &context](const AskedAction& asked, Reporter& report) {
                        return tighten(context, *receipt, asked, report);
                      }};
  for (const auto add :
       {add_threshold_action, add_reveal_action, add_policy_action, add_rule_action, add_ticket_action}) {
    add(*command, context, use);
  }
}

}  // namespace facekeep::tools
