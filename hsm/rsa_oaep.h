// RSA-OAEP encryption in software, to a token's public key, with the context bound inside.
//
// Encrypting needs no secret key, so it needs no token; decryption is the token's alone. The layout
// is mechanism 2 of hsm/wrapped_blob.h.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "hsm/wrapped_blob.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::hsm {

// An RSA public key of 2048 to 8192 bits with an odd exponent of at least 65537. Immutable, copyable.
class RsaPublicKey {
 public:
  // A PEM "PUBLIC KEY" (SubjectPublicKeyInfo, RFC 5280), nothing before or behind it but white space.
  static Result<RsaPublicKey> from_pem(std::string_view pem);
  // Big-endian modulus and exponent, as CKA_MODULUS and CKA_PUBLIC_EXPONENT give them.
  static Result<RsaPublicKey> from_numbers(ByteView modulus, ByteView exponent);

  [[nodiscard]] int bits() const;
  [[nodiscard]] Bytes to_der() const;        // SubjectPublicKeyInfo
  [[nodiscard]] std::string to_pem() const;  // the same, armoured
  [[nodiscard]] EVP_PKEY* get() const noexcept { return key_.get(); }

 private:
  explicit RsaPublicKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
  static Result<RsaPublicKey> checked(EVP_PKEY* key);
  std::shared_ptr<EVP_PKEY> key_;
};

// A blob of mechanism 2. kInvalidArgument if the secret is empty or longer than 64 bytes.
Result<Bytes> oaep_wrap(const RsaPublicKey& key, std::uint32_t epoch, ByteView secret, ByteView context);

// Takes SHA-256(header || context) off what the token decrypted. kCrypto if it is not there.
Result<SecretBytes> strip_bound_context(SecretBytes plain, std::uint32_t epoch, ByteView context);

}  // namespace facekeep::hsm
