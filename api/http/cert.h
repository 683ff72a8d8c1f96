// Keys and certificates of principals and of the server.
//
// A principal is its public key: the SHA-256 of the DER SubjectPublicKeyInfo. A certificate only carries
// the key through TLS, so it is self-signed, and nobody consults its name or dates.
//
// Sources: RFC 5280 (certificate, SubjectPublicKeyInfo), RFC 7468 (PEM), RFC 5958 and RFC 8018 (encrypted PKCS #8).
// Every function is thread safe. Errors: kCrypto, kMalformed, kIo, kAlreadyExists, kInvalidArgument.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::http {

struct KeyFree {
  void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
};
struct CertFree {
  void operator()(X509* p) const noexcept { X509_free(p); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, KeyFree>;
using CertPtr = std::unique_ptr<X509, CertFree>;

enum class KeyType : std::uint8_t { kP256, kEd25519 };

// Asked for the passphrase when a private key turns out to be encrypted, at most once a key.
using PassphraseSource = std::function<Result<SecretBytes>()>;

Result<KeyPtr> generate_key(KeyType type);

// A certificate for the key, signed by it. `names` are DNS names or numeric IP addresses for the
// subjectAltName (for clients that check it; facekeep's own do not). Valid from yesterday for `days`.
Result<CertPtr> self_signed(EVP_PKEY* key, const std::string& common_name, const std::vector<std::string>& names = {},
                            int days = 3650);

// SHA-256 of the DER SubjectPublicKeyInfo.
Result<Digest> spki_digest(const EVP_PKEY* key);
Result<Digest> spki_digest(const X509* cert);
// Of a PEM "CERTIFICATE" or "PUBLIC KEY".
Result<Digest> spki_digest_of_pem(ByteView pem);

Result<std::string> cert_pem(X509* cert);
Result<std::string> public_key_pem(EVP_PKEY* key);
Result<CertPtr> read_cert(ByteView pem);
Result<CertPtr> load_cert(const std::string& path);

// PKCS #8 PEM. With a passphrase: PBES2, scrypt (N=2^14, r=8, p=5), AES-256-CBC, which `openssl pkey` reads.
Result<SecretBytes> private_key_pem(EVP_PKEY* key);
Result<SecretBytes> private_key_pem(EVP_PKEY* key, const SecretBytes& passphrase);
Result<KeyPtr> read_private_key(ByteView pem, const PassphraseSource& passphrase = {});
Result<KeyPtr> load_private_key(const std::string& path, const PassphraseSource& passphrase = {});

// Writes a new file of mode 0600 and syncs it. kAlreadyExists if there is one: a key is never overwritten.
Status save_private_file(const std::string& path, ByteView bytes);

// Text of the oldest error in OpenSSL's queue of this thread, and empties the queue. Never a secret.
std::string openssl_error();

}  // namespace facekeep::http
