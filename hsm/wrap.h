// Wraps and unwraps small secrets under a key in the token (blob format: hsm/wrapped_blob.h).
#pragma once

#include "hsm/keys.h"

namespace facekeep::hsm {

// Runs inside SessionPool::run; may be repeated. `secret`: 1 to 64 bytes, else kInvalidArgument.
Result<Bytes> wrap_secret(Session& session, const WrapKey& key, std::uint32_t epoch, ByteView secret, ByteView context);

// The blob's parts, before any token is asked. kCrypto if it does not parse or names another epoch.
Result<WrappedBlob> open_envelope(std::uint32_t epoch, ByteView blob);

// kCrypto if the blob does not parse, names another epoch or mechanism, or does not open under this
// key and context. Runs inside SessionPool::run; may be repeated.
Result<SecretBytes> unwrap_secret(Session& session, const WrapKey& key, std::uint32_t epoch, ByteView blob,
                                  ByteView context);

}  // namespace facekeep::hsm
