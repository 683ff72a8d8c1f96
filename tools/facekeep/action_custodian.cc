// The action that changes a custodian: new keys, another end date. The rest stays as the log has it.
#include "tools/common/action_words.h"
#include "tools/common/files.h"
#include "tools/facekeep/action_commands.h"
#include "tools/facekeep/folded_log.h"
#include "tools/facekeep/key_files.h"
#include "vault/base/digest.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::string id;
  std::string cert;
  std::string approval_key;
  std::string held;
  std::string evidence;
  std::string until;
  bool no_until = false;
};

// As it is registered now, by the log as this machine folds it.
Result<ledger::PrincipalRecord> present_record(Context& context, const std::string& id) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const FoldedVault vault, fold_vault_now(context, notice, api));
  const auto* found = vault.state.principal(id);
  if (found != nullptr) return *found;
  return say_error(Errc::kNotFound, "no-such-principal", Msg::kPropNoSuchPrincipal, Msg::kCliHintNotFound, {id});
}

Status set_approval_key(const Options& o, ledger::PrincipalRecord& p) {
  FK_TRY(const std::string text, load_text(o.approval_key, ledger::kMaxSshKeyLine + 2));
  const auto line = ledger::parse_public_key_line(text.substr(0, text.find_first_of("\r\n")));
  if (!line) {
    return say_error(Errc::kMalformed, "no-key-file", Msg::kCliNoKeyFile, Msg::kCliNoKeyFileHint, {o.approval_key});
  }
  p.approval_key = ledger::format_ssh_key_line(line->key);
  const bool security_key = ledger::is_security_key(line->key.type);
  p.approval_held = !o.held.empty() ? o.held : security_key ? "fido2" : "file";
  p.approval_evidence.reset();
  if (o.evidence.empty()) return {};
  FK_TRY(const std::string evidence, load_text(o.evidence));
  p.approval_evidence = sha256(as_bytes(evidence));
  return {};
}

Result<AskedAction> custodian_action(Context& context, const Options& o) {
  FK_TRY(const ledger::PrincipalRecord before, present_record(context, o.id));
  ledger::PrincipalRecord p = before;
  if (!o.cert.empty()) {
    FK_TRY(const KeyFacts facts, read_key_facts(o.cert, context.passphrase_for(o.cert)));
    p.key = facts.spki;
  }
  if (!o.approval_key.empty()) FK_CHECK(set_approval_key(o, p));
  if (!o.until.empty()) p.until = o.until;
  if (o.no_until) p.until.reset();
  AskedAction out{ledger::ChangeCustodian{p}};
  out.notes = changes_of(context.lang, before, p);
  return out;
}

}  // namespace

void add_custodian_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("custodian", context.text(Msg::kHelpActCustodian));
  command->add_option("ID", o->id, context.text(Msg::kHelpCustodianId))->required();
  command->add_option("--cert", o->cert, context.text(Msg::kHelpPrincipalCert));
  auto* key = command->add_option("--approval-key-file", o->approval_key, context.text(Msg::kHelpApprovalKeyFile));
  command->add_option("--held", o->held, context.text(Msg::kHelpHeld))
      ->check(CLI::IsMember({"file", "token", "fido2"}))
      ->needs(key);
  command->add_option("--evidence", o->evidence, context.text(Msg::kHelpEvidence))->needs(key);
  auto* until = command->add_option("--until", o->until, context.text(Msg::kHelpPrincipalUntil));
  command->add_flag("--no-until", o->no_until, context.text(Msg::kHelpNoUntil))->excludes(until);
  use_action(*command, context, use, o, custodian_action);
}

}  // namespace facekeep::tools
