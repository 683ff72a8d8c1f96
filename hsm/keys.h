// Root keys and RSA pairs in a token: made, found again, checked, destroyed.
//
// Labels: "facekeep/<vault id, 32 hex digits>/root-<epoch>", "/spare-<epoch>", "/ticket-<number>", "/log-sign",
// "/anchor-a", "/anchor-b". CKA_ID is the first 20 bytes of the label's SHA-256. A label names one
// object of a class: two of them, or one with attributes that a generated key can't have, is refused.
//
// The functions that take a Session run inside SessionPool::run; the others lease for themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hsm/rsa_oaep.h"
#include "hsm/session_pool.h"
#include "hsm/wrapped_blob.h"

namespace facekeep::hsm {

// What the token says of a key that it made; recorded at genesis.
struct KeyEvidence {
  std::string label;
  std::string mechanism;           // "AES-256-GCM", "RSA-3072-OAEP-SHA1", "Ed25519", "ECDSA-P256"
  bool local = false;              // CKA_LOCAL: generated in the token
  bool always_sensitive = false;   // CKA_ALWAYS_SENSITIVE
  bool never_extractable = false;  // CKA_NEVER_EXTRACTABLE
  bool sensitive = false;          // CKA_SENSITIVE
  bool extractable = true;         // CKA_EXTRACTABLE
  // Whether C_CopyObject makes a second one, and whether the object can be given another label: false for a root key
  // where the token takes it. Nothing: the token does not say.
  std::optional<bool> copyable;    // CKA_COPYABLE
  std::optional<bool> modifiable;  // CKA_MODIFIABLE
};

std::string object_prefix(const Id128& vault);  // "facekeep/<hex>/"
std::string root_label(const Id128& vault, std::uint32_t epoch);
std::string spare_label(const Id128& vault, std::uint32_t epoch);
std::string ticket_label(const Id128& vault, std::uint32_t number);
Bytes object_id(std::string_view label);

// The objects of this class and label. kHsmGone if the session turns out not to be logged in, since
// private objects would be invisible.
Result<std::vector<ck_object_handle_t>> find_labelled(Session& session, ck_object_class_t object_class,
                                                      std::string_view label);
// Exactly one. kNotFound: none; kIntegrity: several.
Result<ck_object_handle_t> find_one(Session& session, ck_object_class_t object_class, std::string_view label);

struct LabelledObject {
  ck_object_handle_t handle = 0;
  std::string label;
};
// The objects of whatever class whose label begins so. kHsmGone as find_labelled.
Result<std::vector<LabelledObject>> find_prefixed(Session& session, std::string_view prefix);

// Reads the attributes of a secret or private key and refuses (kIntegrity, naming the attribute) what
// is not in the token for good, private, sensitive, never extractable and generated there.
// `mechanism` is for the record.
Result<KeyEvidence> check_key(Session& session, ck_object_handle_t key, std::string_view label, std::string mechanism);

// A root or spare key, ready for use in the session's epoch.
struct WrapKey {
  ck_object_handle_t handle = 0;  // the AES key or the RSA private key
  WrapMechanism mechanism = WrapMechanism::kAesGcm;
  std::optional<RsaPublicKey> rsa;  // of the private key, for mechanism 2
  KeyEvidence evidence;
};

// The RSA private keys that the token shows, of whatever label.
Result<std::vector<ck_object_handle_t>> rsa_private_keys(Session& session);
// The public half as the private object states it: a public object could be anybody's. Where the private object lacks
// the exponent, a public one of the same label and modulus gives it. kIntegrity if they are no pair.
Result<RsaPublicKey> rsa_public_half(Session& session, ck_object_handle_t key);

// Finds and checks the key of this label. kNotFound: the token has none.
Result<WrapKey> find_wrap_key(Session& session, const std::string& label);

// Makes a key of this label in the token: AES-256 if the token can do AES-GCM and `force_rsa` is
// false, else an RSA-3072 pair (2048 where 3072 is refused). Then checks it; a key that fails the
// check is destroyed again. It can be neither copied nor changed, so that its end is the end of it, where the token
// takes that (KeyEvidence has what the token says of it). kAlreadyExists if any object has the label; kHsm if the token
// can do neither. Never run twice by itself.
Result<WrapKey> create_wrap_key(SessionPool& pool, const std::string& label, bool force_rsa);

// True if the token offers the mechanism with all these CKF_ flags.
Result<bool> can_do(Session& session, ck_mechanism_type_t mechanism, ck_flags_t flags);
// kAlreadyExists if any object has this label.
Status require_free_label(Session& session, std::string_view label);

// Destroys every object of this label, of whatever class. kNotFound if there is none.
Status destroy_key(SessionPool& pool, const std::string& label);
// Destroys every object whose label begins with the vault's prefix; the number destroyed.
Result<std::size_t> destroy_all(SessionPool& pool, const Id128& vault);

}  // namespace facekeep::hsm
