// Actions about how the vault decides: rules, thresholds, models, witnesses; and any action from a file.
#include "tools/common/files.h"
#include "tools/facekeep/action_commands.h"

namespace facekeep::tools {
namespace {

struct RuleOptions {
  std::string action_class;
  std::vector<std::string> people;
  ledger::Rule rule;
};

Result<AskedAction> rule_action(Context&, const RuleOptions& o) {
  ledger::Rule rule = o.rule;
  for (const std::string& text : o.people) {
    const auto equals = text.find('=');
    const std::string digits = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (digits.empty() || digits.size() > 2 || digits.find_first_not_of("0123456789") != std::string::npos) {
      return say_error(Errc::kInvalidArgument, "bad-people", Msg::kPropBadPeople, Msg::kPropBadPeopleHint, {text});
    }
    rule.groups[text.substr(0, equals)] = std::stoi(digits);
  }
  return AskedAction{ledger::ChangeRules{{{o.action_class, rule}}}};
}

struct FileOptions {
  std::string file;
  bool none = false;
};

Result<AskedAction> witnesses_action(Context&, const FileOptions& o) {
  if (o.none == !o.file.empty()) {
    return say_error(Errc::kInvalidArgument, "no-file", Msg::kPropWitnessFileOrNone, Msg::kPropWitnessFileHint);
  }
  if (o.none) return AskedAction{ledger::ChangeWitnesses{}};
  FK_TRY(const Json json, load_json_file(o.file));
  FK_TRY(ledger::Witnesses witnesses, ledger::witnesses_from_json(json, o.file));
  return AskedAction{ledger::ChangeWitnesses{std::move(witnesses)}};
}

}  // namespace

Result<Json> load_json_file(const std::string& path) {
  FK_TRY(const std::string text, load_text(path));
  auto json = parse_json(text);
  if (json) return json;
  return say_error(Errc::kMalformed, "bad-file", Msg::kPropBadFile, Msg::kPropBadFileHint,
                   {path, json.error().message});
}

void add_rule_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<RuleOptions>();
  CLI::App* command = app.add_subcommand("rule", context.text(Msg::kHelpProposeRule));
  command->add_option("CLASS", o->action_class, context.text(Msg::kHelpRuleClass))->required();
  command->add_option("--people", o->people, context.text(Msg::kHelpRulePeople))->required();
  command->add_option("--delay", o->rule.delay_s, context.text(Msg::kHelpRuleDelay))->required();
  command->add_option("--lifetime", o->rule.lifetime_s, context.text(Msg::kHelpRuleLifetime))->required();
  command->add_option("--uses", o->rule.uses, context.text(Msg::kHelpRuleUses));
  use_action(*command, context, use, o, rule_action);
}

void add_threshold_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<ledger::ChangeThresholds>();
  CLI::App* command = app.add_subcommand("threshold", context.text(Msg::kHelpProposeThreshold));
  command->add_option("MODEL", o->model, context.text(Msg::kHelpModel))->required();
  command->add_option("--verify", o->verify_threshold, context.text(Msg::kHelpVerifyThreshold))->required();
  command->add_option("--identify", o->identify_threshold, context.text(Msg::kHelpIdentifyThreshold))->required();
  use_action(*command, context, use, o,
             [](Context&, const ledger::ChangeThresholds& given) -> Result<AskedAction> { return AskedAction{given}; });
}

void add_model_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<ledger::Model>();
  CLI::App* command = app.add_subcommand("model", context.text(Msg::kHelpActModel));
  command->add_option("MODEL", o->id, context.text(Msg::kHelpModel))->required();
  command->add_option("--version", o->version, context.text(Msg::kHelpModelVersion))->required();
  command->add_option("--dimension", o->dimension, context.text(Msg::kHelpModelDimension))->required();
  command->add_option("--verify", o->verify_threshold, context.text(Msg::kHelpVerifyThreshold))->required();
  command->add_option("--identify", o->identify_threshold, context.text(Msg::kHelpIdentifyThreshold))->required();
  use_action(*command, context, use, o, [](Context&, const ledger::Model& given) -> Result<AskedAction> {
    return AskedAction{ledger::AddModel{given}};
  });
}

void add_witnesses_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<FileOptions>();
  CLI::App* command = app.add_subcommand("witnesses", context.text(Msg::kHelpActWitnesses));
  command->add_option("FILE", o->file, context.text(Msg::kHelpWitnessesFile));
  command->add_flag("--none", o->none, context.text(Msg::kHelpWitnessesNone));
  use_action(*command, context, use, o, witnesses_action);
}

void add_file_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<FileOptions>();
  CLI::App* command = app.add_subcommand("action", context.text(Msg::kHelpProposeAction));
  command->add_option("FILE", o->file, context.text(Msg::kHelpActionFile))->required();
  use_action(*command, context, use, o, [](Context&, const FileOptions& given) -> Result<AskedAction> {
    FK_TRY(const Json json, load_json_file(given.file));
    FK_TRY(ledger::Action action, ledger::action_from_json(json));
    return AskedAction{std::move(action)};
  });
}

}  // namespace facekeep::tools
