// Recipients of an export: certificates whose keys an export's parts are sealed to.
//
// A recipient is its public key: the SHA-256 of the DER SubjectPublicKeyInfo, which is what people compare. The
// certificate only carries the key into CMS; nobody consults its names, its issuer or its dates. What its own key
// usage forbids (RFC 5280, 4.2.1.3) is refused, for other people's software would refuse to open the part.
//
// Sources: RFC 5280 (certificate), RFC 7468 (PEM), RFC 5480 (EC keys), NIST SP 800-56B (checks of RSA keys).
// All functions are pure, total and thread safe: whatever the bytes, they give a recipient or an Error with the
// problem "bad-recipient" (kInvalidArgument, kMalformed or kTooLarge).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::exporter {

inline constexpr std::size_t kMaxRecipients = 8;
inline constexpr std::size_t kMaxCertificate = 4096;        // bytes of DER; all recipients fit into one log entry
inline constexpr std::size_t kMaxCertificateInput = 32768;  // bytes of PEM, text around it included
inline constexpr int kMinRsaBits = 3072;
inline constexpr int kMaxRsaBits = 4096;

struct Recipient {
  Bytes certificate;  // DER
  Digest spki{};      // SHA-256 of the SubjectPublicKeyInfo
  std::string key;    // "RSA-3072", "P-256", "P-384", "P-521"
};

// One certificate, DER or PEM (exactly one block). Taken: RSA of 3072 to 4096 bits, and EC on the named curves P-256,
// P-384 and P-521.
Result<Recipient> parse_recipient(ByteView pem_or_der);

// 1 to kMaxRecipients certificates. Refuses, beyond what parse_recipient refuses, the same key twice, and two
// certificates of the same issuer and serial number: a CMS reader could not tell whose key is whose.
Result<std::vector<Recipient>> parse_recipients(std::span<const Bytes> certificates);

}  // namespace facekeep::exporter
