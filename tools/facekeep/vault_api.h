// Calls to a vault over HTTPS: one connection, the server pinned by the notice, refusals as Errors.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/http/client.h"
#include "tools/facekeep/context.h"
#include "vault/base/json.h"

namespace facekeep::tools {

// A principal's key and the certificate that carries it.
struct Identity {
  http::KeyPtr key;
  http::CertPtr cert;
};
// From --key and --cert. Asks for the passphrase if the key has one. kInvalidArgument without --key.
Result<Identity> load_identity(Context& context);

// One path segment or query value, percent-encoded (RFC 3986 section 2: everything but unreserved).
std::string percent_encode(std::string_view text);

// Not thread safe.
class VaultApi {
 public:
  // The main listener, as `identity`; or the public one, as nobody.
  static Result<VaultApi> connect(const Notice& notice, const Identity& identity);
  static Result<VaultApi> connect_public(const Notice& notice);
  // The main listener if --key was given, else the public one.
  static Result<VaultApi> connect_any(Context& context, const Notice& notice);

  // The answer's bytes. Any status but 2xx is an Error (tools/common/problems.h); those of
  // http::Client::request too. The body is not copied, and may be secret or biometric.
  Result<Bytes> bytes(std::string_view method, const std::string& target, ByteView body = {},
                      std::string_view content_type = "application/json");
  // The same, as a JSON object. kMalformed if the answer is none.
  Result<Json> json(std::string_view method, const std::string& target, ByteView body = {});

 private:
  explicit VaultApi(http::Client client) : client_(std::move(client)) {}
  http::Client client_;
};

}  // namespace facekeep::tools
