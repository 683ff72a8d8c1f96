#include "tools/common/escape.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "vault/base/bytes.h"

namespace facekeep::tools {
namespace {

struct Range {
  char32_t first, last;
};

// Unicode 15: Cc, Cf, Zl, Zp, and the letters that show as nothing.
constexpr std::array kHidden = {
    Range{0x00, 0x1f},       Range{'\\', '\\'},       Range{0x7f, 0x9f},       Range{0xad, 0xad},
    Range{0x34f, 0x34f},     Range{0x600, 0x605},     Range{0x61c, 0x61c},     Range{0x6dd, 0x6dd},
    Range{0x70f, 0x70f},     Range{0x115f, 0x1160},   Range{0x17b4, 0x17b5},   Range{0x180b, 0x180f},
    Range{0x200b, 0x200f},   Range{0x2028, 0x202e},   Range{0x2060, 0x206f},   Range{0x3164, 0x3164},
    Range{0xfe00, 0xfe0f},   Range{0xfeff, 0xfeff},   Range{0xffa0, 0xffa0},   Range{0xfff0, 0xfffb},
    Range{0x1bca0, 0x1bca3}, Range{0x1d173, 0x1d17a}, Range{0xe0000, 0xe0fff},
};

std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}

char32_t decode(std::string_view sequence) {
  static constexpr std::array<unsigned char, 5> kLeadMask = {0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t c = static_cast<unsigned char>(sequence[0]) & kLeadMask[sequence.size()];
  for (const char b : sequence.substr(1)) c = (c << 6) | (static_cast<unsigned char>(b) & 0x3f);
  return c;
}

bool is_hidden(char32_t c) {
  return std::any_of(kHidden.begin(), kHidden.end(), [c](const Range& r) { return r.first <= c && c <= r.last; });
}

void append_code(std::string& out, char kind, std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof(text), "\\%c{%x}", kind, value);
  out += text;
}

}  // namespace

std::string escape_untrusted(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::string_view sequence = text.substr(i, sequence_length(lead));
    if (!is_valid_utf8(sequence)) {
      append_code(out, 'x', lead);
      i += 1;
      continue;
    }
    const char32_t c = decode(sequence);
    if (is_hidden(c)) {
      append_code(out, 'u', c);
    } else {
      out += sequence;
    }
    i += sequence.size();
  }
  return out;
}

}  // namespace facekeep::tools
