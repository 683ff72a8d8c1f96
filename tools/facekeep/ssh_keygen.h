// Signatures by keys that facekeep does not hold itself: `ssh-keygen -Y sign` asks ssh-agent, a FIDO2 security key or
// an OpenSSH key file, whichever the named key is.
#pragma once

#include <string>
#include <string_view>

#include "vault/base/result.h"

namespace facekeep::tools {

// The armoured SSHSIG of `message` under namespace `ns`. `key` is the path of a private key or, for one in an agent or
// a security key, of its public half. ssh-keygen talks to the person at the terminal by itself. kIo ("ssh-keygen") if
// it can't be run or makes none. Blocks until the person is done.
Result<std::string> sign_with_ssh_keygen(const std::string& key, std::string_view ns, std::string_view message);

}  // namespace facekeep::tools
