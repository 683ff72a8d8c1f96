#include "hsm/keys.h"

#include <algorithm>
#include <cstring>

#include "vault/base/digest.h"

namespace facekeep::hsm {
namespace {

constexpr std::uint8_t kExponent[] = {1, 0, 1};

Result<bool> flag(Session& s, ck_object_handle_t key, ck_attribute_type_t type) {
  FK_TRY(const Bytes value, s.calls.attribute(s.handle, key, type));
  if (value.size() != 1) return make_error(Errc::kHsm, "the token returned a flag of a wrong length");
  return value[0] != 0;
}

// A use that the token does not know for this kind of key is one that it does not allow.
Result<bool> may(Session& s, ck_object_handle_t key, ck_attribute_type_t use) {
  auto allowed = flag(s, key, use);
  if (!allowed && s.calls.failure().code == CKR_ATTRIBUTE_TYPE_INVALID) return false;
  return allowed;
}

Result<unsigned long> number(Session& s, ck_object_handle_t key, ck_attribute_type_t type) {
  FK_TRY(const Bytes value, s.calls.attribute(s.handle, key, type));
  unsigned long out = 0;
  if (value.size() != sizeof out) return make_error(Errc::kHsm, "the token returned a number of a wrong length");
  std::memcpy(&out, value.data(), sizeof out);
  return out;
}

// Like may(), of what older tokens do not know at all.
Result<std::optional<bool>> known_flag(Session& s, ck_object_handle_t key, ck_attribute_type_t type) {
  const auto value = flag(s, key, type);
  if (value) return std::optional(*value);
  if (s.calls.failure().code == CKR_ATTRIBUTE_TYPE_INVALID) return std::optional<bool>();
  return value.error();
}

Attributes key_attributes(std::string_view label) {
  Attributes a;
  a.add_flag(CKA_TOKEN, true).add_text(CKA_LABEL, label).add_bytes(CKA_ID, object_id(label));
  return a;
}

Attributes secret_attributes(std::string_view label) {
  Attributes a = key_attributes(label);
  a.add_flag(CKA_PRIVATE, true).add_flag(CKA_SENSITIVE, true).add_flag(CKA_EXTRACTABLE, false);
  a.add_flag(CKA_DECRYPT, true);
  return a;
}

// How much of a key's limits a token takes in a template, from all of it on down.
struct Limits {
  bool fixed = true;  // neither copied nor changed: whoever has the PIN could keep it under another name
  bool uses = true;   // nothing but what it is for
};

// An answer to the template, not to the call.
bool refuses_template(ck_rv_t code) {
  return code == CKR_TEMPLATE_INCONSISTENT || code == CKR_ATTRIBUTE_TYPE_INVALID ||
         code == CKR_ATTRIBUTE_VALUE_INVALID || code == CKR_ATTRIBUTE_READ_ONLY;
}

void fix(Attributes& a) {
  a.add_flag(CKA_COPYABLE, false).add_flag(CKA_MODIFIABLE, false);
}

void forbid(Attributes& a, std::initializer_list<ck_attribute_type_t> uses) {
  for (const auto use : uses) a.add_flag(use, false);
}

Status generate_aes_of(Session& s, const std::string& label, const Limits& limits) {
  Attributes a = secret_attributes(label);
  if (limits.fixed) fix(a);
  a.add(CKA_CLASS, CKO_SECRET_KEY).add(CKA_KEY_TYPE, CKK_AES).add(CKA_VALUE_LEN, 32);
  a.add_flag(CKA_ENCRYPT, true);
  forbid(a, {CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE});
  FK_CHECK(s.calls.generate_key(s.handle, {CKM_AES_KEY_GEN, nullptr, 0}, a));
  return {};
}

Status generate_aes(Session& s, const std::string& label) {
  Status made = generate_aes_of(s, label, {});
  if (made || !refuses_template(s.calls.failure().code)) return made;
  return generate_aes_of(s, label, {.fixed = false});
}

Status generate_rsa_of(Session& s, const std::string& label, unsigned long bits, const Limits& limits) {
  Attributes pub = key_attributes(label);
  pub.add(CKA_MODULUS_BITS, bits).add_bytes(CKA_PUBLIC_EXPONENT, kExponent).add_flag(CKA_ENCRYPT, true);
  Attributes priv = secret_attributes(label);
  if (limits.fixed) fix(priv);
  if (limits.uses) {
    forbid(pub, {CKA_VERIFY, CKA_WRAP});
    forbid(priv, {CKA_SIGN, CKA_UNWRAP, CKA_DERIVE});
  }
  FK_TRY(const auto pair, s.calls.generate_key_pair(s.handle, {CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr, 0}, pub, priv));
  (void)pair;
  return {};
}

// 3072 bits, or 2048 where the token refuses them.
Status generate_rsa(Session& s, const std::string& label) {
  FK_TRY(const bool able, can_do(s, CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR));
  FK_TRY(const bool oaep, can_do(s, CKM_RSA_PKCS_OAEP, CKF_DECRYPT));
  if (!able || !oaep) {
    return make_error(Errc::kHsm, "the token has neither AES-GCM nor RSA-OAEP", "use another token");
  }
  Status last = make_error(Errc::kHsm, "the token makes no RSA key of 2048 bits or more");
  for (const unsigned long bits : {3072UL, 2048UL}) {
    // A TPM's key signs and decrypts, and its module takes no template that says otherwise.
    for (const Limits limits : {Limits{}, Limits{.fixed = false}, Limits{.fixed = false, .uses = false}}) {
      last = generate_rsa_of(s, label, bits, limits);
      if (last || s.calls.failure().session_lost()) return last;
      if (s.calls.failure().code == CKR_KEY_SIZE_RANGE) break;
    }
  }
  return last;
}

Result<WrapKey> load_aes(Session& s, ck_object_handle_t key, const std::string& label) {
  FK_TRY(const unsigned long type, number(s, key, CKA_KEY_TYPE));
  FK_TRY(const unsigned long size, number(s, key, CKA_VALUE_LEN));
  if (type != CKK_AES || size != 32) return make_error(Errc::kIntegrity, "the key " + label + " is not an AES-256 key");
  for (const auto use : {CKA_SIGN, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE}) {
    FK_TRY(const bool allowed, may(s, key, use));
    if (allowed) return make_error(Errc::kIntegrity, "the key " + label + " may do more than encrypt and decrypt");
  }
  FK_TRY(KeyEvidence evidence, check_key(s, key, label, "AES-256-GCM"));
  return WrapKey{key, WrapMechanism::kAesGcm, std::nullopt, std::move(evidence)};
}

Result<WrapKey> load_rsa(Session& s, ck_object_handle_t key, const std::string& label) {
  FK_TRY(const unsigned long type, number(s, key, CKA_KEY_TYPE));
  if (type != CKK_RSA) return make_error(Errc::kIntegrity, "the key " + label + " is not an RSA key");
  // That it may sign is no matter: whoever may decrypt with an RSA key can compute the same power with it.
  FK_TRY(const bool unwraps, may(s, key, CKA_UNWRAP));
  if (unwraps) return make_error(Errc::kIntegrity, "the key " + label + " may unwrap other keys");
  FK_TRY(RsaPublicKey rsa, rsa_public_half(s, key));
  const std::string mechanism = "RSA-" + std::to_string(rsa.bits()) + "-OAEP-SHA1";
  FK_TRY(KeyEvidence evidence, check_key(s, key, label, mechanism));
  return WrapKey{key, WrapMechanism::kRsaOaep, std::move(rsa), std::move(evidence)};
}

using Find = Result<std::vector<LabelledObject>>(Session&, std::string_view);

Result<std::vector<LabelledObject>> find_exact(Session& s, std::string_view label) {
  FK_TRY(auto found, find_prefixed(s, label));
  std::erase_if(found, [&](const LabelledObject& o) { return o.label != label; });
  return found;
}

Result<std::size_t> destroy_found(SessionPool& pool, Find* find, const std::string& text) {
  std::size_t destroyed = 0;  // over both runs, if the first was cut short
  return pool.run(Repeat::kSafe, [&](Session& s) -> Result<std::size_t> {
    FK_TRY(const auto objects, find(s, text));
    for (const LabelledObject& object : objects) {
      FK_CHECK(s.calls.destroy_object(s.handle, object.handle));
      ++destroyed;
    }
    return destroyed;
  });
}

}  // namespace

std::string object_prefix(const Id128& vault) {
  return "facekeep/" + to_hex(vault) + "/";
}

std::string root_label(const Id128& vault, std::uint32_t epoch) {
  return object_prefix(vault) + "root-" + std::to_string(epoch);
}

std::string spare_label(const Id128& vault, std::uint32_t epoch) {
  return object_prefix(vault) + "spare-" + std::to_string(epoch);
}

std::string ticket_label(const Id128& vault, std::uint32_t number) {
  return object_prefix(vault) + "ticket-" + std::to_string(number);
}

Bytes object_id(std::string_view label) {
  const Digest digest = sha256(as_bytes(label));
  return to_bytes(ByteView(digest).first(20));
}

Result<std::vector<ck_object_handle_t>> find_labelled(Session& s, ck_object_class_t object_class,
                                                      std::string_view label) {
  Attributes a;
  a.add(CKA_CLASS, object_class).add_text(CKA_LABEL, label);
  FK_TRY(auto found, s.calls.find_objects(s.handle, a));
  // A handle must name what was asked for. tpm2-pkcs11 gives a new object the handle of an old one once its first
  // object was destroyed; it counts rightly again when it is initialised anew.
  for (const auto object : found) {
    FK_TRY(const unsigned long its_class, number(s, object, CKA_CLASS));
    FK_TRY(const Bytes its_label, s.calls.attribute(s.handle, object, CKA_LABEL));
    if (its_class != object_class || as_chars(its_label) != label)
      return s.calls.lost(CKR_CRYPTOKI_NOT_INITIALIZED, "C_FindObjects");
  }
  if (found.empty()) {
    FK_TRY(const ck_session_info info, s.calls.session_info(s.handle));
    if (info.state != CKS_RW_USER_FUNCTIONS) return s.calls.lost(CKR_USER_NOT_LOGGED_IN, "C_FindObjects");
  }
  return found;
}

Result<ck_object_handle_t> find_one(Session& s, ck_object_class_t object_class, std::string_view label) {
  FK_TRY(const auto found, find_labelled(s, object_class, label));
  if (found.empty()) return make_error(Errc::kNotFound, "the token has no object " + std::string(label));
  if (found.size() > 1) {
    return make_error(Errc::kIntegrity, "the token has several objects " + std::string(label),
                      "someone put a second one there; find out who before anything is used");
  }
  return ck_object_handle_t{found.front()};
}

Result<std::vector<LabelledObject>> find_prefixed(Session& s, std::string_view prefix) {
  FK_TRY(const ck_session_info info, s.calls.session_info(s.handle));
  if (info.state != CKS_RW_USER_FUNCTIONS) return s.calls.lost(CKR_USER_NOT_LOGGED_IN, "C_FindObjects");
  Attributes any;
  FK_TRY(auto objects, s.calls.find_objects(s.handle, any));
  std::sort(objects.begin(), objects.end());
  if (std::adjacent_find(objects.begin(), objects.end()) != objects.end()) {  // as in find_labelled
    return s.calls.lost(CKR_CRYPTOKI_NOT_INITIALIZED, "C_FindObjects");
  }
  std::vector<LabelledObject> out;
  for (const auto object : objects) {
    auto label = s.calls.attribute(s.handle, object, CKA_LABEL);
    if (!label) {
      if (s.calls.failure().session_lost()) return std::move(label).error();
      continue;  // an object without a label is not ours
    }
    if (as_chars(*label).starts_with(prefix)) out.push_back({object, std::string(as_chars(*label))});
  }
  return out;
}

Result<KeyEvidence> check_key(Session& s, ck_object_handle_t key, std::string_view label, std::string mechanism) {
  struct Demand {
    ck_attribute_type_t type;
    bool value;
    const char* name;
    bool KeyEvidence::*record;
  };
  const Demand demands[] = {
      {CKA_TOKEN, true, "CKA_TOKEN", nullptr},
      {CKA_PRIVATE, true, "CKA_PRIVATE", nullptr},
      {CKA_SENSITIVE, true, "CKA_SENSITIVE", &KeyEvidence::sensitive},
      {CKA_EXTRACTABLE, false, "CKA_EXTRACTABLE", &KeyEvidence::extractable},
      {CKA_ALWAYS_SENSITIVE, true, "CKA_ALWAYS_SENSITIVE", &KeyEvidence::always_sensitive},
      {CKA_NEVER_EXTRACTABLE, true, "CKA_NEVER_EXTRACTABLE", &KeyEvidence::never_extractable},
      {CKA_LOCAL, true, "CKA_LOCAL", &KeyEvidence::local},
  };
  KeyEvidence evidence;
  evidence.label = label;
  evidence.mechanism = std::move(mechanism);
  for (const Demand& d : demands) {
    FK_TRY(const bool is, flag(s, key, d.type));
    if (is != d.value) {
      return make_error(Errc::kIntegrity,
                        "the key " + std::string(label) + " has " + d.name + (is ? " set" : " not set"),
                        "it was not generated in this token by facekeep; it is not used");
    }
    if (d.record != nullptr) evidence.*d.record = is;
  }
  FK_TRY(evidence.copyable, known_flag(s, key, CKA_COPYABLE));
  FK_TRY(evidence.modifiable, known_flag(s, key, CKA_MODIFIABLE));
  return evidence;
}

Result<std::vector<ck_object_handle_t>> rsa_private_keys(Session& s) {
  FK_TRY(const ck_session_info info, s.calls.session_info(s.handle));
  if (info.state != CKS_RW_USER_FUNCTIONS) return s.calls.lost(CKR_USER_NOT_LOGGED_IN, "C_FindObjects");
  Attributes a;
  a.add(CKA_CLASS, CKO_PRIVATE_KEY).add(CKA_KEY_TYPE, CKK_RSA);
  return s.calls.find_objects(s.handle, a);
}

Result<RsaPublicKey> rsa_public_half(Session& s, ck_object_handle_t key) {
  FK_TRY(const Bytes modulus, s.calls.attribute(s.handle, key, CKA_MODULUS));
  auto exponent = s.calls.attribute(s.handle, key, CKA_PUBLIC_EXPONENT);
  if (!exponent || exponent->empty()) {
    FK_TRY(const Bytes label, s.calls.attribute(s.handle, key, CKA_LABEL));
    FK_TRY(const auto pub, find_one(s, CKO_PUBLIC_KEY, as_chars(label)));
    FK_TRY(const Bytes other, s.calls.attribute(s.handle, pub, CKA_MODULUS));
    if (other != modulus) {
      return make_error(Errc::kIntegrity,
                        "the public and private key " + std::string(as_chars(label)) + " are not a pair");
    }
    exponent = s.calls.attribute(s.handle, pub, CKA_PUBLIC_EXPONENT);
    if (!exponent) return std::move(exponent).error();
  }
  return RsaPublicKey::from_numbers(modulus, *exponent);
}

Result<WrapKey> find_wrap_key(Session& s, const std::string& label) {
  FK_TRY(const auto aes, find_labelled(s, CKO_SECRET_KEY, label));
  FK_TRY(const auto rsa, find_labelled(s, CKO_PRIVATE_KEY, label));
  if (aes.size() + rsa.size() > 1) {
    return make_error(Errc::kIntegrity, "the token has several keys " + label,
                      "someone put a second one there; find out who before anything is used");
  }
  if (!aes.empty()) return load_aes(s, aes.front(), label);
  if (!rsa.empty()) return load_rsa(s, rsa.front(), label);
  return make_error(Errc::kNotFound, "the token has no key " + label);
}

Result<bool> can_do(Session& s, ck_mechanism_type_t mechanism, ck_flags_t flags) {
  auto info = s.calls.mechanism_info(s.slot, mechanism);
  if (info) return (info->flags & flags) == flags;
  if (info.error().code == Errc::kNotFound) return false;
  return std::move(info).error();
}

Status require_free_label(Session& s, std::string_view label) {
  for (const auto object_class : {CKO_SECRET_KEY, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    FK_TRY(const auto found, find_labelled(s, object_class, label));
    if (!found.empty()) {
      return make_error(Errc::kAlreadyExists, "the token already has a key " + std::string(label));
    }
  }
  return {};
}

Result<WrapKey> create_wrap_key(SessionPool& pool, const std::string& label, bool force_rsa) {
  bool ours = false;  // from here on, what has the label was made by us
  const Status made = pool.run(Repeat::kOnce, [&](Session& s) -> Status {
    FK_CHECK(require_free_label(s, label));
    FK_TRY(const bool gcm, can_do(s, CKM_AES_GCM, CKF_ENCRYPT | CKF_DECRYPT));
    FK_TRY(const bool aes, can_do(s, CKM_AES_KEY_GEN, CKF_GENERATE));
    ours = true;
    if (force_rsa || !gcm || !aes) return generate_rsa(s, label);
    return generate_aes(s, label);
  });
  Result<WrapKey> key = made ? pool.run(Repeat::kSafe, [&](Session& s) { return find_wrap_key(s, label); })
                             : Result<WrapKey>(made.error());
  // Nothing is wrapped under it yet. If it can't be destroyed either, the first error still says more.
  if (!key && ours) (void)destroy_key(pool, label);
  return key;
}

Status destroy_key(SessionPool& pool, const std::string& label) {
  FK_TRY(const std::size_t destroyed, destroy_found(pool, find_exact, label));
  if (destroyed == 0) return make_error(Errc::kNotFound, "the token has no object " + label);
  return {};
}

Result<std::size_t> destroy_all(SessionPool& pool, const Id128& vault) {
  return destroy_found(pool, find_prefixed, object_prefix(vault));
}

}  // namespace facekeep::hsm
