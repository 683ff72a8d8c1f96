// OpenSSH signatures (SSHSIG) by a key that lies on a person's own PKCS#11 token.
#pragma once

#include <string>
#include <string_view>

#include "vault/base/result.h"

namespace facekeep::tools {

struct TokenKey {
  std::string uri;     // of the pair (hsm/uri.h, parse_key_uri)
  std::string module;  // where the URI has no module-path
  int pin_fd = -1;     // -1: ask at the terminal
};

// Armored. One try of the PIN. kInvalidArgument (URI), kHsmPin, kHsm, kNotFound, kIntegrity.
Result<std::string> sign_with_token(const TokenKey& key, std::string_view ns, std::string_view message);

}  // namespace facekeep::tools
