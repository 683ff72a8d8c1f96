// The subcommands that put an action together from what a person gives. What becomes of it (proposed, or done at once)
// is the command's above them: `propose`, `tighten`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>

#include "tools/facekeep/context.h"
#include "vault/ledger/person_name.h"

namespace facekeep::tools {

struct AskedAction {
  ledger::Action action;
  ledger::PeopleNames names = {};          // of the principals that it registers
  std::vector<std::string> subjects = {};  // whom an export names
  std::vector<std::string> notes = {};     // what the person should see besides, before it is sent
};

// What every proposal has besides its action.
struct ProposalOptions {
  std::string purpose;
  std::string overrides;
  std::string receipt;
};
// Proposes it as the custodian of --key, shows what the vault wrote, and keeps the receipt.
Status propose_action(Context& context, const ProposalOptions& options, const AskedAction& asked, Reporter& report);

struct ActionUse {
  std::function<void(CLI::App& command)> add_options;
  std::function<Status(const AskedAction& asked, Reporter& report)> run;
};

// A subcommand whose options are in *o, which outlive the parse; `build` makes the action of them.
template <class Options, class Build>
void use_action(CLI::App& command, Context& context, const ActionUse& use, std::shared_ptr<Options> o, Build build) {
  use.add_options(command);
  command.callback([=, &context] {
    context.run([=, &context](Reporter& report) -> Status {
      FK_TRY(const AskedAction asked, build(context, *o));
      return use.run(asked, report);
    });
  });
}

// action_people.cc
void add_principal_action(CLI::App& app, Context& context, const ActionUse& use);
void add_principals_action(CLI::App& app, Context& context, const ActionUse& use);
// action_custodian.cc
void add_custodian_action(CLI::App& app, Context& context, const ActionUse& use);
// action_keys.cc
void add_rotate_action(CLI::App& app, Context& context, const ActionUse& use);
void add_rotation_policy_action(CLI::App& app, Context& context, const ActionUse& use);
void add_log_key_action(CLI::App& app, Context& context, const ActionUse& use);
void add_confirm_action(CLI::App& app, Context& context, const ActionUse& use);
// action_ticket.cc
void add_ticket_action(CLI::App& app, Context& context, const ActionUse& use);
// action_site.cc
void add_site_action(CLI::App& app, Context& context, const ActionUse& use);
void add_policy_action(CLI::App& app, Context& context, const ActionUse& use);
void add_reveal_action(CLI::App& app, Context& context, const ActionUse& use);
void add_cancel_erasures_action(CLI::App& app, Context& context, const ActionUse& use);
// action_rules.cc
void add_rule_action(CLI::App& app, Context& context, const ActionUse& use);
void add_threshold_action(CLI::App& app, Context& context, const ActionUse& use);
void add_model_action(CLI::App& app, Context& context, const ActionUse& use);
void add_witnesses_action(CLI::App& app, Context& context, const ActionUse& use);
void add_file_action(CLI::App& app, Context& context, const ActionUse& use);
// action_export.cc
void add_export_action(CLI::App& app, Context& context, const ActionUse& use);

// A JSON file that a person wrote. kMalformed ("bad-file"), naming the file.
Result<Json> load_json_file(const std::string& path);

}  // namespace facekeep::tools
