// What the front hands to its user and takes back. No type of the HTTP library, none of TLS.
//
// Threads: values; each belongs to one thread at a time.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/buffer.h"
#include "vault/base/bytes.h"

namespace facekeep::http {

// Which of the configured listeners a request came through.
enum class ListenerKind : std::uint8_t {
  kMain,    // mutual TLS: every peer showed a registered key
  kPublic,  // TLS without client certificates
};

// Header fields in the order of the wire: names in lower case, values as sent (not percent-decoded)
// without surrounding white space. At most 16 KiB together.
class Headers {
 public:
  void add(std::string_view name, std::string_view value);
  // The first field of that name. `name` in lower case.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  std::string method;                        // "GET", upper case
  std::string target;                        // origin form as sent: "/v1/sites/a%20b?x=1"
  std::string path;                          // the target without its query, not decoded
  std::vector<std::string> segments;         // path split at '/', then percent-decoded: {"v1","sites","a b"}
  std::map<std::string, std::string> query;  // percent-decoded, '+' is a space; a repeated key is refused
  Headers headers;
  CleansedBytes body;  // chunked coding removed; overwritten on destruction
  ListenerKind listener = ListenerKind::kMain;
  Digest peer_spki{};        // SHA-256 of the peer's SubjectPublicKeyInfo; all zero on a public listener
  std::string peer_address;  // numeric, without port
};

struct Response {
  int status = 200;
  std::string content_type;  // empty: no body is expected
  Bytes body;
  std::vector<std::pair<std::string, std::string>> headers;  // CR and LF in values are refused (500)
};

// Answers one complete request. Runs on worker threads, several at a time, may block. An exception
// that leaves it becomes a 500 without a detail.
using Handler = std::function<Response(Request&&)>;

// Asked in the handshake, and again when the finished connection joins the loop: may a peer with
// this key speak at all? Called from the front's two threads; must neither block nor
// throw.
using PeerCheck = std::function<bool(const Digest& spki)>;

// Splits a path at '/' and percent-decodes each segment. kMalformed: no leading '/', a broken
// escape, an empty segment inside, "." or "..", a control character, not UTF-8. "/" has no segments.
Result<std::vector<std::string>> split_path(std::string_view path);

}  // namespace facekeep::http
