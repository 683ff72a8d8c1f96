// The three files of a key: NAME.key (PKCS #8 PEM), NAME.crt (self-signed certificate, PEM), NAME.pub
// (OpenSSH public key line).
#pragma once

#include <string>

#include "api/http/cert.h"
#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::tools {

struct KeyFacts {
  Digest spki{};                // SHA-256 of the SubjectPublicKeyInfo
  std::string ssh_fingerprint;  // "SHA256:..."; empty for a key that OpenSSH lines here don't carry (RSA)
  std::string ssh_line;         // "type base64"; empty likewise
};

// kAlreadyExists if one of the three is there: a key is never overwritten.
Status check_new_key_files(const std::string& stem);
// Makes and writes a key; without a passphrase the key file is readable by whoever reads the disk.
Result<KeyFacts> write_new_key(const std::string& stem, http::KeyType type, const std::string& name,
                               const SecretBytes* passphrase);

// A private key, asked for its passphrase if it has one. kInvalidArgument ("wrong-passphrase"); kIo, kMalformed.
Result<http::KeyPtr> load_key(const std::string& path, const http::PassphraseSource& passphrase);

// Of any of the three kinds of file, told by content. A .key is asked for its passphrase. kNotFound, kIo,
// kMalformed, kCrypto.
Result<KeyFacts> read_key_facts(const std::string& path, const http::PassphraseSource& passphrase);

}  // namespace facekeep::tools
