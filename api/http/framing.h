// HTTP/1.1 message framing: where a request ends, and nothing else.
//
// Pure and total: any bytes give NeedMore, a result or a refusal; nothing is thrown, no state but
// what is visible here. It decides alone where one request ends and the next begins, so it refuses
// whatever two readers could read in two ways (request smuggling): both Content-Length and
// Transfer-Encoding, repeated or list-valued Content-Length, a bare LF or CR, obsolete line folding, white space
// before the colon, codings other than exactly "chunked".
//
// Source: RFC 9112 (sections 2.2, 3, 5, 6, 7.1, 9.3, 11.2), RFC 9110 section 10.1.1 (Expect).
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "api/http/buffer.h"
#include "vault/base/bytes.h"

namespace facekeep::http {

// Why a request can't be framed. Each maps to one problem document (problem.h); the connection
// ends after it, because where the next request would begin is unknown.
enum class FramingError : std::uint8_t {
  kBadRequest,       // 400
  kHeadTooLarge,     // 431
  kBodyTooLarge,     // 413
  kUnknownCoding,    // 501: a transfer coding other than chunked
  kUnknownVersion,   // 505
  kUnknownExpect,    // 417
  kContentEncoding,  // 415: a compressed body
};

enum class BodyKind : std::uint8_t { kNone, kLength, kChunked };

// Views into the scanned buffer.
struct Field {
  std::string_view name;   // a token, as sent
  std::string_view value;  // without surrounding spaces and tabs
};

struct Head {
  std::string_view method;
  std::string_view target;  // origin form (an absolute form loses its scheme and authority)
  int minor_version = 1;    // HTTP/1.x
  std::vector<Field> fields;
  BodyKind body = BodyKind::kNone;
  std::uint64_t content_length = 0;  // when body is kLength
  bool keep_alive = true;            // what the client asks for
  bool expect_continue = false;      // it waits for "100 Continue" before it sends the body
  std::size_t size = 0;              // bytes of the buffer that the head took, final empty line included
};

struct NeedMore {};
using HeadResult = std::variant<NeedMore, Head, FramingError>;

// Scans a request head from the start of `buffer`. At most `max_size` bytes and 100 fields.
// The caller calls again with more bytes after NeedMore; each call scans from the start.
HeadResult scan_head(std::string_view buffer, std::size_t max_size);

// Removes the chunked coding (RFC 9112 section 7.1) piece by piece. Chunk extensions and trailers
// are checked for form, then dropped.
class ChunkDecoder {
 public:
  enum class State : std::uint8_t { kMore, kDone, kError };
  struct Step {
    State state;
    std::size_t used;    // bytes of the input that belong to this body
    FramingError error;  // when kError
  };

  explicit ChunkDecoder(std::uint64_t max_body) : max_body_(max_body) {}
  // Appends decoded bytes to `out`, never more than max_body in all.
  Step feed(std::string_view in, CleansedBytes& out);

 private:
  enum class At : std::uint8_t { kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailer, kTrailerLf, kEndLf };
  // One byte of anything but chunk data. False: refused.
  bool step(char c);
  bool size_digit(char c);

  std::uint64_t max_body_;
  std::uint64_t decoded_ = 0;
  std::uint64_t overhead_ = 0;
  std::uint64_t left_ = 0;  // of the current chunk
  int digits_ = 0;
  bool trailer_line_empty_ = true;
  bool done_ = false;
  bool too_large_ = false;
  At at_ = At::kSize;
};

}  // namespace facekeep::http
