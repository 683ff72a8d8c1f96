// CK_RV, and the one table that turns it into an Error.
#pragma once

#include <string>

#include "hsm/pkcs11.h"
#include "vault/base/result.h"

namespace facekeep::hsm {

// What a PKCS#11 function returned, and which function it was (a literal).
struct Rv {
  ck_rv_t code = CKR_OK;
  const char* function = "";

  [[nodiscard]] bool ok() const noexcept { return code == CKR_OK; }
  // The session, the login, the token or the module is gone: evict, reopen, log in again.
  [[nodiscard]] bool session_lost() const noexcept;
  // Only this session is gone; the others may be well.
  [[nodiscard]] bool one_session_lost() const noexcept;
  // The token refused the PIN, or refuses PINs altogether: never try again by yourself.
  [[nodiscard]] bool pin_refused() const noexcept;
};

// "CKR_DEVICE_REMOVED", or "CKR 0x800000a1" for codes that PKCS#11 2.40 does not name (vendors').
std::string rv_name(ck_rv_t code);

// "C_Sign: CKR_DEVICE_REMOVED", with the Errc and the hint of the table. Precondition: !rv.ok().
Error to_error(const Rv& rv);

}  // namespace facekeep::hsm
