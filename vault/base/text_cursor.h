// Reads a text of one known form from its front, without building anything: for forms that are read by the million and
// have a slower, complete reader to fall back on.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace facekeep {

// After the first thing that is not as expected, ok() is false and everything reads as nothing. What it returns points
// into the text.
class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return ok_ && rest_.empty(); }
  void fail() { ok_ = false; }
  // True, and read, if the text goes on so; else nothing happens.
  bool maybe(std::string_view literal) {
    if (!ok_ || !rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }
  void expect(std::string_view literal) {
    if (!maybe(literal)) ok_ = false;
  }
  // Up to the closing quote, which is read too: at most `max` characters of printable ASCII, no quote and no backslash.
  std::string_view text(std::size_t max) {
    const std::size_t end = std::min(rest_.size(), max + 1);
    std::size_t n = 0;
    while (n < end && rest_[n] >= 0x20 && rest_[n] < 0x7f && rest_[n] != '"' && rest_[n] != '\\') ++n;
    if (!ok_ || n == end || rest_[n] != '"') {
      ok_ = false;
      return {};
    }
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n + 1);
    return out;
  }
  // Lower-case hexadecimal and the closing quote.
  template <std::size_t N>
  std::array<std::uint8_t, N> hex() {
    std::array<std::uint8_t, N> out{};
    const std::string_view t = text(2 * N);
    if (t.size() != 2 * N) ok_ = false;
    for (std::size_t i = 0; ok_ && i < N; ++i) {
      const int hi = nibble(t[2 * i]);
      const int lo = nibble(t[2 * i + 1]);
      if (hi < 0 || lo < 0) ok_ = false;
      out[i] = static_cast<std::uint8_t>(hi * 16 + lo);
    }
    return out;
  }
  // Decimal digits without a leading zero; `max` below 10^16.
  std::uint64_t number(std::uint64_t max) {
    std::uint64_t out = 0;
    std::size_t n = 0;
    for (; n < rest_.size() && n < 17 && rest_[n] >= '0' && rest_[n] <= '9'; ++n) {
      out = out * 10 + static_cast<std::uint64_t>(rest_[n] - '0');
    }
    if (n == 0 || n == 17 || (n > 1 && rest_[0] == '0') || out > max) ok_ = false;
    if (!ok_) return 0;
    rest_.remove_prefix(n);
    return out;
  }

 private:
  static int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace facekeep
