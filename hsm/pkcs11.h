// PKCS#11 types and constants, from p11-kit's header in its GNU calling convention (struct
// ck_attribute, ck_rv_t ...), which defines no macros over common words.
#pragma once

#define CRYPTOKI_GNU 1
#include <p11-kit/pkcs11.h>

namespace facekeep::hsm {

// PKCS#11 3.0, absent from p11-kit's header.
inline constexpr ck_rv_t kCkrAeadDecryptFailed = 0x35;

}  // namespace facekeep::hsm
