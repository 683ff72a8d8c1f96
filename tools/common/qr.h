// QR codes (ISO/IEC 18004) of secrets.
#pragma once

#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::tools {

struct QrModules {
  std::size_t width = 0;  // 21 to 177
  SecretBytes dark;       // width * width bytes, row by row: 1 dark, 0 light; no quiet zone
  [[nodiscard]] bool at(std::size_t x, std::size_t y) const noexcept { return dark.view()[y * width + x] != 0; }
};

// Error correction level M. `text`: 1 to 1000 printable ASCII characters (digits, capitals and space
// give the smallest codes). The code is computed in a forked process that can't dump core and ends at
// once, so that no copy of the text stays on this one's heap. kInvalidArgument, kIo, kInternal.
Result<QrModules> qr_modules(ByteView text);

}  // namespace facekeep::tools
