// facekeep seal: one custodian closes the vault at once. It asks nothing: who seals is in a hurry.
#include "tools/facekeep/commands.h"
#include "tools/facekeep/receipt.h"
#include "tools/facekeep/vault_api.h"

namespace facekeep::tools {

void add_seal(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("seal", context.text(Msg::kHelpSeal));
  auto receipt = std::make_shared<std::string>();
  add_receipt_option(*command, context, *receipt);
  command->callback([receipt, &context] {
    context.run([receipt, &context](Reporter& report) -> Status {
      FK_TRY(const Notice notice, context.notice());
      FK_TRY(const Identity identity, load_identity(context));
      FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
      FK_TRY(const Json answer, api.json("POST", "/v1/seal"));
      const std::string entry = answer.value("entry", Json()).dump();
      report.say(Msg::kCliNowSealed, {entry});
      report.field("state", answer.value("state", Json()));
      report.field("entry", answer.value("entry", Json()));
      // A vault that was sealed before names the start that followed.
      const Expected expected{[](const ledger::Event& e) {
        return std::holds_alternative<ledger::Sealed>(e.body) || std::holds_alternative<ledger::Start>(e.body);
      }};
      return keep_receipt_of(context, notice, api, answer, expected, *receipt, report);
    });
  });
}

}  // namespace facekeep::tools
