// facekeep proposals, approve, veto, withdraw: what custodians do with a proposal. Nothing is signed before this
// machine has checked the log, found the proposal in it, and shown the whole of it.
#include <map>

#include "tools/common/escape.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/folded_log.h"
#include "tools/facekeep/proposal_view.h"
#include "tools/facekeep/proposal_watch.h"
#include "tools/facekeep/receipt.h"
#include "tools/facekeep/sign_with.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {
namespace {

using ledger::Verb;

constexpr std::chrono::milliseconds kBetweenLooks{2'000};

struct Options {
  std::string id;
  std::string yes_to;
  SignWith with;
  std::string receipt;
};

Status ask(Context& context, const Options& o, const CheckedProposal& p, Verb verb, Reporter& report) {
  const auto lines = describe(context.lang, p.status, p.digest);
  for (const auto& line : lines) report.line(line);
  const std::string digest = to_hex(p.digest);
  if (!o.yes_to.empty()) {
    if (o.yes_to == digest) return {};
    return say_error(Errc::kIntegrity, "other-digest", Msg::kPropOtherDigest, Msg::kPropOtherDigestHint, {digest});
  }
  const Msg question = verb == Verb::kVeto ? Msg::kPropAskVeto : Msg::kPropAskApprove;
  auto person = context.terminal();
  if (!person) return say_error(Errc::kInvalidArgument, "no-terminal", question, Msg::kPropAskHint);
  if (context.json) {  // stdout is for the object alone
    for (const auto& line : lines) FK_CHECK((*person)->show(escape_untrusted(line) + "\n"));
  }
  FK_TRY(const bool go, (*person)->confirm(context.lang, context.text(question)));
  if (!go) return say_error(Errc::kInvalidArgument, "cancelled", Msg::kCancelled, Msg::kPropOtherDigestHint);
  return {};
}

Result<ledger::Vote> sign(Context& context, const Notice& notice, const Options& o, const Identity& identity,
                          const CheckedProposal& p, Verb verb) {
  ledger::Vote vote;
  vote.proposal = p.status.made.id;
  vote.rule = p.status.rule_version;
  vote.size = p.checkpoint.size;
  vote.root = p.checkpoint.root;
  FK_TRY(const std::string statement, vote_statement(vote, verb, p.digest, notice.vault));
  FK_TRY(vote.signature, sign_statement(context, o.with, identity, ledger::kApprovalNamespace, statement));
  return vote;
}

Status vote(Context& context, const Options& o, Verb verb, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const CheckedProposal p, check_proposal(context, notice, api, o.id));
  if (verb == Verb::kApprove) FK_CHECK(check_everybody_named(p.status));
  FK_TRY(const Digest own_key, http::spki_digest(identity.cert.get()));
  if (verb == Verb::kApprove) FK_CHECK(check_own_registration(p.status, own_key));
  report.field("digest", to_hex(p.digest));
  FK_CHECK(ask(context, o, p, verb, report));
  FK_TRY(const ledger::Vote vote, sign(context, notice, o, identity, p, verb));
  const std::string body =
      Json{{"rule", vote.rule}, {"size", vote.size}, {"root", to_hex(vote.root)}, {"signature", vote.signature}}.dump();
  const bool veto = verb == Verb::kVeto;
  FK_TRY(const Json answer,
         api.json("POST", "/v1/proposals/" + o.id + (veto ? "/veto" : "/approvals"), as_bytes(body)));
  const Json entry = answer.value("entry", Json());
  const std::string stage = answer.value("proposal", Json::object()).value("stage", "");
  report.say(veto ? Msg::kPropVetoed : Msg::kPropSigned, {stage});
  report.field("stage", stage);
  report.field("entry", entry);
  const Expected ours{[&](const ledger::Event& e) {
    const auto* approval = std::get_if<ledger::Approval>(&e.body);
    const auto* vetoed = std::get_if<ledger::Veto>(&e.body);
    const ledger::Vote* written = approval != nullptr ? &approval->vote : vetoed != nullptr ? &vetoed->vote : nullptr;
    return written != nullptr && written->signature == vote.signature && (vetoed != nullptr) == veto;
  }};
  return keep_receipt_of(context, notice, api, answer, ours, o.receipt, report);
}

Status withdraw(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const Json answer, api.json("POST", "/v1/proposals/" + percent_encode(o.id) + "/withdrawal"));
  report.say(Msg::kPropWithdrawn);
  report.field("entry", answer.value("entry", Json()));
  const Expected withdrawal{[&](const ledger::Event& e) {
    const auto* withdrawn = std::get_if<ledger::ProposalWithdrawn>(&e.body);
    return withdrawn != nullptr && to_hex(withdrawn->proposal) == o.id;
  }};
  return keep_receipt_of(context, notice, api, answer, withdrawal, o.receipt, report);
}

Status list(Context& context, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const Json answer, api.json("GET", "/v1/proposals"));
  const Json all = answer.value("proposals", Json::array());
  std::map<Id128, ProposalStatus> told;
  for (const Json& one : all) {
    FK_TRY(ProposalStatus status, parse_proposal(one));
    told.insert_or_assign(status.made.id, std::move(status));
  }
  FK_TRY(const FoldedVault vault, fold_vault_now(context, notice, api));
  // Those of the log, though the vault may name fewer.
  std::map<std::uint64_t, const ledger::Proposal*> by_entry;
  for (const auto& [id, p] : vault.state.proposals()) by_entry[p.entry] = &p;
  if (by_entry.empty()) report.say(Msg::kPropNone);
  for (const auto& [entry, p] : by_entry) {
    ProposalStatus status = told[p->made.id];
    status.made = p->made;
    status.entry = entry;
    FK_CHECK(take_from_log(vault.state, status));
    for (const auto& line : describe(context.lang, status, p->digest)) report.line(line);
    report.line("");
  }
  report.field("proposals", all);
  return {};
}

CLI::App* add_vote(CLI::App& app, Context& context, const char* name, Msg help, Verb verb) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(name, context.text(help));
  command->add_option("ID", o->id, context.text(Msg::kHelpProposalId))->required();
  command->add_option("--yes-to", o->yes_to, context.text(Msg::kHelpYesTo));
  add_sign_options(*command, context, o->with);
  add_receipt_option(*command, context, o->receipt);
  command->callback(
      [o, verb, &context] { context.run([o, verb, &context](Reporter& r) { return vote(context, *o, verb, r); }); });
  return command;
}

}  // namespace

void add_proposals(CLI::App& app, Context& context) {
  auto watch = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("proposals", context.text(Msg::kHelpProposals));
  command->add_flag("--watch", *watch, context.text(Msg::kHelpWatchProposals));
  command->callback([watch, &context] {
    context.run([watch, &context](Reporter& r) -> Status {
      if (!*watch) return list(context, r);
      return watch_proposals(
          context, [] { return wait_for_stop(kBetweenLooks); }, r);
    });
  });
}

void add_approve(CLI::App& app, Context& context) {
  add_vote(app, context, "approve", Msg::kHelpApprove, Verb::kApprove);
}

void add_veto(CLI::App& app, Context& context) {
  add_vote(app, context, "veto", Msg::kHelpVeto, Verb::kVeto);
}

void add_withdraw(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("withdraw", context.text(Msg::kHelpWithdraw));
  command->add_option("ID", o->id, context.text(Msg::kHelpProposalId))->required();
  add_receipt_option(*command, context, o->receipt);
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return withdraw(context, *o, r); }); });
}

}  // namespace facekeep::tools
