#include "tools/facekeep/approval_signer.h"

#include "tools/common/sshsig_sign.h"
#include "tools/facekeep/key_files.h"
#include "tools/facekeep/ssh_keygen.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {

void add_signer_options(CLI::App& command, Context& context, ApprovalSigner& signer) {
  command.add_option("--approval-key", signer.approval_key, context.text(Msg::kHelpApprovalKey));
  auto* ssh =
      command.add_option("--ssh-key", signer.ssh_key, context.text(Msg::kHelpSshKey))->excludes("--approval-key");
  auto* token = command.add_option("--token", signer.token.uri, context.text(Msg::kHelpToken))
                    ->excludes("--approval-key")
                    ->excludes(ssh);
  command.add_option("--token-module", signer.token.module, context.text(Msg::kHelpTokenModule))->needs(token);
  command.add_option("--pin-fd", signer.token.pin_fd, context.text(Msg::kHelpPinFd))->needs(token);
}

Result<std::string> sign_as_custodian(Context& context, const ApprovalSigner& signer, EVP_PKEY* own,
                                      std::string_view ns, std::string_view message) {
  if (!signer.token.uri.empty()) return sign_with_token(signer.token, ns, message);
  if (!signer.ssh_key.empty()) return sign_with_ssh_keygen(signer.ssh_key, ns, message);
  const std::string& path = signer.approval_key.empty() ? context.key_path : signer.approval_key;
  http::KeyPtr loaded;
  if (!signer.approval_key.empty() || own == nullptr) {
    if (path.empty()) return say_error(Errc::kInvalidArgument, "no-key", Msg::kCliNoKey, Msg::kCliNoKeyHint);
    FK_TRY(loaded, load_key(path, context.passphrase_for(path)));
    own = loaded.get();
  }
  FK_TRY(const Bytes blob, make_sshsig(own, ns, as_bytes(message)));
  return ledger::armor_sshsig(blob);
}

}  // namespace facekeep::tools
