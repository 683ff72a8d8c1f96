// One TLS connection of the load generator: connect, handshake, one request at a time. Never blocks.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "tests/bench/load_plan.h"
#include "vault/base/result.h"

namespace facekeep::bench {

struct CtxFree {
  void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
};
struct SslFree {
  void operator()(SSL* p) const noexcept { SSL_free(p); }
};
using CtxPtr = std::unique_ptr<SSL_CTX, CtxFree>;

// A TLS 1.3 client context. `identity` null: without a client certificate. The pin is checked in the handshake and must
// outlive the context.
Result<CtxPtr> make_context(const Identity* identity, const std::string& pin);

// A non-blocking connection under way, from `source` (0: the system's choice), or -1 (errno).
int start_connect(const LoadPlan& plan, unsigned source);

struct HttpAnswer {
  int status = 0;
  std::string head;
  std::string body;
};

class Link {
 public:
  enum class Step { kWait, kConnected, kAnswer, kBroken };

  Link() = default;
  ~Link() { close(); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // False if no connection can be begun.
  bool open(const LoadPlan& plan, SSL_CTX* ctx, unsigned source);
  void close();
  // After the socket became ready: goes on with what is under way. kAnswer fills answer().
  Step advance();
  // Sends the whole of a request; the answer comes through advance(). Only when connected.
  Step send(const std::string& request);

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool wants_write() const { return !connected_ || sent_ < out_.size(); }
  [[nodiscard]] const HttpAnswer& answer() const { return answer_; }
  [[nodiscard]] const std::string& why_broken() const { return why_; }

 private:
  Step broken(const std::string& why);
  Step handshake();
  Step write_some();
  Step read_some();
  Step take_answer();

  int fd_ = -1;
  std::unique_ptr<SSL, SslFree> ssl_;
  bool connected_ = false;
  std::string out_;
  std::size_t sent_ = 0;
  std::string in_;
  HttpAnswer answer_;
  std::string why_;
};

}  // namespace facekeep::bench
