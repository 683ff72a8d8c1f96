// facekeep revoke, suspend, acknowledge: what one custodian does alone, at once. They ask nothing: who narrows is in a
// hurry.
#include "tools/facekeep/commands.h"
#include "tools/facekeep/receipt.h"
#include "tools/facekeep/vault_api.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::vector<std::string> principals;
  std::string custodian;
  std::string reason = "other";
  std::string receipt;
  std::uint64_t entry = 0;
};

template <class Event>
Status narrow(Context& context, const std::string& path, const Json& body, const Options& o, Msg done,
              const std::string& who, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const Json answer, api.json("POST", path, as_bytes(body.dump())));
  const Json entry = answer.value("entry", Json());
  if (who.empty())
    report.say(done, {entry.dump()});
  else
    report.say(done, {who, entry.dump()});
  report.field("entry", entry);
  const Expected expected{[](const ledger::Event& e) { return std::holds_alternative<Event>(e.body); }};
  return keep_receipt_of(context, notice, api, answer, expected, o.receipt, report);
}

}  // namespace

void add_revoke(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("revoke", context.text(Msg::kHelpRevoke));
  command->add_option("PRINCIPAL", o->principals, context.text(Msg::kHelpPrincipalId))->required();
  command->add_option("--reason", o->reason, context.text(Msg::kHelpReason))
      ->check(CLI::IsMember({"lost", "left", "misuse", "other"}));
  add_receipt_option(*command, context, o->receipt);
  command->callback([o, &context] {
    context.run([o, &context](Reporter& r) {
      return narrow<ledger::Revoked>(context, "/v1/revocations", {{"principals", o->principals}, {"reason", o->reason}},
                                     *o, Msg::kPropRevoked, {}, r);
    });
  });
}

void add_suspend(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("suspend", context.text(Msg::kHelpSuspend));
  command->add_option("CUSTODIAN", o->custodian, context.text(Msg::kHelpPrincipalId))->required();
  add_receipt_option(*command, context, o->receipt);
  command->callback([o, &context] {
    context.run([o, &context](Reporter& r) {
      return narrow<ledger::CustodianSuspended>(context, "/v1/suspensions", {{"custodian", o->custodian}}, *o,
                                                Msg::kPropSuspended, o->custodian, r);
    });
  });
}

void add_acknowledge(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("acknowledge", context.text(Msg::kHelpAcknowledge));
  command->add_option("ENTRY", o->entry, context.text(Msg::kHelpAlarmEntry))->required();
  add_receipt_option(*command, context, o->receipt);
  command->callback([o, &context] {
    context.run([o, &context](Reporter& r) {
      return narrow<ledger::AlarmsAcknowledged>(context, "/v1/acknowledgements", {{"entry", o->entry}}, *o,
                                                Msg::kPropAcknowledged, std::to_string(o->entry), r);
    });
  });
}

}  // namespace facekeep::tools
