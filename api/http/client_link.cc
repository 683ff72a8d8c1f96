#include "api/http/client_link.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace facekeep::http {

int verify_pin(X509_STORE_CTX* store, void* /*arg*/) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* link = ssl != nullptr ? static_cast<ClientLink*>(SSL_get_app_data(ssl)) : nullptr;
  const X509* leaf = X509_STORE_CTX_get0_cert(store);
  bool ok = false;
  if (link != nullptr && leaf != nullptr) {
    if (auto spki = spki_digest(leaf)) {
      link->seen_ = *spki;
      // No pins: Client::create lets that pass for any_server alone.
      ok = link->pins_->empty() || std::find(link->pins_->begin(), link->pins_->end(), *spki) != link->pins_->end();
      link->pin_refused_ = !ok;
    }
  }
  X509_STORE_CTX_set_error(store, ok ? X509_V_OK : X509_V_ERR_EMAIL_MISMATCH);
  return ok ? 1 : 0;
}

namespace {

struct AddrFree {
  void operator()(addrinfo* p) const noexcept { ::freeaddrinfo(p); }
};

// The alerts with which a server says that it does not want our certificate.
bool is_key_refusal(int reason) {
  switch (reason) {
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED: return true;
    default: return false;
  }
}

constexpr const char* kReachHint = "is the vault running, and are the address and the port right?";

}  // namespace

Result<SslCtxPtr> client_context(X509* cert, EVP_PKEY* key, bool allow_tls12) {
  SslCtxPtr ctx(SSL_CTX_new(TLS_client_method()));
  if (!ctx) return make_error(Errc::kCrypto, "no TLS context: " + openssl_error());
  harden(ctx.get(), allow_tls12);
  if (cert != nullptr && (key == nullptr || SSL_CTX_use_certificate(ctx.get(), cert) != 1 ||
                          SSL_CTX_use_PrivateKey(ctx.get(), key) != 1 || SSL_CTX_check_private_key(ctx.get()) != 1)) {
    return make_error(Errc::kCrypto, "the client certificate and key can't be used: " + openssl_error(),
                      "the certificate must carry this key");
  }
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(ctx.get(), verify_pin, nullptr);
  return ctx;
}

Result<std::unique_ptr<ClientLink>> ClientLink::connect(SSL_CTX* ctx, const Origin& origin,
                                                        const std::vector<Digest>& pins, Deadline deadline) {
  std::unique_ptr<ClientLink> link(new ClientLink());
  link->pins_ = &pins;
  link->where_ = origin.authority;
  link->deadline_ = deadline;
  FK_CHECK(link->connect_tcp(origin));
  if (!origin.plain) FK_CHECK(link->handshake(ctx, origin));
  return link;
}

ClientLink::~ClientLink() {
  if (ssl_ && !error_) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

Status ClientLink::connect_tcp(const Origin& origin) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(origin.host.c_str(), origin.port.c_str(), &hints, &found);
  if (rc != 0) {
    return make_error(Errc::kUnavailable, "can't find " + origin.host + ": " + ::gai_strerror(rc),
                      "check the name, or use the IP address");
  }
  const std::unique_ptr<addrinfo, AddrFree> list(found);
  std::string why = "no address";
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    fd_ = UniqueFd(::socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd_.get() < 0) {
      why = errno_text();
      continue;
    }
    const int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int error = ::connect(fd_.get(), a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      socklen_t size = sizeof error;
      if (!poll_for(POLLOUT)) {
        error = ETIMEDOUT;
      } else if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
      }
    }
    if (error == 0) return {};
    why = std::strerror(error);
  }
  error_.reset();
  return make_error(Errc::kUnavailable, "can't connect to " + where_ + ": " + why, kReachHint);
}

Status ClientLink::handshake(SSL_CTX* ctx, const Origin& origin) {
  ssl_.reset(SSL_new(ctx));
  if (!ssl_ || SSL_set_fd(ssl_.get(), fd_.get()) != 1) return make_error(Errc::kCrypto, "no TLS: " + openssl_error());
  SSL_set_app_data(ssl_.get(), this);
  // RFC 6066 section 3: names only, no addresses.
  if (origin.host.find_first_not_of("0123456789.") != std::string::npos && origin.host.find(':') == std::string::npos) {
    SSL_set_tlsext_host_name(ssl_.get(), origin.host.c_str());
  }
  while (true) {
    ERR_clear_error();
    const int rc = SSL_connect(ssl_.get());
    if (rc == 1) return {};
    if (!wait_for(SSL_get_error(ssl_.get(), rc))) {
      if (error_) return *error_;
      return make_error(Errc::kUnavailable, where_ + " ended the connection in the TLS handshake", kReachHint);
    }
  }
}

bool ClientLink::poll_for(short events) {
  while (true) {
    const auto left = std::chrono::duration_cast<Millis>(deadline_ - std::chrono::steady_clock::now()).count();
    pollfd p{fd_.get(), events, 0};
    const int n = left > 0 ? ::poll(&p, 1, static_cast<int>(std::min<long>(left, 1'000'000))) : 0;
    if (n > 0) return true;
    if (n < 0 && errno == EINTR) continue;
    timed_out_ = true;
    error_ = make_error(Errc::kUnavailable, where_ + " did not answer in time",
                        "the request may or may not have taken effect");
    return false;
  }
}

bool ClientLink::wait_for(int ssl_error) {
  if (ssl_error == SSL_ERROR_WANT_READ) return poll_for(POLLIN);
  if (ssl_error == SSL_ERROR_WANT_WRITE) return poll_for(POLLOUT);
  if (ssl_error == SSL_ERROR_ZERO_RETURN) return false;
  explain(ssl_error);
  return false;
}

void ClientLink::explain(int ssl_error) {
  const int saved = errno;
  const int reason = ERR_GET_REASON(ERR_peek_error());
  if (pin_refused_ && seen_) {
    std::string pinned;
    for (const Digest& p : *pins_) pinned += (pinned.empty() ? "" : " or ") + to_hex(p);
    error_ = make_error(Errc::kIntegrity, where_ + " has the key " + to_hex(*seen_) + ", not the pinned " + pinned,
                        "another machine answers at this address, or the vault's key changed: compare it with the "
                        "public notice before you trust it");
  } else if (is_key_refusal(reason)) {
    error_ = make_error(Errc::kPermissionDenied, "the vault at " + where_ + " does not know this key",
                        "the key was never registered, has ended or was revoked");
  } else if (reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED) {
    error_ = make_error(Errc::kPermissionDenied, "the vault at " + where_ + " asks for a client certificate",
                        "give a registered key and its certificate, or use the public port");
  } else if (reason == SSL_R_WRONG_VERSION_NUMBER) {
    error_ = make_error(Errc::kUnavailable, where_ + " does not speak TLS", kReachHint);
  } else if (ssl_error == SSL_ERROR_SYSCALL && reason == 0) {
    error_ = make_error(Errc::kUnavailable,
                        "the connection to " + where_ + " broke: " + (saved != 0 ? std::strerror(saved) : "closed"));
  } else {
    error_ = make_error(Errc::kUnavailable, "TLS with " + where_ + " failed: " + openssl_error());
  }
  ERR_clear_error();
}

// One call on a socket without TLS, repeated when it has to wait.
long ClientLink::plain(const std::function<ssize_t()>& call, short events) {
  while (true) {
    const ssize_t n = call();
    if (n >= 0) return n;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      error_ = make_error(Errc::kUnavailable, "the connection to " + where_ + " broke: " + errno_text());
      return -1;
    }
    if (!poll_for(events)) return -1;
  }
}

long ClientLink::read(char* to, std::size_t size) {
  if (!ssl_) {
    const long n = plain([&] { return ::recv(fd_.get(), to, size, 0); }, POLLIN);
    received_ = received_ || n > 0;
    return n;
  }
  while (true) {
    ERR_clear_error();
    errno = 0;
    std::size_t n = 0;
    const int rc = SSL_read_ex(ssl_.get(), to, size, &n);
    if (rc == 1) {
      received_ = true;
      return static_cast<long>(n);
    }
    if (!wait_for(SSL_get_error(ssl_.get(), rc))) return error_ ? -1 : 0;
  }
}

long ClientLink::write(const char* from, std::size_t size) {
  std::size_t done = 0;
  while (!ssl_ && done < size) {
    const long n = plain([&] { return ::send(fd_.get(), from + done, size - done, MSG_NOSIGNAL); }, POLLOUT);
    if (n < 0) return -1;
    done += static_cast<std::size_t>(n);
  }
  while (done < size) {
    ERR_clear_error();
    errno = 0;
    std::size_t n = 0;
    const int rc = SSL_write_ex(ssl_.get(), from + done, size - done, &n);
    if (rc == 1) {
      done += n;
      continue;
    }
    if (wait_for(SSL_get_error(ssl_.get(), rc))) continue;
    // In TLS 1.3 the server judges our certificate after our side of the handshake is done: its alert, or an
    // early answer such as 413, may be waiting to be read.
    char byte = 0;
    const std::optional<Error> first = std::exchange(error_, std::nullopt);
    if (SSL_peek(ssl_.get(), &byte, 1) != 1) explain(SSL_ERROR_SSL);
    if (!error_ || error_->code != Errc::kPermissionDenied) error_ = first;
    return -1;
  }
  return static_cast<long>(done);
}

bool ClientLink::quiet() const {
  pollfd p{fd_.get(), POLLIN, 0};
  return (!ssl_ || SSL_has_pending(ssl_.get()) == 0) && ::poll(&p, 1, 0) == 0;
}

}  // namespace facekeep::http
