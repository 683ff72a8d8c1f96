// A custodian's signature, by whichever key was named: --approval-key, --ssh-key, --token, or else that of --key.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "tools/facekeep/context.h"
#include "tools/facekeep/token_key.h"
#include "tools/facekeep/vault_api.h"

namespace facekeep::tools {

struct SignWith {
  std::string approval_key;
  std::string ssh_key;
  TokenKey token;
};
void add_sign_options(CLI::App& command, Context& context, SignWith& with);

// The armoured SSHSIG of `statement` under namespace `ns`.
Result<std::string> sign_statement(Context& context, const SignWith& with, const Identity& identity,
                                   std::string_view ns, const std::string& statement);

}  // namespace facekeep::tools
