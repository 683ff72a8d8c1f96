#include "tests/bench/load_link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "vault/base/bytes.h"
#include "vault/base/digest.h"

namespace facekeep::bench {
namespace {

int check_pin(X509_STORE_CTX* store, void* pin) {
  X509* cert = X509_STORE_CTX_get0_cert(store);
  unsigned char* der = nullptr;
  const int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
  if (n <= 0) return 0;
  const Digest digest = sha256(ByteView(der, static_cast<std::size_t>(n)));
  OPENSSL_free(der);
  return to_hex(digest) == *static_cast<const std::string*>(pin) ? 1 : 0;
}

// The value of a header field in a head, without white space around it; empty if it is not there.
std::string_view header(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    const std::size_t from = line.find_first_not_of(" \t", name.size() + 1);
    return from == std::string_view::npos ? std::string_view() : line.substr(from);
  }
  return {};
}

}  // namespace

Result<CtxPtr> make_context(const Identity* identity, const std::string& pin) {
  CtxPtr ctx(SSL_CTX_new(TLS_client_method()));
  if (!ctx || SSL_CTX_set_min_proto_version(ctx.get(), TLS1_3_VERSION) != 1) {
    return make_error(Errc::kCrypto, "no TLS context");
  }
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  if (pin.empty()) {
    SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_NONE, nullptr);
  } else {
    SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(ctx.get(), check_pin, const_cast<std::string*>(&pin));
  }
  if (identity != nullptr &&
      (SSL_CTX_use_certificate_file(ctx.get(), identity->certificate.c_str(), SSL_FILETYPE_PEM) != 1 ||
       SSL_CTX_use_PrivateKey_file(ctx.get(), identity->key.c_str(), SSL_FILETYPE_PEM) != 1)) {
    return make_error(Errc::kInvalidArgument, "can't use " + identity->certificate + " with " + identity->key);
  }
  return ctx;
}

int start_connect(const LoadPlan& plan, unsigned source) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (source != 0) {
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::close(fd);
      return -1;
    }
  }
  address.sin_port = htons(plan.port);
  ::inet_pton(AF_INET, plan.host.c_str(), &address.sin_addr);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
    ::close(fd);
    return -1;
  }
  return fd;
}

bool Link::open(const LoadPlan& plan, SSL_CTX* ctx, unsigned source) {
  close();
  fd_ = start_connect(plan, source);
  if (fd_ < 0) return false;
  ssl_.reset(SSL_new(ctx));
  if (!ssl_ || SSL_set_fd(ssl_.get(), fd_) != 1) return false;
  SSL_set_connect_state(ssl_.get());
  return true;
}

void Link::close() {
  ssl_.reset();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  connected_ = false;
  out_.clear();
  sent_ = 0;
  in_.clear();
}

Link::Step Link::broken(const std::string& why) {
  why_ = why;
  ERR_clear_error();
  return Step::kBroken;
}

Link::Step Link::handshake() {
  ERR_clear_error();
  const int n = SSL_do_handshake(ssl_.get());
  if (n == 1) {
    connected_ = true;
    return Step::kConnected;
  }
  const int error = SSL_get_error(ssl_.get(), n);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Step::kWait;
  return broken("handshake");
}

Link::Step Link::write_some() {
  while (sent_ < out_.size()) {
    ERR_clear_error();
    const int n = SSL_write(ssl_.get(), out_.data() + sent_, static_cast<int>(out_.size() - sent_));
    if (n > 0) {
      sent_ += static_cast<std::size_t>(n);
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Step::kWait;
    return broken("closed while sending");
  }
  return Step::kWait;
}

Link::Step Link::take_answer() {
  const std::size_t end = in_.find("\r\n\r\n");
  if (end == std::string::npos) return in_.size() > 65536 ? broken("endless head") : Step::kWait;
  const std::string_view head = std::string_view(in_).substr(0, end + 2);
  const std::string_view length = header(head, "content-length");
  std::size_t size = 0;
  int status = 0;
  if (head.size() < 12 || !head.starts_with("HTTP/1.1 ") ||
      std::from_chars(head.data() + 9, head.data() + 12, status).ec != std::errc() ||
      std::from_chars(length.data(), length.data() + length.size(), size).ec != std::errc()) {
    return broken("not an HTTP/1.1 answer with a length");
  }
  if (in_.size() < end + 4 + size) return Step::kWait;
  answer_.status = status;
  answer_.head.assign(head);
  answer_.body.assign(in_, end + 4, size);
  in_.erase(0, end + 4 + size);
  return Step::kAnswer;
}

Link::Step Link::read_some() {
  std::array<char, 16384> buffer;
  while (true) {
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (n > 0) {
      in_.append(buffer.data(), static_cast<std::size_t>(n));
      const Step step = take_answer();
      if (step != Step::kWait) return step;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Step::kWait;
    return broken("closed by the server");
  }
}

Link::Step Link::advance() {
  if (!connected_) return handshake();
  if (write_some() == Step::kBroken) return Step::kBroken;
  return read_some();
}

Link::Step Link::send(const std::string& request) {
  out_ = request;
  sent_ = 0;
  return write_some();
}

}  // namespace facekeep::bench
