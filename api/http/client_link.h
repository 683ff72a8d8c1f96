// One connection of the client, with TLS unless its origin is plain: connect, read and write with a deadline.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "api/http/client.h"
#include "api/http/socket.h"
#include "api/http/tls.h"

namespace facekeep::http {

using Deadline = std::chrono::steady_clock::time_point;

class ClientLink {
 public:
  // TCP, then TLS with the pins checked. `ctx` was made by client_context.
  static Result<std::unique_ptr<ClientLink>> connect(SSL_CTX* ctx, const Origin& origin,
                                                     const std::vector<Digest>& pins, Deadline deadline);
  ~ClientLink();
  ClientLink(const ClientLink&) = delete;
  ClientLink& operator=(const ClientLink&) = delete;

  // A new request begins; it ends at the deadline.
  void begin(Deadline d) {
    deadline_ = d;
    received_ = false;
  }
  // Bytes moved; 0 at the end; -1 on failure, then error() says why.
  long read(char* to, std::size_t size);
  long write(const char* from, std::size_t size);
  [[nodiscard]] bool received_any() const { return received_; }
  [[nodiscard]] bool timed_out() const { return timed_out_; }
  // True if nothing waits to be read: an idle connection on which the server spoke is at its end.
  [[nodiscard]] bool quiet() const;
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  ClientLink() = default;
  Status connect_tcp(const Origin& origin);
  Status handshake(SSL_CTX* ctx, const Origin& origin);
  long plain(const std::function<ssize_t()>& call, short events);
  // Waits for the socket as the failed call needs. False: error_ is set (or the peer ended).
  bool wait_for(int ssl_error);
  bool poll_for(short events);
  void explain(int ssl_error);

  UniqueFd fd_;
  SslPtr ssl_;
  const std::vector<Digest>* pins_ = nullptr;
  std::optional<Digest> seen_;  // the server's key
  bool pin_refused_ = false;
  bool received_ = false;
  bool timed_out_ = false;
  std::string where_;
  Deadline deadline_;
  std::optional<Error> error_;

  friend int verify_pin(X509_STORE_CTX* store, void* arg);
};

// A context for connecting. Checks that key and certificate fit.
Result<SslCtxPtr> client_context(X509* cert, EVP_PKEY* key, bool allow_tls12);

}  // namespace facekeep::http
