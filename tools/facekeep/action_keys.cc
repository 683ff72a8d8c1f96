// The actions that draw keys anew, and the one that ends the doubt after a restore. New cards are a ceremony of their
// own: reshare.cc.
#include "tools/common/files.h"
#include "tools/facekeep/action_commands.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::string spare;  // file
};

Result<AskedAction> rotate_action(Context&, const Options& o) {
  ledger::RotateKeys action;
  if (!o.spare.empty()) {
    FK_TRY(action.spare, load_text(o.spare, ledger::kMaxSparePem));
    FK_TRY(const Digest digest, ledger::spare_digest(*action.spare));
    static_cast<void>(digest);
  }
  return AskedAction{std::move(action)};
}

}  // namespace

void add_rotate_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("rotate", context.text(Msg::kHelpActRotate));
  command->add_option("--spare", o->spare, context.text(Msg::kHelpSpareFile));
  use_action(*command, context, use, o, rotate_action);
}

void add_log_key_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<ledger::RotateLogKey>();
  CLI::App* command = app.add_subcommand("log-key", context.text(Msg::kHelpPropLogKey));
  use_action(*command, context, use, o,
             [](Context&, const ledger::RotateLogKey& given) -> Result<AskedAction> { return AskedAction{given}; });
}

void add_confirm_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<ledger::ConfirmSubjects>();
  CLI::App* command = app.add_subcommand("confirm-subjects", context.text(Msg::kHelpPropConfirm));
  command->add_option("SITE", o->site, context.text(Msg::kHelpSite))->required();
  use_action(*command, context, use, o,
             [](Context&, const ledger::ConfirmSubjects& given) -> Result<AskedAction> { return AskedAction{given}; });
}

}  // namespace facekeep::tools
