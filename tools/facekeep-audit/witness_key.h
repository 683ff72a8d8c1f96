// The keys of a witness, in files beside each other:
//
//   STEM.key      Ed25519 private key that cosigns (PKCS #8 PEM, mode 0600)
//   STEM.vkey     its verifier key, one line (C2SP tlog-cosignature, type 0x04): names the witness
//   STEM.tls.key  P-256 private key of its server
//   STEM.tls.crt  the self-signed certificate of that key; vaults pin the key
//
// No passphrase: a witness starts by itself after a power cut.
#pragma once

#include <string>

#include "api/http/cert.h"
#include "vault/ledger/witness.h"
#include "vault/log/note.h"

namespace facekeep::tools {

struct WitnessIdentity {
  ledger::WitnessKey key;
  http::KeyPtr signing;
  http::KeyPtr tls;
  http::CertPtr certificate;
  Digest pin{};  // SHA-256 of the TLS key's SubjectPublicKeyInfo

  // Ed25519 over a message; the key must outlive what is returned. Thread safe.
  [[nodiscard]] log::Sign sign() const;
  // How a ceremony's plan names this witness, in "witnesses"."list". kInvalidArgument for a URL that genesis refuses.
  [[nodiscard]] Result<ledger::Witness> at(const std::string& url) const;
};

// Makes and writes all four. kAlreadyExists if one of them is there, kMalformed for a name that is none (1 to 128
// printable ASCII characters).
Result<WitnessIdentity> make_witness_identity(const std::string& stem, const std::string& name);
// `path`: STEM.key or STEM. kNotFound, kIo; kIntegrity if the files are not of one another.
Result<WitnessIdentity> load_witness_identity(const std::string& path);

}  // namespace facekeep::tools
