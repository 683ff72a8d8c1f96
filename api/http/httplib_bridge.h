// The one door to cpp-httplib (httplib_bridge.cc is the only file that includes httplib.h).
//
// The library parses request heads and formats responses on the server side, and the reverse on the
// client side, each through its protected process_request on a Stream of ours. It sees no socket, no TLS,
// no thread and no request body: bodies are framed before (framing.h) and stay in cleansed memory.
//
// What the library would do on its own and must not: answer ranges (a regular expression over what a stranger sent),
// compress responses (their size would tell about their content), decode compressed bodies, percent-decode
// header values. The fields that ask for these are not shown to it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/http/framing.h"
#include "api/http/types.h"

namespace facekeep::http {

// One per worker thread; not thread safe.
class ServerBridge {
 public:
  explicit ServerBridge(const Handler& handler);  // keeps a reference
  ~ServerBridge();
  ServerBridge(const ServerBridge&) = delete;
  ServerBridge& operator=(const ServerBridge&) = delete;

  // Parses `head` (scanned by scan_head, so well-framed), fills in method, target, path, segments, query and headers
  // of `request` (whose body, listener and peer the caller set), calls the handler and returns the whole
  // response as bytes to send. Never throws. `close` adds "Connection: close".
  Bytes serve(const Head& head, Request&& request, bool close);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Bytes to and from the server, for the client's side. Functions return bytes moved, 0 at the end, -1 on failure.
struct ByteChannel {
  std::function<long(char* to, std::size_t size)> read;
  std::function<long(const char* from, std::size_t size)> write;
};

struct ClientExchange {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  ByteView body;                 // sent straight from here; may be empty
  std::string host;              // for the Host field
  std::size_t max_response = 0;  // bytes of body
  bool close = false;            // ask the server to close afterwards
};

enum class ExchangeOutcome : std::uint8_t { kOk, kTooLarge, kFailed };

// Sends one request and reads one response. kFailed: the channel failed or the response is not HTTP/1.1.
ExchangeOutcome exchange(const ClientExchange& in, const ByteChannel& channel, Response& out, bool& server_closes);

}  // namespace facekeep::http
