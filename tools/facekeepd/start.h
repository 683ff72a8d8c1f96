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

// That of the spare token. Precondition: the configuration names one.
Result<SecretBytes> read_spare_pin(const Config& config);

// Logs in with one try of the PIN, to this token and to no other.
Result<std::unique_ptr<hsm::TokenCustody>> open_custody(const Config& config, const Id128& vault,
                                                        const ledger::TokenEvidence& token, SecretBytes pin);
// The spare token that the configuration names, whichever it is: which key it has shows when it is used.
Result<std::shared_ptr<hsm::SessionPool>> open_spare(const Config& config);

// The server's key and certificate. kFailedPrecondition unless the key is the one that genesis pins.
struct ServerIdentity {
  http::KeyPtr key;
  http::CertPtr certificate;
};
Result<ServerIdentity> load_identity(const Config& config, const ledger::Genesis& genesis);

// The PKCS#11 module's path of a token: its URI's, else the configuration's. May be empty.
Result<std::string> module_of(const Config& config, const std::string& uri);

// Listeners, limits and timeouts of the configuration. Without identity, handler and checks.
http::ServerConfig front_config(const Config& config);

}  // namespace facekeep::daemon
