// facekeep reshare: the ceremony of new cards. A new unseal secret is drawn on this machine and split; each custodian
// of the new set proves the own card and signs; only then anything is in a file, and the custodian of --key proposes
// it. The present cards open the vault until the proposal is carried out.
#include <filesystem>

#include "tools/common/action_words.h"
#include "tools/common/escape.h"
#include "tools/facekeep/action_commands.h"
#include "tools/facekeep/ceremony_hand_out.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/folded_log.h"
#include "tools/facekeep/receipt.h"
#include "tools/facekeep/reshare_plan.h"
#include "vault/base/digest.h"
#include "vault/base/problem.h"
#include "vault/ledger/proposal_decide.h"

namespace facekeep::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string plan;
  std::string spare;
  std::string out = ".";
  std::string cards;
  std::string script;
  ProposalOptions proposal;
};

// Whoever may propose a rotation now may propose new cards now: asked before anybody copies one.
Status may_propose(const ledger::State& state, const Identity& identity, const std::string& purpose) {
  FK_TRY(const Digest key, http::spki_digest(identity.cert.get()));
  const ledger::Moment now = last_moment(state);
  const auto* who = state.principal_by_key(key, now.wall);
  const ledger::ProposalMade probe{
      random_array<16>(), who == nullptr ? "" : who->id, purpose, ledger::RotateKeys{}, {}};
  const Status may = decide_propose(state, probe, now);
  // Since a recovery a rotation is not allowed, and new cards are what is due.
  const bool due = !may && is_problem(may.error(), "reshare-due");
  return due ? Status() : may;
}

Result<std::unique_ptr<Room>> open_room(Context& context, const Options& o) {
  if (!o.script.empty()) return scripted_room(o.script, o.cards);
  if (!o.cards.empty()) FK_CHECK(check_memory_disk(o.cards));
  FK_TRY(Terminal * terminal, context.terminal());
  return terminal_room(*terminal, context.lang, o.cards);
}

// Everybody sees whose cards are made, and says so.
Status confirm(Context& context, const Notice& notice, const ledger::Reshare& action) {
  FK_TRY(Terminal * terminal, context.terminal());
  for (const auto& line : action_words(context.lang, action)) {
    FK_CHECK(terminal->show(escape_untrusted(line) + "\n"));
  }
  FK_TRY(const bool go, terminal->confirm(context.lang, context.text(Msg::kReshareGo, {notice.name})));
  if (go) return {};
  return make_error(Errc::kFailedPrecondition, context.text(Msg::kCancelled));
}

Status hold(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const FoldedVault vault, fold_vault_now(context, notice, api));
  const ledger::Genesis& current = vault.state.current();
  if (!o.script.empty() && !current.rehearsal) {
    return say_error(Errc::kPermissionDenied, "no-rehearsal", Msg::kReshareReal, Msg::kReshareRealHint);
  }
  FK_CHECK(may_propose(vault.state, identity, o.proposal.purpose));
  FK_TRY(ResharePlan plan, read_reshare_plan(o.plan, current));
  if (!o.spare.empty()) {
    FK_TRY(plan.spare, load_text(o.spare, ledger::kMaxSparePem));
  }
  FK_TRY(NewSet set, draw_new_set(plan, current, format_day(vault.state.last_time())));
  ledger::Reshare& action = set.action;
  FK_TRY(const auto room, open_room(context, o));
  if (o.script.empty()) FK_CHECK(confirm(context, notice, action));
  const Uninterrupted uninterrupted;

  Transcript transcript;
  transcript.add(std::string("re-share") + (current.rehearsal ? " (REHEARSAL)" : "") + " of vault " +
                 to_hex(current.vault) + ", share set " + std::to_string(action.share_set));
  if (!o.cards.empty()) transcript.add("printable cards were written to a folder, for a printer");
  FK_CHECK(
      hand_out_cards({notice.name, current.vault, current.rehearsal, plan.groups, action.groups, action.unseal_key},
                     set.cards, *room, transcript));
  set.cards.clear();
  for (const auto& p : action.custodians)
    transcript.add("custodian afterwards: " + p.id + " with key " + to_hex(p.key));
  action.transcript = transcript.digest();
  FK_TRY(const std::string statement, reshare_statement(action, current.vault));
  FK_TRY(action.signatures, collect_signatures(plan.groups, statement, *room));
  FK_CHECK(check_ceremony_signatures(action.custodians, action.signatures, statement));

  // From here on the cards stay: the proposal may be in the log also where its answer does not arrive.
  const std::string transcript_file = o.out + "/transcript.txt";
  const std::string action_file = o.out + "/reshare.json";
  FK_CHECK(write_public(transcript_file, transcript.text()));
  FK_CHECK(write_public(action_file, to_json(ledger::Action(action)).dump(2) + "\n"));
  room->keep();
  report.say(Msg::kReshareMade, {transcript_file, action_file});
  const Status proposed = propose_action(context, o.proposal, {action, set.names}, report);
  if (!proposed) {
    report.warn(Msg::kReshareLater, {action_file, o.proposal.purpose});
    return proposed;
  }
  report.say(Msg::kReshareKeepOld);
  report.field("transcript", transcript_file);
  report.field("action", action_file);
  return {};
}

}  // namespace

void add_reshare(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("reshare", context.text(Msg::kHelpReshare));
  command->add_option("--plan", o->plan, context.text(Msg::kHelpResharePlan))->required();
  command->add_option("--purpose", o->proposal.purpose, context.text(Msg::kHelpPurpose))->required();
  command->add_option("--spare", o->spare, context.text(Msg::kHelpSpareFile));
  command->add_option("--out", o->out, context.text(Msg::kHelpReshareOut))->required();
  command->add_option("--cards", o->cards, context.text(Msg::kHelpReshareCards));
  command->add_option("--script", o->script, context.text(Msg::kHelpReshareScript));
  add_receipt_option(*command, context, o->proposal.receipt);
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return hold(context, *o, r); }); });
}

}  // namespace facekeep::tools
