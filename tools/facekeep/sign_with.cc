#include "tools/facekeep/sign_with.h"

#include "tools/common/sshsig_sign.h"
#include "tools/facekeep/key_files.h"
#include "tools/facekeep/ssh_keygen.h"

namespace facekeep::tools {

void add_sign_options(CLI::App& command, Context& context, SignWith& with) {
  command.add_option("--approval-key", with.approval_key, context.text(Msg::kHelpApprovalKey));
  auto* ssh = command.add_option("--ssh-key", with.ssh_key, context.text(Msg::kHelpSshKey))->excludes("--approval-key");
  auto* token = command.add_option("--token", with.token.uri, context.text(Msg::kHelpToken))
                    ->excludes("--approval-key")
                    ->excludes(ssh);
  command.add_option("--token-module", with.token.module, context.text(Msg::kHelpTokenModule))->needs(token);
  command.add_option("--pin-fd", with.token.pin_fd, context.text(Msg::kHelpPinFd))->needs(token);
}

Result<std::string> sign_statement(Context& context, const SignWith& with, const Identity& identity,
                                   std::string_view ns, const std::string& statement) {
  if (!with.token.uri.empty()) return sign_with_token(with.token, ns, statement);
  if (!with.ssh_key.empty()) return sign_with_ssh_keygen(with.ssh_key, ns, statement);
  http::KeyPtr own;
  if (!with.approval_key.empty()) {
    FK_TRY(own, load_key(with.approval_key, context.passphrase_for(with.approval_key)));
  }
  EVP_PKEY* key = own ? own.get() : identity.key.get();
  FK_TRY(const Bytes blob, make_sshsig(key, ns, as_bytes(statement)));
  return ledger::armor_sshsig(blob);
}

}  // namespace facekeep::tools
