// Actions about a site: opening one, what it keeps, what doors are told.
#include "tools/facekeep/action_commands.h"

namespace facekeep::tools {
namespace {

struct FileOptions {
  std::string file;
};
struct PolicyOptions {
  ledger::ChangePolicy policy;
  std::string signed_probes;
  std::string budgets;  // file
};
struct RevealOptions {
  std::string site;
  std::string answer;
};

}  // namespace

void add_site_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<FileOptions>();
  CLI::App* command = app.add_subcommand("site", context.text(Msg::kHelpActSite));
  command->add_option("FILE", o->file, context.text(Msg::kHelpSiteFile))->required();
  use_action(*command, context, use, o, [](Context&, const FileOptions& given) -> Result<AskedAction> {
    FK_TRY(const Json json, load_json_file(given.file));
    FK_TRY(ledger::Site site, ledger::site_from_json(json, given.file, false));
    return AskedAction{ledger::OpenSite{std::move(site)}};
  });
}

void add_policy_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<PolicyOptions>();
  CLI::App* command = app.add_subcommand("policy", context.text(Msg::kHelpActPolicy));
  command->add_option("SITE", o->policy.site, context.text(Msg::kHelpSite))->required();
  command->add_option("--access-log-days", o->policy.access_log_days, context.text(Msg::kHelpAccessLogDays))
      ->required();
  command->add_option("--erase-daily", o->policy.erase_daily, context.text(Msg::kHelpEraseDaily))->required();
  command->add_option("--signed-probes", o->signed_probes, context.text(Msg::kHelpSignedProbes))
      ->check(CLI::IsMember({"optional", "required"}));
  command->add_option("--min-pad", o->policy.min_pad, context.text(Msg::kHelpMinPad))
      ->check(CLI::Range(0U, ledger::kMaxPadLevel));
  command->add_option("--budgets", o->budgets, context.text(Msg::kHelpBudgetsFile));
  use_action(*command, context, use, o, [](Context&, const PolicyOptions& given) -> Result<AskedAction> {
    ledger::ChangePolicy policy = given.policy;
    if (!given.signed_probes.empty()) policy.signed_probes_required = given.signed_probes == "required";
    if (!given.budgets.empty()) {
      FK_TRY(const Json json, load_json_file(given.budgets));
      FK_TRY(policy.budgets, ledger::budgets_from_json(json, given.budgets));
    }
    return AskedAction{std::move(policy)};
  });
}

void add_reveal_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<RevealOptions>();
  CLI::App* command = app.add_subcommand("reveal", context.text(Msg::kHelpActReveal));
  command->add_option("SITE", o->site, context.text(Msg::kHelpSite))->required();
  command->add_option("SUBJECT", o->answer, context.text(Msg::kHelpRevealAnswer))
      ->required()
      ->check(CLI::IsMember({"named", "hidden"}));
  use_action(*command, context, use, o, [](Context&, const RevealOptions& given) -> Result<AskedAction> {
    return AskedAction{ledger::ChangeReveal{given.site, given.answer == "hidden"}};
  });
}

void add_cancel_erasures_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<ledger::CancelErasures>();
  CLI::App* command = app.add_subcommand("cancel-erasures", context.text(Msg::kHelpActCancelErasures));
  command->add_option("SITE", o->site, context.text(Msg::kHelpSite))->required();
  use_action(*command, context, use, o,
             [](Context&, const ledger::CancelErasures& given) -> Result<AskedAction> { return AskedAction{given}; });
}

}  // namespace facekeep::tools
