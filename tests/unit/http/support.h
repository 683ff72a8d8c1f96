// A front over loopback with throw-away keys, and a peer that speaks TLS by hand.
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "api/http/client.h"
#include "api/http/server.h"
#include "api/http/socket.h"
#include "api/http/tls.h"
#include "tests/support/catch.h"
#include "tests/support/soon.h"

namespace facekeep::http::testing {

using test::soon;

struct Identity {
  KeyPtr key;
  CertPtr cert;
  Digest spki{};
};

inline Identity make_identity(KeyType type = KeyType::kP256, const std::string& name = "test") {
  Identity out;
  out.key = *generate_key(type);
  out.cert = *self_signed(out.key.get(), name, {"localhost", "127.0.0.1"});
  out.spki = *spki_digest(out.key.get());
  return out;
}

// The registered keys; thread safe.
class Registry {
 public:
  void add(const Digest& d) {
    const std::lock_guard lock(mutex_);
    keys_.insert(d);
  }
  void remove(const Digest& d) {
    const std::lock_guard lock(mutex_);
    keys_.erase(d);
  }
  bool has(const Digest& d) {
    const std::lock_guard lock(mutex_);
    return keys_.count(d) != 0;
  }

 private:
  std::mutex mutex_;
  std::set<Digest> keys_;
};

inline Response text_response(std::string_view text, int status = 200) {
  Response r;
  r.status = status;
  r.content_type = "text/plain";
  r.body = to_bytes(text);
  return r;
}

// Answers with what it was asked: "POST /path 5" and the body's digest is left to the tests that need it.
inline Response echo(Request&& r) {
  if (r.path == "/body") return text_response(as_chars(r.body));
  return text_response(r.method + " " + r.path + " " + std::to_string(r.body.size()));
}

struct Front {
  Identity server_id = make_identity();
  Identity door = make_identity();
  std::shared_ptr<Registry> registry = std::make_shared<Registry>();
  std::unique_ptr<Server> server;

  Front() { registry->add(door.spki); }

  [[nodiscard]] ServerConfig config() const {
    ServerConfig c;
    c.listeners.resize(2);
    c.listeners[0].kind = ListenerKind::kMain;
    c.listeners[1].kind = ListenerKind::kPublic;
    for (ListenerConfig& l : c.listeners) {
      l.max_connections = 1500;
      l.max_handshakes = 300;
      l.max_handshakes_per_address = 200;
    }
    X509_up_ref(server_id.cert.get());
    EVP_PKEY_up_ref(server_id.key.get());
    c.certificate.reset(server_id.cert.get());
    c.key.reset(server_id.key.get());
    c.workers = 4;
    c.handler = echo;
    auto keys = registry;
    c.peer_check = [keys](const Digest& d) { return keys->has(d); };
    return c;
  }
  void start(ServerConfig c) {
    auto s = Server::start(std::move(c));
    if (!s) FAIL(s.error().message);
    server = std::move(*s);
  }
  void start() { start(config()); }

  [[nodiscard]] ClientConfig client_config(const Identity& who, std::size_t listener = 0) const {
    ClientConfig c;
    c.url = "https://127.0.0.1:" + std::to_string(server->port(listener));
    c.certificate = who.cert.get();
    c.key = who.key.get();
    c.pins = {server_id.spki};
    c.timeout = Millis(10'000);
    return c;
  }
  [[nodiscard]] Client client() const { return *Client::create(client_config(door)); }
};

inline int tcp_connect(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

// A blocking TLS peer under the test's full control.
class RawPeer {
 public:
  RawPeer(std::uint16_t port, const Identity* who, int max_version = TLS1_3_VERSION) {
    ignore_sigpipe();
    ctx_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_security_level(ctx_.get(), 0);
    SSL_CTX_set_min_proto_version(ctx_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx_.get(), max_version);
    if (max_version < TLS1_2_VERSION) SSL_CTX_set_cipher_list(ctx_.get(), "ALL");
    if (who != nullptr) {
      SSL_CTX_use_certificate(ctx_.get(), who->cert.get());
      SSL_CTX_use_PrivateKey(ctx_.get(), who->key.get());
    }
    fd_ = UniqueFd(tcp_connect(port));
    const timeval t{10, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    ssl_.reset(SSL_new(ctx_.get()));
    SSL_set_fd(ssl_.get(), fd_.get());
    connected_ = SSL_connect(ssl_.get()) == 1;
  }
  [[nodiscard]] bool connected() const { return connected_; }
  SSL* ssl() { return ssl_.get(); }
  [[nodiscard]] int fd() const { return fd_.get(); }

  bool send(std::string_view text) {
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size());
  }
  // Everything until the server closes.
  std::string read_all() {
    std::string out = std::move(rest_);
    char buffer[4096];
    int n = 0;
    while ((n = SSL_read(ssl_.get(), buffer, sizeof buffer)) > 0) out.append(buffer, static_cast<std::size_t>(n));
    return out;
  }
  // One response with a Content-Length; empty if the server closed.
  std::string read_one() {
    char buffer[4096];
    while (true) {
      const std::size_t end = rest_.find("\r\n\r\n");
      if (end != std::string::npos) {
        const std::size_t at = rest_.find("Content-Length: ");
        const std::size_t length = at < end ? std::stoul(rest_.substr(at + 16)) : 0;
        if (rest_.size() >= end + 4 + length) {
          std::string one = rest_.substr(0, end + 4 + length);
          rest_.erase(0, end + 4 + length);
          return one;
        }
      }
      const int n = SSL_read(ssl_.get(), buffer, sizeof buffer);
      if (n <= 0) return {};
      rest_.append(buffer, static_cast<std::size_t>(n));
    }
  }
  // True if the server closes within the time.
  bool closes_within(Millis time) {
    const auto end = std::chrono::steady_clock::now() + time;
    char buffer[4096];
    while (true) {
      const auto left = std::chrono::duration_cast<Millis>(end - std::chrono::steady_clock::now()).count();
      pollfd p{fd_.get(), POLLIN, 0};
      if (left <= 0 || ::poll(&p, 1, static_cast<int>(left)) <= 0) return false;
      if (SSL_read(ssl_.get(), buffer, sizeof buffer) <= 0) return true;
    }
  }

 private:
  SslCtxPtr ctx_;
  UniqueFd fd_;
  SslPtr ssl_;
  bool connected_ = false;
  std::string rest_;
};

inline std::uint64_t refused(const Server& s, Refusal r) {
  return s.stats().refused[static_cast<std::size_t>(r)];
}

}  // namespace facekeep::http::testing
