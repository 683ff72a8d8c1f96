// Templates under their subject's key K, and K under the site's wrapping key.
//
//   S/wrap --wrap_key--> K (in a key slot) --seal_template--> template blob (in the store)
//                                          --seal_blob------> subject record blob
//
// The plaintext of a template is its components as little-endian float32, 64 to 1024 of them. A
// plain template exists in two places only: in the caller's memory before seal_template, and on the
// stack of open_template while the callback runs, cleansed after it.
#pragma once

#include <cstdint>
#include <span>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/seal/aad.h"
#include "vault/seal/aead.h"
#include "vault/seal/blob.h"
#include "vault/seal/function_ref.h"
#include "vault/seal/plain_template_access.h"

namespace facekeep::seal {

inline constexpr std::size_t kMinDimension = 64;
inline constexpr std::size_t kMaxDimension = 1024;

// `aad` from make_template_aad. kInvalidArgument: a dimension outside 64 to 1024, or a component
// that is not finite. Thread safe.
Result<Bytes> seal_template(const PlainTemplateAccess& access, AeadKey& subject_key, const Aad& aad,
                            std::span<const float> components);

// Calls `use` once with the components, if the blob opens; they are gone when it returns, so it
// copies what it needs into memory of the same care (the locked arena). Returns what `use` returns.
// kMalformed: no template blob, or a dimension outside the limits. kCrypto: as open_blob.
Status open_template(const PlainTemplateAccess& access, const AeadKey& subject_key, const Aad& aad, ByteView blob,
                     FunctionRef<Status(std::span<const float>)> use);

// The dimension that a template blob of this length has, or kMalformed.
Result<std::size_t> template_dimension(ByteView blob);

}  // namespace facekeep::seal
