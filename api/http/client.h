// The HTTPS client of the commands: mutual TLS, the server pinned by its key, no certificate authority.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/cert.h"
#include "api/http/config.h"

namespace facekeep::http {

struct ClientConfig {
  std::string url;  // "https://host:port"; a path is refused, IPv6 in brackets
  // Shown to the server; both or neither (a public listener asks for none). The client keeps references of its own.
  X509* certificate = nullptr;
  EVP_PKEY* key = nullptr;
  // SHA-256 of the server's SubjectPublicKeyInfo: the current key, and the next where one is announced.
  // Checked in the handshake, before anything is sent. Must not be empty, unless `any_server`.
  std::vector<Digest> pins;
  // Speaks to a server of any key: for what is public and proves itself (a signed log). Not with a certificate.
  bool any_server = false;
  // Takes "http://" too, without TLS, to a numeric loopback address: for another program of the same machine.
  bool plain_loopback = false;
  bool allow_tls12 = false;
  Millis connect_timeout{5'000};  // TCP and TLS
  Millis timeout{60'000};         // one request, from its first byte to the answer's last
  std::size_t max_response = 64U << 20;
};

struct ClientResponse {
  int status = 0;
  std::string content_type;
  Headers headers;  // values percent-decoded by the library, so don't send '%' in them
  Bytes body;
};

// One connection, kept alive between requests and made again when needed. One thread at a time; use one
// Client a thread.
class Client {
 public:
  // kInvalidArgument (URL, pins), kCrypto (key and certificate do not fit). Ignores SIGPIPE for the process.
  static Result<Client> create(const ClientConfig& config);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Sends one request. Any status of the server is a success here. Errors:
  //   kUnavailable        can't connect, the connection broke, or time ran out; what was sent may have taken effect
  //   kIntegrity          the server's key is not a pinned one (nothing was sent)
  //   kPermissionDenied   the server refused our key in the handshake
  //   kTooLarge           the response is over max_response
  // `target` is origin form ("/v1/me?x=1"), percent-encoded by the caller. The body is sent from where it is and
  // not copied. GET and HEAD are tried a second time if a kept connection turns out to be closed.
  Result<ClientResponse> request(std::string_view method, std::string_view target,
                                 const std::vector<std::pair<std::string, std::string>>& headers = {},
                                 ByteView body = {});

  // Closes the connection; the next request makes a new one.
  void disconnect();

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "https://host:port" in parts. Port 8443 if absent.
struct Origin {
  std::string host;  // without brackets
  std::string port;
  std::string authority;  // for the Host field
  bool plain = false;     // without TLS
};
Result<Origin> parse_origin(std::string_view url);

}  // namespace facekeep::http
