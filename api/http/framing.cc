#include "api/http/framing.h"

#include <algorithm>
#include <optional>

namespace facekeep::http {
namespace {

constexpr std::size_t kMaxFields = 100;
// Chunk sizes, extensions and trailers may not cost many times the body that they carry.
constexpr std::uint64_t kOverheadBase = 16 * 1024;
constexpr std::uint64_t kOverheadPerByte = 8;

bool is_token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_token(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), is_token_char);
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool iequals(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}
std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}
bool is_field_value(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return c == '\t' || (u >= 0x20 && u != 0x7f);
  });
}
// True if a comma-separated list of tokens has the token.
bool list_has(std::string_view list, std::string_view token) {
  while (true) {
    const std::size_t comma = list.find(',');
    if (iequals(trim(list.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

// Takes one line that must end in CRLF, and holds no other CR or LF.
std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find_first_of("\r\n");
  if (end == std::string_view::npos || text.substr(end, 2) != "\r\n") return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}

std::optional<FramingError> read_target(std::string_view target, Head& head) {
  for (const char c : target) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u >= 0x7f || c == '#') return FramingError::kBadRequest;
  }
  // RFC 9112 section 3.2.2: a server must accept the absolute form.
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (target.size() > scheme.size() && iequals(target.substr(0, scheme.size()), scheme)) {
      const std::size_t slash = target.find('/', scheme.size());
      target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
      break;
    }
  }
  if (target.empty() || target.front() != '/') return FramingError::kBadRequest;
  head.target = target;
  return std::nullopt;
}

std::optional<FramingError> read_request_line(std::string_view line, Head& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return FramingError::kBadRequest;
  head.method = line.substr(0, first);
  if (!is_token(head.method)) return FramingError::kBadRequest;
  const std::string_view version = line.substr(last + 1);
  if (version == "HTTP/1.1") {
    head.minor_version = 1;
  } else if (version == "HTTP/1.0") {
    head.minor_version = 0;
  } else {
    return version.starts_with("HTTP/") ? FramingError::kUnknownVersion : FramingError::kBadRequest;
  }
  return read_target(line.substr(first + 1, last - first - 1), head);
}

std::optional<std::uint64_t> read_length(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t n = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    n = n * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return n;
}

struct Seen {
  int host = 0, length = 0, coding = 0;
  bool close = false, keep_alive = false;
};

std::optional<FramingError> read_field(const Field& f, Head& head, Seen& seen) {
  if (iequals(f.name, "host")) {
    ++seen.host;
  } else if (iequals(f.name, "content-length")) {
    ++seen.length;
    const auto n = read_length(f.value);
    if (!n) return FramingError::kBadRequest;
    head.body = BodyKind::kLength;
    head.content_length = *n;
  } else if (iequals(f.name, "transfer-encoding")) {
    ++seen.coding;
    if (!iequals(f.value, "chunked")) return FramingError::kUnknownCoding;
    head.body = BodyKind::kChunked;
  } else if (iequals(f.name, "connection")) {
    seen.close = seen.close || list_has(f.value, "close");
    seen.keep_alive = seen.keep_alive || list_has(f.value, "keep-alive");
  } else if (iequals(f.name, "expect")) {
    if (!iequals(f.value, "100-continue")) return FramingError::kUnknownExpect;
    head.expect_continue = true;
  } else if (iequals(f.name, "content-encoding")) {
    if (!f.value.empty() && !iequals(f.value, "identity")) return FramingError::kContentEncoding;
  }
  return std::nullopt;
}

std::optional<FramingError> conclude(const Seen& seen, Head& head) {
  if (seen.length > 1 || seen.coding > 1 || (seen.length > 0 && seen.coding > 0)) return FramingError::kBadRequest;
  if (seen.coding > 0 && head.minor_version == 0) return FramingError::kBadRequest;
  if (seen.host > 1 || (seen.host == 0 && head.minor_version == 1)) return FramingError::kBadRequest;
  if (head.body == BodyKind::kLength && head.content_length == 0) head.body = BodyKind::kNone;
  if (head.body == BodyKind::kNone || head.minor_version == 0) head.expect_continue = false;
  head.keep_alive = !seen.close && (head.minor_version == 1 || seen.keep_alive);
  return std::nullopt;
}

}  // namespace

HeadResult scan_head(std::string_view buffer, std::size_t max_size) {
  // One empty line before a request is tolerated (RFC 9112 section 2.2).
  const std::size_t skipped = buffer.starts_with("\r\n") ? 2 : 0;
  const std::size_t end = buffer.find("\r\n\r\n", skipped);
  if (end == std::string_view::npos) {
    if (buffer.size() >= max_size) return FramingError::kHeadTooLarge;
    // A bare LF never becomes right; say so now, not at the deadline.
    for (std::size_t i = buffer.find('\n'); i != std::string_view::npos; i = buffer.find('\n', i + 1)) {
      if (i == 0 || buffer[i - 1] != '\r') return FramingError::kBadRequest;
    }
    return NeedMore{};
  }
  if (end + 4 > max_size) return FramingError::kHeadTooLarge;
  Head head;
  head.size = end + 4;
  std::string_view rest = buffer.substr(skipped, end + 2 - skipped);
  const auto request_line = take_line(rest);
  if (!request_line) return FramingError::kBadRequest;
  if (const auto error = read_request_line(*request_line, head)) return *error;
  Seen seen;
  while (!rest.empty()) {
    const auto line = take_line(rest);
    if (!line) return FramingError::kBadRequest;
    const std::size_t colon = line->find(':');
    // A folded line starts with white space, so its name is no token either.
    if (colon == std::string_view::npos || !is_token(line->substr(0, colon))) return FramingError::kBadRequest;
    const Field field{line->substr(0, colon), trim(line->substr(colon + 1))};
    if (!is_field_value(field.value)) return FramingError::kBadRequest;
    if (head.fields.size() == kMaxFields) return FramingError::kHeadTooLarge;
    if (const auto error = read_field(field, head, seen)) return *error;
    head.fields.push_back(field);
  }
  if (const auto error = conclude(seen, head)) return *error;
  return head;
}

bool ChunkDecoder::size_digit(char c) {
  int v = -1;
  if (c >= '0' && c <= '9') v = c - '0';
  if (lower(c) >= 'a' && lower(c) <= 'f') v = lower(c) - 'a' + 10;
  if (v < 0 || ++digits_ > 8) return false;
  left_ = left_ * 16 + static_cast<std::uint64_t>(v);
  return true;
}

bool ChunkDecoder::step(char c) {
  const auto u = static_cast<unsigned char>(c);
  const bool text = c == '\t' || (u >= 0x20 && u != 0x7f);
  switch (at_) {
    case At::kSize:
      if (c != '\r' && c != ';') return size_digit(c);
      if (digits_ == 0) return false;
      too_large_ = left_ > max_body_ - decoded_;
      if (too_large_) return false;
      at_ = c == '\r' ? At::kSizeLf : At::kExtension;
      return true;
    case At::kExtension:
      if (c == '\r') at_ = At::kSizeLf;
      return c == '\r' || text;
    case At::kSizeLf:
      at_ = left_ > 0 ? At::kData : At::kTrailer;
      trailer_line_empty_ = true;
      return c == '\n';
    case At::kDataCr: at_ = At::kDataLf; return c == '\r';
    case At::kDataLf:
      at_ = At::kSize;
      digits_ = 0;
      return c == '\n';
    case At::kTrailer:
      if (c == '\r') {
        at_ = trailer_line_empty_ ? At::kEndLf : At::kTrailerLf;
        return true;
      }
      trailer_line_empty_ = false;
      return text;
    case At::kTrailerLf:
      at_ = At::kTrailer;
      trailer_line_empty_ = true;
      return c == '\n';
    case At::kEndLf: done_ = c == '\n'; return done_;
    case At::kData: break;
  }
  return false;
}

ChunkDecoder::Step ChunkDecoder::feed(std::string_view in, CleansedBytes& out) {
  std::size_t i = 0;
  while (i < in.size() && !done_) {
    if (at_ == At::kData) {
      const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - i));
      append(out, as_bytes(in.substr(i, n)));
      i += n;
      left_ -= n;
      decoded_ += n;
      if (left_ == 0) at_ = At::kDataCr;
      continue;
    }
    if (++overhead_ > kOverheadBase + kOverheadPerByte * decoded_ || !step(in[i])) {
      return {State::kError, i, too_large_ ? FramingError::kBodyTooLarge : FramingError::kBadRequest};
    }
    ++i;
  }
  return {done_ ? State::kDone : State::kMore, i, FramingError::kBadRequest};
}

}  // namespace facekeep::http
