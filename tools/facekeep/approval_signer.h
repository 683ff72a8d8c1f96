// With which key a custodian signs: the approval key may lie in a file, with OpenSSH, or on a token of the own.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "tools/facekeep/context.h"
#include "tools/facekeep/token_key.h"

namespace facekeep::tools {

// At most one is set; without any it is the key of --key.
struct ApprovalSigner {
  std::string approval_key;
  std::string ssh_key;
  TokenKey token;
};

void add_signer_options(CLI::App& command, Context& context, ApprovalSigner& signer);

// The armored SSHSIG of `message` under namespace `ns`. `own`: the key of --key, or null: it is loaded if it is needed.
Result<std::string> sign_as_custodian(Context& context, const ApprovalSigner& signer, EVP_PKEY* own,
                                      std::string_view ns, std::string_view message);

}  // namespace facekeep::tools
