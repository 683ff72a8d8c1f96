// Plain byte strings and their text forms. Nothing here is for secrets: see secret_bytes.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/result.h"

namespace facekeep {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;
using Digest = std::array<std::uint8_t, 32>;  // SHA-256
using Id128 = std::array<std::uint8_t, 16>;   // vault id, subject ref, template id

inline ByteView as_bytes(std::string_view s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}
inline std::string_view as_chars(ByteView b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}
inline Bytes to_bytes(ByteView b) {
  return Bytes(b.begin(), b.end());
}
inline Bytes to_bytes(std::string_view s) {
  return to_bytes(as_bytes(s));
}

// Concatenates any number of views.
template <class... Views>
Bytes concat(const Views&... views) {
  Bytes out;
  out.reserve((ByteView(views).size() + ... + 0));
  (out.insert(out.end(), ByteView(views).begin(), ByteView(views).end()), ...);
  return out;
}

// Big-endian integers, appended to or read from byte strings. `load` needs N bytes at `p`.
void append_be16(Bytes& out, std::uint16_t v);
void append_be32(Bytes& out, std::uint32_t v);
void append_be64(Bytes& out, std::uint64_t v);
std::uint16_t load_be16(const std::uint8_t* p);
std::uint32_t load_be32(const std::uint8_t* p);
std::uint64_t load_be64(const std::uint8_t* p);

// Lower-case hexadecimal. Decoding refuses upper case, odd lengths and everything else, so that
// each byte string has exactly one text form (the log depends on it).
std::string to_hex(ByteView bytes);
Result<Bytes> from_hex(std::string_view text);

// Hexadecimal of exactly N bytes.
template <std::size_t N>
Result<std::array<std::uint8_t, N>> from_hex_exact(std::string_view text) {
  FK_TRY(Bytes bytes, from_hex(text));
  if (bytes.size() != N) {
    return make_error(Errc::kMalformed, "expected " + std::to_string(2 * N) + " hexadecimal digits");
  }
  std::array<std::uint8_t, N> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

// RFC 4648 section 4 (with padding) and section 5 (URL-safe, without padding). Decoding is strict:
// no white space, no missing padding, no non-zero trailing bits.
std::string to_base64(ByteView bytes);
Result<Bytes> from_base64(std::string_view text);
std::string to_base64url(ByteView bytes);
Result<Bytes> from_base64url(std::string_view text);

// True if the text is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_valid_utf8(std::string_view text);

}  // namespace facekeep
