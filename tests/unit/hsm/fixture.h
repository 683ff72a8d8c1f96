// What the tests of hsm/ share: a vault id, a token, and the way through the shim.
#pragma once

#include <string>

#include "hsm/keys.h"
#include "hsm/token_custody.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/support/pkcs11_shim.h"
#include "tests/support/softhsm.h"

namespace facekeep::hsm {

inline constexpr Id128 kVault = {0x11, 0x22, 0x33};
inline constexpr Id128 kOtherVault = {0x44};

// REQUIRE that shows the error.
#define REQUIRE_OK(result)                                    \
  do {                                                        \
    const auto& fk_r = (result);                              \
    if (!fk_r) FAIL(#result << ": " << fk_r.error().message); \
  } while (false)

// The code of a failed result; kInternal plus a failed check if it did not fail.
template <class T>
Errc code_of(const Result<T>& result) {
  CHECK_FALSE(result.has_value());
  return result ? Errc::kInternal : result.error().code;
}

// A token seen through the shim, opened with no pause between attempts to bring it back.
struct ShimmedToken {
  test::SoftHsm token;
  test::Shim shim{token.dir().string(), test::SoftHsm::module_path()};

  [[nodiscard]] std::string uri(const std::string& label = "facekeep-test") const {
    return test::SoftHsm::uri_of(label, facekeep::test::pkcs11_shim());
  }
  [[nodiscard]] Result<std::shared_ptr<SessionPool>> open(
      std::string_view pin = {}, const std::optional<ExpectedToken>& expected = std::nullopt) const {
    OpenOptions options;
    options.expected = expected;
    options.pool.retry_after = std::chrono::milliseconds(0);
    return open_token(uri(), pin.empty() ? test::SoftHsm::pin() : SecretBytes::copy_of(as_bytes(pin)), options);
  }
};

}  // namespace facekeep::hsm
