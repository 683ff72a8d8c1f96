// The parts of the daemon's start that need a secret or a key: the PIN, the token, the server's key.
#pragma once

#include <memory>

#include "api/http/config.h"
#include "hsm/token_custody.h"
#include "tools/facekeepd/daemon.h"
#include "vault/ledger/genesis.h"

namespace facekeep::daemon {

// From the one place that the options or the configuration name. kInvalidArgument if they name none.
Result<SecretBytes> read_pin(const Config& config, const RunOptions& options);

// Logs in with one try of the PIN, to the token of genesis and to no other.
Result<std::unique_ptr<hsm::TokenCustody>> open_custody(const Config& config, const ledger::Genesis& genesis,
                                                        SecretBytes pin);

// The server's key and certificate. kFailedPrecondition unless the key is the one that genesis pins.
struct ServerIdentity {
  http::KeyPtr key;
  http::CertPtr certificate;
};
Result<ServerIdentity> load_identity(const Config& config, const ledger::Genesis& genesis);

// The PKCS#11 module's path: the URI's, else the configuration's. May be empty.
Result<std::string> module_of(const Config& config);

// Listeners, limits and timeouts of the configuration. Without identity, handler and checks.
http::ServerConfig front_config(const Config& config);

}  // namespace facekeep::daemon
