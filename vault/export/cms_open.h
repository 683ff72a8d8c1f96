// Opens a part of an export: what `openssl cms -decrypt` does, in secret memory, and nothing unless all of it is whole.
#pragma once

#include <openssl/types.h>

#include "vault/base/bytes.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::exporter {

// The content of one CMS AuthEnvelopedData message. Thread safe.
//   kMalformed  no such message: other bytes, bytes behind it, or a kind of CMS that proves nothing about its content
//   kTooLarge   beyond kMaxPartSize
//   kCrypto     not for this key, or altered
Result<SecretBytes> open_cms(ByteView message, EVP_PKEY* key);

}  // namespace facekeep::exporter
