// OpenSSH signatures (SSHSIG): the signing half. Verification is in vault/ledger/sshsig.h, where
// the fold can reach it.
#pragma once

#include <openssl/types.h>

#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {

// Signs `message` for namespace `ns` (ledger::kApprovalNamespace, ...) with an Ed25519 or P-256
// private key, and returns the SSHSIG blob; ledger::armor_sshsig makes it text.
// kInvalidArgument: another kind of key, or an empty or overlong namespace. kCrypto: OpenSSL refused.
// The key is used, not kept. Thread safe for different keys.
Result<Bytes> make_sshsig(EVP_PKEY* key, std::string_view ns, ByteView message);

// Puts an SSHSIG blob together from a signature that was made elsewhere (a token, an agent) over
// ledger::sshsig_signed_bytes(ns, message): 64 bytes for Ed25519; a DER ECDSA-Sig-Value over SHA-256
// for P-256. Security keys are refused: ssh-keygen makes theirs. Verifies nothing.
Result<Bytes> assemble_sshsig(const ledger::SshPublicKey& key, std::string_view ns, ByteView raw);

}  // namespace facekeep::tools
