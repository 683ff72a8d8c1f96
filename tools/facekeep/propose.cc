// facekeep propose ...: puts an action to the custodians. What it says is shown to each of them by their own program.
#include "tools/facekeep/commands.h"
#include "tools/facekeep/key_files.h"
#include "tools/facekeep/proposal_view.h"
#include "tools/facekeep/receipt.h"
#include "vault/base/digest.h"
#include "vault/export/recipient.h"

namespace facekeep::tools {
namespace {

struct Common {
  std::string purpose;
  std::string overrides;
  std::string receipt;
};

void add_common(CLI::App& command, Context& context, Common& o) {
  command.add_option("--purpose", o.purpose, context.text(Msg::kHelpPurpose))->required();
  command.add_option("--overrides", o.overrides, context.text(Msg::kHelpOverrides));
  add_receipt_option(command, context, o.receipt);
}

// What the vault adds to an export that names its people: the commitment to them, and their number.
Json with_list(ledger::Action action, const ledger::Action& written) {
  auto* ours = std::get_if<ledger::ExportTemplates>(&action);
  const auto* theirs = std::get_if<ledger::ExportTemplates>(&written);
  if (ours != nullptr && theirs != nullptr) ours->subjects = theirs->subjects;
  return to_json(action);
}

Status propose(Context& context, const Common& o, const ledger::Action& action, Reporter& report,
               const std::vector<std::string>& subjects = {}) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  Json body = {{"purpose", o.purpose}, {"action", to_json(action)}};
  if (!o.overrides.empty()) body["overrides"] = o.overrides;
  if (!subjects.empty()) body["subjects"] = subjects;
  FK_TRY(const Json answer, api.json("POST", "/v1/proposals", as_bytes(body.dump())));
  FK_TRY(const ProposalStatus status, parse_proposal(answer.value("proposal", Json::object())));
  FK_TRY(const Digest digest, ledger::proposal_digest(status.made, notice.vault));
  for (const auto& line : describe(context.lang, status, digest)) report.line(line);
  const std::string id = to_hex(status.made.id);
  report.say(Msg::kPropMade, {id});
  report.field("id", id);
  report.field("digest", to_hex(digest));
  report.field("entry", answer.value("entry", Json()));
  const Expected ours{[&](const ledger::Event& e) {
    const auto* made = std::get_if<ledger::ProposalMade>(&e.body);
    return made != nullptr && to_json(*made) == to_json(status.made) &&
           to_json(made->action) == (subjects.empty() ? to_json(action) : with_list(action, made->action));
  }};
  return keep_receipt_of(context, notice, api, answer, ours, o.receipt, report);
}

// ---- propose principal

struct PrincipalOptions : Common {
  std::string id;
  std::string role;
  std::string cert;
  std::string name;
  std::string name_out;
  std::string until;
  std::vector<std::string> sites;
  std::vector<std::string> doors;
};

Result<ledger::Action> principal_action(Context& context, const PrincipalOptions& o) {
  ledger::PrincipalRecord p;
  p.id = o.id;
  FK_TRY(p.role, ledger::parse_role(o.role));
  FK_TRY(const KeyFacts facts, read_key_facts(o.cert, context.passphrase_for(o.cert)));
  p.key = facts.spki;
  // The name stays out of the log; its salt goes to the person who keeps the register.
  const Digest salt = random_array<32>();
  static constexpr std::string_view kDomain("facekeep/name/v1\0", 17);
  p.name = sha256({as_bytes(kDomain), salt, as_bytes(o.name)});
  p.sites = o.sites;
  p.doors = o.doors;
  if (!o.until.empty()) p.until = o.until;
  FK_CHECK(save_text(o.name_out, Json{{o.id, {{"name", o.name}, {"salt", to_hex(salt)}}}}.dump() + "\n"));
  return ledger::Action(ledger::RegisterPrincipals{{}, {p}});
}

void add_principal(CLI::App& app, Context& context) {
  auto o = std::make_shared<PrincipalOptions>();
  CLI::App* command = app.add_subcommand("principal", context.text(Msg::kHelpProposePrincipal));
  command->add_option("ID", o->id, context.text(Msg::kHelpPrincipalId))->required();
  command->add_option("--role", o->role, context.text(Msg::kHelpPrincipalRole))
      ->required()
      ->check(CLI::IsMember({"door", "operator", "camera", "auditor"}));
  command->add_option("--cert", o->cert, context.text(Msg::kHelpPrincipalCert))->required();
  command->add_option("--name", o->name, context.text(Msg::kHelpPrincipalName))->required();
  command->add_option("--name-out", o->name_out, context.text(Msg::kHelpPrincipalNameOut))->required();
  command->add_option("--site", o->sites, context.text(Msg::kHelpScopeSite));
  command->add_option("--door", o->doors, context.text(Msg::kHelpScopeDoor));
  command->add_option("--until", o->until, context.text(Msg::kHelpPrincipalUntil));
  add_common(*command, context, *o);
  command->callback([o, &context] {
    context.run([o, &context](Reporter& r) -> Status {
      FK_TRY(const ledger::Action action, principal_action(context, *o));
      return propose(context, *o, action, r);
    });
  });
}

// ---- propose threshold, rule, action

struct ThresholdOptions : Common {
  ledger::ChangeThresholds change;
};

void add_threshold(CLI::App& app, Context& context) {
  auto o = std::make_shared<ThresholdOptions>();
  CLI::App* command = app.add_subcommand("threshold", context.text(Msg::kHelpProposeThreshold));
  command->add_option("MODEL", o->change.model, context.text(Msg::kHelpModel))->required();
  command->add_option("--verify", o->change.verify_threshold, context.text(Msg::kHelpVerifyThreshold))->required();
  command->add_option("--identify", o->change.identify_threshold, context.text(Msg::kHelpIdentifyThreshold))
      ->required();
  add_common(*command, context, *o);
  command->callback(
      [o, &context] { context.run([o, &context](Reporter& r) { return propose(context, *o, o->change, r); }); });
}

struct RuleOptions : Common {
  std::string action_class;
  std::vector<std::string> people;
  ledger::Rule rule;
};

Result<ledger::Action> rule_action(const RuleOptions& o) {
  ledger::Rule rule = o.rule;
  for (const std::string& text : o.people) {
    const auto equals = text.find('=');
    const std::string digits = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (digits.empty() || digits.size() > 2 || digits.find_first_not_of("0123456789") != std::string::npos) {
      return say_error(Errc::kInvalidArgument, "bad-people", Msg::kPropBadPeople, Msg::kPropBadPeopleHint, {text});
    }
    rule.groups[text.substr(0, equals)] = std::stoi(digits);
  }
  return ledger::Action(ledger::ChangeRules{{{o.action_class, rule}}});
}

void add_rule(CLI::App& app, Context& context) {
  auto o = std::make_shared<RuleOptions>();
  CLI::App* command = app.add_subcommand("rule", context.text(Msg::kHelpProposeRule));
  command->add_option("CLASS", o->action_class, context.text(Msg::kHelpRuleClass))->required();
  command->add_option("--people", o->people, context.text(Msg::kHelpRulePeople))->required();
  command->add_option("--delay", o->rule.delay_s, context.text(Msg::kHelpRuleDelay))->required();
  command->add_option("--lifetime", o->rule.lifetime_s, context.text(Msg::kHelpRuleLifetime))->required();
  add_common(*command, context, *o);
  command->callback([o, &context] {
    context.run([o, &context](Reporter& r) -> Status {
      FK_TRY(const ledger::Action action, rule_action(*o));
      return propose(context, *o, action, r);
    });
  });
}

// ---- propose export

struct ExportOptions : Common {
  std::string site;
  std::uint64_t max = 0;
  std::vector<std::string> subjects;
  std::string basis;
  std::string order;
  std::vector<std::string> certificates;
};

Result<ledger::Action> export_action(const ExportOptions& o) {
  ledger::ExportTemplates a;
  a.site = o.site;
  a.max_subjects = o.subjects.empty() ? o.max : o.subjects.size();
  if (a.max_subjects == 0) {
    return say_error(Errc::kInvalidArgument, "no-limit", Msg::kExportMaxNeeded, Msg::kExportMaxHint);
  }
  a.basis = o.basis == "consent"               ? ledger::ExportBasis::kConsent
            : o.basis == "change-of-processor" ? ledger::ExportBasis::kChangeOfProcessor
                                               : ledger::ExportBasis::kLegalOrder;
  if ((a.basis == ledger::ExportBasis::kLegalOrder) == o.order.empty()) {
    return say_error(Errc::kInvalidArgument, "no-order", Msg::kExportOrderNeeded, Msg::kExportOrderHint);
  }
  if (!o.order.empty()) {
    FK_TRY(const std::string order, load_text(o.order, std::size_t{64} << 20));
    a.legal_order = sha256(as_bytes(order));
  }
  std::vector<Bytes> files;
  for (const std::string& path : o.certificates) {
    FK_TRY(const std::string text, load_text(path));
    files.push_back(to_bytes(text));
  }
  FK_TRY(const auto recipients, exporter::parse_recipients(files));
  for (const auto& r : recipients) a.recipients.push_back({r.spki, r.certificate});
  return ledger::Action(std::move(a));
}

void add_export(CLI::App& app, Context& context) {
  auto o = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand("export", context.text(Msg::kHelpProposeExport));
  command->add_option("--site", o->site, context.text(Msg::kHelpSite))->required();
  command->add_option("--basis", o->basis, context.text(Msg::kHelpExportBasis))
      ->required()
      ->check(CLI::IsMember({"consent", "change-of-processor", "legal-order"}));
  command->add_option("--order", o->order, context.text(Msg::kHelpExportOrder));
  command->add_option("--to", o->certificates, context.text(Msg::kHelpExportTo))->required();
  CLI::Option* max = command->add_option("--max", o->max, context.text(Msg::kHelpExportMax));
  command->add_option("--subject", o->subjects, context.text(Msg::kHelpExportSubject))->excludes(max);
  add_common(*command, context, *o);
  command->callback([o, &context] {
    context.run([o, &context](Reporter& r) -> Status {
      FK_TRY(const ledger::Action action, export_action(*o));
      return propose(context, *o, action, r, o->subjects);
    });
  });
}

struct ActionOptions : Common {
  std::string file;
};

void add_action(CLI::App& app, Context& context) {
  auto o = std::make_shared<ActionOptions>();
  CLI::App* command = app.add_subcommand("action", context.text(Msg::kHelpProposeAction));
  command->add_option("FILE", o->file, context.text(Msg::kHelpActionFile))->required();
  add_common(*command, context, *o);
  command->callback([o, &context] {
    context.run([o, &context](Reporter& r) -> Status {
      FK_TRY(const std::string text, load_text(o->file));
      FK_TRY(const Json json, parse_json(text));
      FK_TRY(const ledger::Action action, ledger::action_from_json(json));
      return propose(context, *o, action, r);
    });
  });
}

}  // namespace

void add_propose(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("propose", context.text(Msg::kHelpPropose));
  command->require_subcommand(1);
  add_principal(*command, context);
  add_threshold(*command, context);
  add_rule(*command, context);
  add_export(*command, context);
  add_action(*command, context);
}

}  // namespace facekeep::tools
