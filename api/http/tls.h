// TLS as the front speaks it: server contexts, the check of the peer's key, and small helpers.
//
// TLS 1.3 (RFC 8446); 1.2 with AEAD suites by explicit choice. No resumption of any kind: on a resumed session
// OpenSSL does not ask the verify callback, so a revoked key would come back. No renegotiation. Plaintext
// is overwritten in OpenSSL's buffers once read.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "api/http/config.h"

namespace facekeep::http {

struct SslFree {
  void operator()(SSL* p) const noexcept { SSL_free(p); }
};
struct SslCtxFree {
  void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, SslCtxFree>;

// What the verify callback learned; attached to the SSL with SSL_set_app_data, and outlives it.
struct PeerKey {
  Digest spki{};
  bool shown = false;    // the peer sent a certificate
  bool refused = false;  // and the check said no
};

// `check` must outlive the context. With kPublic no client certificate is asked for.
Result<SslCtxPtr> server_context(ListenerKind kind, X509* cert, EVP_PKEY* key, bool allow_tls12,
                                 const PeerCheck* check);

// Options that client and server share.
void harden(SSL_CTX* ctx, bool allow_tls12);

void ignore_sigpipe();  // OpenSSL writes without MSG_NOSIGNAL; idempotent, for the whole process

}  // namespace facekeep::http
