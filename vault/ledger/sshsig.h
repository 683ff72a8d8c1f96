// OpenSSH public keys and SSHSIG signatures: the verifying half.
//
// Approvals, vetoes and the genesis are signed in this format, so that a custodian can sign with
// `ssh-keygen -Y sign` or a FIDO2 security key, and anyone can check with `ssh-keygen -Y verify`.
// The fold and the auditor's replay call it: everything here is pure and thread safe, and every
// parser is total (any bytes give a value or an Error, and none allocates more than its input).
//
// Sources: OpenSSH PROTOCOL.sshsig (the blob and its armour), RFC 8709 (ssh-ed25519), RFC 5656
// (ecdsa-sha2-nistp256), OpenSSH PROTOCOL.u2f (the sk- types), RFC 4251 section 5 (string, mpint).
// Signing is in tools/common/sshsig_sign.h.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::ledger {

// What a signature is for; part of the signed bytes, so that none can be used as another.
inline constexpr std::string_view kApprovalNamespace = "facekeep-approval";
inline constexpr std::string_view kCeremonyNamespace = "facekeep-ceremony";

inline constexpr std::size_t kMaxSshKeyBlob = 512;          // bytes of a public key blob
inline constexpr std::size_t kMaxSshSigBlob = 4096;         // bytes of an SSHSIG blob
inline constexpr std::size_t kMaxSshSigArmor = 8192;        // bytes of the armoured text
inline constexpr std::size_t kMaxSshKeyLine = 2048;         // bytes of a public key line
inline constexpr std::size_t kMaxSshApplication = 128;      // bytes of a FIDO2 application
inline constexpr std::size_t kMaxSshSigNamespaceSize = 64;  // bytes of a namespace

enum class SshKeyType : std::uint8_t { kEd25519, kEcdsaP256, kSkEd25519, kSkEcdsaP256 };

// "ssh-ed25519", "sk-ssh-ed25519@openssh.com", ...
std::string_view to_string(SshKeyType type) noexcept;
constexpr bool is_security_key(SshKeyType type) noexcept {
  return type == SshKeyType::kSkEd25519 || type == SshKeyType::kSkEcdsaP256;
}

struct SshPublicKey {
  SshKeyType type = SshKeyType::kEd25519;
  Bytes point;              // 32 bytes (Ed25519), or 65: 04 || x || y (P-256), on the curve
  std::string application;  // security keys only, mostly "ssh:"; printable ASCII
  friend bool operator==(const SshPublicKey&, const SshPublicKey&) = default;
};

// The wire form of a key ("public key blob"). Parsing refuses other types, wrong sizes, trailing
// bytes, points off the curve, and the Ed25519 points of small order (a signature under one proves
// nothing about who made it).
Result<SshPublicKey> parse_ssh_key_blob(ByteView blob);
Bytes ssh_key_blob(const SshPublicKey& key);

struct SshKeyLine {
  SshPublicKey key;
  std::string comment;  // may be empty; from a stranger, escape before showing it
};
// "ssh-ed25519 AAAA... comment", as in a .pub file: one line, no options in front.
Result<SshKeyLine> parse_public_key_line(std::string_view line);
std::string format_ssh_key_line(const SshPublicKey& key, std::string_view comment = {});

// True if `signature` (64 bytes for Ed25519, a DER ECDSA-Sig-Value over SHA-256 for P-256) by the key over `data`
// holds.
bool verify_bare_signature(const SshPublicKey& key, ByteView data, ByteView signature);

// "SHA256:..." as ssh-keygen -l prints it.
std::string ssh_fingerprint(const SshPublicKey& key);

// From an OpenSSL key (Ed25519 or P-256; private or public). kInvalidArgument for other kinds.
Result<SshPublicKey> ssh_key_from_evp(const EVP_PKEY* key);
// SubjectPublicKeyInfo (RFC 5280) in DER of the same public key: how principals are named in TLS.
// For a security key, that of the point alone.
Result<Bytes> ssh_key_spki(const SshPublicKey& key);

// A parsed signature. Nothing is verified by parsing.
struct SshSignature {
  SshPublicKey key;           // the signer, as claimed inside the signature
  std::string ns;             // namespace
  Bytes raw;                  // 64 bytes (Ed25519), or a DER ECDSA-Sig-Value (P-256)
  std::uint8_t flags = 0;     // security keys: FIDO2 authenticator data flags
  std::uint32_t counter = 0;  // security keys: signature counter
};

// Parses an SSHSIG blob (version 1, hash sha512 only, empty reserved field), or its armoured form
// ("-----BEGIN SSH SIGNATURE-----"). kMalformed, or kTooLarge over the limits above.
Result<SshSignature> parse_sshsig(ByteView blob);
Result<SshSignature> parse_armored_sshsig(std::string_view text);
// The armour alone: text to blob and back, 70 characters a line as ssh-keygen writes it.
Result<Bytes> dearmor_sshsig(std::string_view text);
std::string armor_sshsig(ByteView blob);

// What the key signs: "SSHSIG" || namespace || reserved || "sha512" || SHA-512(message).
Bytes sshsig_signed_bytes(std::string_view ns, ByteView message);

// Succeeds if `signature` is by `signer`, for namespace `ns`, over `message`; a security key must
// also state that a person was present (flag 01), and one that `needs_verification` (PIN or
// fingerprint, flag 04). kPermissionDenied: another signer or namespace, or nobody present. kCrypto:
// the signature does not verify.
Status verify_sshsig(const SshSignature& signature, const SshPublicKey& signer, std::string_view ns, ByteView message,
                     bool needs_verification = false);
// The same from the text forms that the log keeps: an armoured signature and a public key line.
Status verify_sshsig(std::string_view armored, std::string_view signer_line, std::string_view ns, ByteView message);

}  // namespace facekeep::ledger
