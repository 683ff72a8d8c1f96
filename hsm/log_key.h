// The checkpoint key: Ed25519 in the token, or ECDSA P-256 where it has no EdDSA.
//
// Sources: PKCS#11 3.1 sections 6.3.16 (CKM_EDDSA) and 6.3.12 (CKM_ECDSA); RFC 8032; RFC 5480.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hsm/keys.h"
#include "vault/seal/custody.h"

namespace facekeep::hsm {

// The label of a vault's n-th log key: "log-sign" for 1, then "log-sign-2" and so on.
std::string log_label(const Id128& vault, std::uint32_t number = 1);

struct LogKey {
  ck_object_handle_t handle = 0;  // the private key, in the session's epoch
  NoteKeyType type = NoteKeyType::kEd25519;
  Bytes public_key;  // 32 bytes, or SubjectPublicKeyInfo DER for P-256
  KeyEvidence evidence;
};

// Makes the pair in the token and checks it as a root key is checked. kAlreadyExists if any object
// has the label. Never run twice by itself.
Result<LogKey> create_log_key(SessionPool& pool, const Id128& vault, bool force_p256, std::uint32_t number = 1);
// kNotFound: the token has none of this number.
Result<LogKey> find_log_key(Session& session, const Id128& vault, std::uint32_t number = 1);
// Numbers that an object has, whatever is to be said of it, in order.
Result<std::vector<std::uint32_t>> log_key_numbers(Session& session, const Id128& vault);
// All whole pairs, checked, by number. A crash may have left a half: that is passed over.
Result<std::vector<LogKey>> find_log_keys(Session& session, const Id128& vault);

// An Ed25519 or P-256 pair of this label, as a person's token has it; nothing of how it was made is checked, and
// `evidence` is empty. kNotFound, kIntegrity (two of them, or another kind).
Result<LogKey> read_pair(Session& session, const std::string& label);

// Signs, and verifies the signature under key.public_key before returning it: a public object that
// someone exchanged, or a token that computes wrongly, is kIntegrity. 64 bytes for Ed25519; DER
// ECDSA-Sig-Value over SHA-256 for P-256. Runs inside SessionPool::run; may be repeated.
Result<Bytes> sign_message(Session& session, const LogKey& key, ByteView message);

// Pure parts, total on any input. Tokens return CKA_EC_POINT raw (PKCS#11 3.1) or inside a DER OCTET
// STRING (2.40 and many since): both are taken.
Result<Bytes> ed25519_public_key(ByteView ec_point);         // 32 bytes
Result<Bytes> p256_public_key(ByteView ec_point);            // SubjectPublicKeyInfo DER, on the curve
Result<Bytes> ecdsa_signature_to_der(ByteView raw_r_and_s);  // from 64 bytes r || s
bool verify_signature(NoteKeyType type, ByteView public_key, ByteView message, ByteView signature);

}  // namespace facekeep::hsm
