// SHA-256, HMAC-SHA-256, HKDF-SHA-256 and random bytes, over OpenSSL.
//
// Every function is thread safe. A failure inside OpenSSL (out of memory, broken provider) is a
// defect of the machine and aborts the process: a vault that can't hash must not go on.
#pragma once

#include <initializer_list>

#include "vault/base/bytes.h"
#include "vault/base/secret_bytes.h"

namespace facekeep {

// SHA-256 (FIPS 180-4) of the concatenation of the parts.
Digest sha256(std::initializer_list<ByteView> parts);
inline Digest sha256(ByteView bytes) {
  return sha256({bytes});
}

// HMAC-SHA-256 (RFC 2104) of the concatenation of the parts.
Digest hmac_sha256(ByteView key, std::initializer_list<ByteView> parts);

// HKDF-SHA-256 (RFC 5869), extract and expand. `size` at most 255 * 32 bytes.
SecretBytes hkdf_sha256(ByteView secret, ByteView salt, ByteView info, std::size_t size);

// Random bytes from OpenSSL's DRBG, seeded by the kernel.
void fill_random(MutableByteView out);
SecretBytes random_secret(std::size_t size);
template <std::size_t N>
std::array<std::uint8_t, N> random_array() {
  std::array<std::uint8_t, N> out{};
  fill_random(out);
  return out;
}

}  // namespace facekeep
