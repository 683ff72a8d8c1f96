#include "api/http/tls.h"

#include <csignal>

namespace facekeep::http {
namespace {

// Replaces OpenSSL's chain building and date checks: the registered key alone decides.
int verify_peer(X509_STORE_CTX* store, void* arg) {
  const auto& check = *static_cast<const PeerCheck*>(arg);
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* peer = ssl != nullptr ? static_cast<PeerKey*>(SSL_get_app_data(ssl)) : nullptr;
  const X509* leaf = X509_STORE_CTX_get0_cert(store);
  bool ok = false;
  if (peer != nullptr && leaf != nullptr) {
    try {
      if (auto spki = spki_digest(leaf)) {
        peer->shown = true;
        peer->spki = *spki;
        ok = check(*spki);
      }
    } catch (...) {
      ok = false;
    }
    peer->refused = !ok;
  }
  // Becomes the alert certificate_unknown, which the client turns into "the vault does not know this key".
  X509_STORE_CTX_set_error(store, ok ? X509_V_OK : X509_V_ERR_EMAIL_MISMATCH);
  return ok ? 1 : 0;
}

int choose_http11(SSL* /*ssl*/, const unsigned char** out, unsigned char* size, const unsigned char* in,
                  unsigned int in_size, void* /*arg*/) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, kOurs, sizeof kOurs - 1, in, in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

std::string_view to_string(Refusal r) {
  switch (r) {
    case Refusal::kUnknownKey: return "unknown-key";
    case Refusal::kNoCertificate: return "no-certificate";
    case Refusal::kProtocol: return "protocol";
    case Refusal::kPlainHttp: return "plain-http";
    case Refusal::kTimeout: return "timeout";
    case Refusal::kClosed: return "closed";
    case Refusal::kCrowdedOut: return "crowded-out";
    case Refusal::kTooMany: return "too-many";
    case Refusal::kCount: break;
  }
  return "unknown";
}

void ignore_sigpipe() {
  std::signal(SIGPIPE, SIG_IGN);
}

void harden(SSL_CTX* ctx, bool allow_tls12) {
  SSL_CTX_set_min_proto_version(ctx, allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
  SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // One system call for a record instead of two.
  SSL_CTX_set_read_ahead(ctx, 1);
}

Result<SslCtxPtr> server_context(ListenerKind kind, X509* cert, EVP_PKEY* key, bool allow_tls12,
                                 const PeerCheck* check) {
  SslCtxPtr ctx(SSL_CTX_new(TLS_server_method()));
  if (!ctx) return make_error(Errc::kCrypto, "no TLS context: " + openssl_error());
  harden(ctx.get(), allow_tls12);
  SSL_CTX_set_num_tickets(ctx.get(), 0);
  SSL_CTX_set_alpn_select_cb(ctx.get(), choose_http11, nullptr);
  if (SSL_CTX_use_certificate(ctx.get(), cert) != 1 || SSL_CTX_use_PrivateKey(ctx.get(), key) != 1 ||
      SSL_CTX_check_private_key(ctx.get()) != 1) {
    return make_error(Errc::kCrypto, "the server's certificate and key can't be used: " + openssl_error(),
                      "the certificate must carry this key");
  }
  if (kind == ListenerKind::kMain) {
    SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(ctx.get(), verify_peer, const_cast<PeerCheck*>(check));
  }
  return ctx;
}

}  // namespace facekeep::http
