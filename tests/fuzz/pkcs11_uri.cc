// RFC 7512 URIs: total, and none that is accepted carries a PIN.
#include <algorithm>
#include <cctype>
#include <string>

#include "hsm/uri.h"
#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  const auto uri = hsm::parse_token_uri(text);
  if (uri) {
    // RFC 3986 section 3.1: a scheme in either case.
    std::string scheme(text.substr(0, 7));
    std::transform(scheme.begin(), scheme.end(), scheme.begin(), [](unsigned char c) { return std::tolower(c); });
    FUZZ_CHECK(scheme == "pkcs11:");
    FUZZ_CHECK(text.find("pin-value=") == std::string_view::npos);
  }
  return 0;
}
