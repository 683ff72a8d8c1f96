// facekeep propose ...: puts an action to the custodians. What it says is shown to each of them by their own program.
#include "tools/facekeep/action_commands.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/proposal_view.h"
#include "tools/facekeep/receipt.h"
#include "vault/base/digest.h"
#include "vault/export/recipient.h"

namespace facekeep::tools {
namespace {

// The entry that the vault would write, with ids as long as they get.
Status fits(const std::string& purpose, const ledger::Action& action) {
  ledger::Event event;
  event.body = ledger::ProposalMade{{}, std::string(ledger::kMaxSlug, 'x'), purpose, action, Id128{}};
  const auto encoded = ledger::encode_event(event);
  return encoded ? Status() : Status(encoded.error());
}

// What the vault adds to an export that names its people: the commitment to them, and their number.
Json with_list(ledger::Action action, const ledger::Action& written) {
  auto* ours = std::get_if<ledger::ExportTemplates>(&action);
  const auto* theirs = std::get_if<ledger::ExportTemplates>(&written);
  if (ours != nullptr && theirs != nullptr) ours->subjects = theirs->subjects;
  return to_json(action);
}

// One entry of the log holds a proposal whole. How many of too many registrations fit, by halving.
Status check_size(const std::string& purpose, const ledger::Action& action) {
  const Status all = fits(purpose, action);
  const auto* people = std::get_if<ledger::RegisterPrincipals>(&action);
  if (all || all.error().code != Errc::kTooLarge || people == nullptr) return all;
  std::size_t good = 0;
  for (std::size_t bad = people->principals.size(); bad - good > 1;) {
    const std::size_t n = good + (bad - good) / 2;
    ledger::RegisterPrincipals some = *people;
    some.principals.resize(n);
    // Each brings its new doors.
    some.doors.resize(people->doors.size() * n / people->principals.size());
    (fits(purpose, some) ? good : bad) = n;
  }
  return say_error(Errc::kTooLarge, "too-large", Msg::kPropTooLarge, Msg::kPropTooLargeHint,
                   {std::to_string(people->principals.size()), std::to_string(good)});
}

}  // namespace

Status propose_action(Context& context, const ProposalOptions& o, const AskedAction& asked, Reporter& report) {
  FK_CHECK(check_size(o.purpose, asked.action));
  for (const auto& line : asked.notes) report.line(line);
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  Json body = {{"purpose", o.purpose}, {"action", to_json(asked.action)}};
  if (!o.overrides.empty()) body["overrides"] = o.overrides;
  if (!asked.subjects.empty()) body["subjects"] = asked.subjects;
  if (!asked.names.empty()) body["names"] = ledger::to_json(asked.names);
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
           to_json(made->action) ==
               (asked.subjects.empty() ? to_json(asked.action) : with_list(asked.action, made->action));
  }};
  return keep_receipt_of(context, notice, api, answer, ours, o.receipt, report);
}

namespace {

// ---- propose again: what was vetoed, exactly, with the names that came with it

Result<AskedAction> vetoed_action(Context& context, const ProposalOptions& o) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(CheckedProposal vetoed, check_proposal(context, notice, api, o.overrides));
  AskedAction out{std::move(vetoed.status.made.action)};
  if (vetoed.status.names) out.names = std::move(*vetoed.status.names);
  return out;
}

}  // namespace

void add_propose(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("propose", context.text(Msg::kHelpPropose));
  command->require_subcommand(1);
  auto o = std::make_shared<ProposalOptions>();
  const ActionUse use{
      [o, &context](CLI::App& c) {
        c.add_option("--purpose", o->purpose, context.text(Msg::kHelpPurpose))->required();
        add_receipt_option(c, context, o->receipt);
      },
      [o, &context](const AskedAction& asked, Reporter& report) { return propose_action(context, *o, asked, report); }};
  for (const auto add :
       {add_principal_action, add_principals_action, add_custodian_action, add_site_action, add_policy_action,
        add_reveal_action, add_cancel_erasures_action, add_threshold_action, add_model_action, add_rule_action,
        add_witnesses_action, add_export_action, add_rotate_action, add_rotation_policy_action, add_log_key_action,
        add_confirm_action, add_ticket_action, add_file_action}) {
    add(*command, context, use);
  }
  CLI::App* again = command->add_subcommand("again", context.text(Msg::kHelpProposeAgain));
  again->add_option("ID", o->overrides, context.text(Msg::kHelpOverrides))->required();
  use_action(*again, context, use, o, vetoed_action);
}

}  // namespace facekeep::tools
