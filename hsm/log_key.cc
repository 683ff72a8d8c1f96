#include "hsm/log_key.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <set>

#include "vault/base/digest.h"

namespace facekeep::hsm {
namespace {

// DER of the curves' names. Ed25519 is written in three ways by tokens of different years: the OID of
// RFC 8410, the name of PKCS#11 3.0, and the OID that came before both.
constexpr std::uint8_t kEd25519Oid[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
constexpr std::uint8_t kEd25519Name[] = {0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'};
constexpr std::uint8_t kEd25519OldOid[] = {0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01};
constexpr std::uint8_t kP256Oid[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
// SubjectPublicKeyInfo of an uncompressed P-256 point, up to the point (RFC 5480 section 2).
constexpr std::uint8_t kP256Spki[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                      0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
constexpr std::size_t kEd25519Size = 32;
constexpr std::size_t kP256PointSize = 65;
constexpr std::uint8_t kOctetString = 0x04;
constexpr std::uint8_t kUncompressed = 0x04;

struct FreeKey {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
};
struct FreeSig {
  void operator()(ECDSA_SIG* p) const { ECDSA_SIG_free(p); }
};
struct FreeDigest {
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
};
using PublicKey = std::unique_ptr<EVP_PKEY, FreeKey>;

PublicKey p256_from_spki(ByteView spki) {
  const unsigned char* p = spki.data();
  PublicKey key(d2i_PUBKEY(nullptr, &p, static_cast<long>(spki.size())));
  if (!key || p != spki.data() + spki.size() || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_EC) key.reset();
  ERR_clear_error();
  return key;
}

// The point of `size` bytes: itself, or the one value of an OCTET STRING.
Result<ByteView> unwrapped_point(ByteView v, std::size_t size) {
  if (v.size() == size) return v;
  if (v.size() == size + 2 && v[0] == kOctetString && v[1] == size) return v.subspan(2);
  return make_error(Errc::kHsm, "the token's CKA_EC_POINT has an unknown form");
}

Status generate_pair(Session& s, const std::string& label, ck_mechanism_type_t mechanism, unsigned long type,
                     ByteView curve, bool strict = true) {
  Attributes pub;
  pub.add_flag(CKA_TOKEN, true).add_text(CKA_LABEL, label).add_bytes(CKA_ID, object_id(label));
  pub.add(CKA_KEY_TYPE, type).add_bytes(CKA_EC_PARAMS, curve).add_flag(CKA_VERIFY, true);
  Attributes priv;
  priv.add_flag(CKA_TOKEN, true).add_text(CKA_LABEL, label).add_bytes(CKA_ID, object_id(label));
  priv.add(CKA_KEY_TYPE, type).add_flag(CKA_PRIVATE, true).add_flag(CKA_SENSITIVE, true);
  priv.add_flag(CKA_EXTRACTABLE, false).add_flag(CKA_SIGN, true);
  if (strict) priv.add_flag(CKA_DECRYPT, false).add_flag(CKA_UNWRAP, false).add_flag(CKA_DERIVE, false);
  FK_TRY(const auto pair, s.calls.generate_key_pair(s.handle, {mechanism, nullptr, 0}, pub, priv));
  (void)pair;
  return {};
}

Status generate(Session& s, const std::string& label, bool force_p256) {
  FK_TRY(const bool edwards, can_do(s, CKM_EC_EDWARDS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR));
  FK_TRY(const bool eddsa, can_do(s, CKM_EDDSA, CKF_SIGN));
  if (!force_p256 && edwards && eddsa) {
    for (const ByteView curve : {ByteView(kEd25519Oid), ByteView(kEd25519Name), ByteView(kEd25519OldOid)}) {
      Status made = generate_pair(s, label, CKM_EC_EDWARDS_KEY_PAIR_GEN, CKK_EC_EDWARDS, curve);
      if (made || s.calls.failure().session_lost()) return made;
    }  // another Edwards curve than this one, perhaps
  }
  FK_TRY(const bool ec, can_do(s, CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR));
  FK_TRY(const bool ecdsa, can_do(s, CKM_ECDSA, CKF_SIGN));
  if (!ec || !ecdsa) {
    return make_error(Errc::kHsm, "the token makes neither Ed25519 nor P-256 keys", "use another token");
  }
  Status made = generate_pair(s, label, CKM_EC_KEY_PAIR_GEN, CKK_EC, kP256Oid);
  if (made || s.calls.failure().session_lost()) return made;
  // A TPM's module takes no template that takes uses away.
  return generate_pair(s, label, CKM_EC_KEY_PAIR_GEN, CKK_EC, kP256Oid, false);
}

}  // namespace

std::string log_label(const Id128& vault, std::uint32_t number) {
  return object_prefix(vault) + "log-sign" + (number == 1 ? "" : "-" + std::to_string(number));
}

Result<Bytes> ed25519_public_key(ByteView ec_point) {
  FK_TRY(const ByteView point, unwrapped_point(ec_point, kEd25519Size));
  return to_bytes(point);
}

Result<Bytes> p256_public_key(ByteView ec_point) {
  FK_TRY(const ByteView point, unwrapped_point(ec_point, kP256PointSize));
  Bytes spki = concat(ByteView(kP256Spki), point);
  if (point[0] != kUncompressed || !p256_from_spki(spki)) {
    return make_error(Errc::kHsm, "the token's CKA_EC_POINT is not a point of P-256");
  }
  return spki;
}

Result<Bytes> ecdsa_signature_to_der(ByteView raw) {
  if (raw.size() != 64) return make_error(Errc::kHsm, "the token's ECDSA signature is not 64 bytes long");
  const std::unique_ptr<ECDSA_SIG, FreeSig> sig(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(raw.data(), 32, nullptr);
  BIGNUM* s = BN_bin2bn(raw.data() + 32, 32, nullptr);
  if (!sig || ECDSA_SIG_set0(sig.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return make_error(Errc::kInternal, "no memory for a signature");
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(sig.get(), &der);
  if (size <= 0) return make_error(Errc::kInternal, "can't encode a signature");
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

bool verify_signature(NoteKeyType type, ByteView public_key, ByteView message, ByteView signature) {
  const bool ed25519 = type == NoteKeyType::kEd25519;
  const PublicKey key =
      ed25519 ? PublicKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()))
              : p256_from_spki(public_key);
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> ctx(EVP_MD_CTX_new());
  const bool good =
      key && ctx &&
      EVP_DigestVerifyInit(ctx.get(), nullptr, ed25519 ? nullptr : EVP_sha256(), nullptr, key.get()) == 1 &&
      EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
  ERR_clear_error();
  return good;
}

Result<LogKey> read_pair(Session& s, const std::string& label) {
  FK_TRY(const auto priv, find_one(s, CKO_PRIVATE_KEY, label));
  FK_TRY(const auto pub, find_one(s, CKO_PUBLIC_KEY, label));
  FK_TRY(const Bytes type, s.calls.attribute(s.handle, priv, CKA_KEY_TYPE));
  FK_TRY(const Bytes point, s.calls.attribute(s.handle, pub, CKA_EC_POINT));
  unsigned long key_type = 0;
  if (type.size() != sizeof key_type) return make_error(Errc::kHsm, "the token returned a number of a wrong length");
  std::memcpy(&key_type, type.data(), sizeof key_type);
  LogKey key;
  key.handle = priv;
  if (key_type == CKK_EC_EDWARDS) {
    FK_TRY(key.public_key, ed25519_public_key(point));
  } else if (key_type == CKK_EC) {
    key.type = NoteKeyType::kEcdsaP256;
    FK_TRY(key.public_key, p256_public_key(point));
  } else {
    return make_error(Errc::kIntegrity, "the key " + label + " is neither Ed25519 nor P-256");
  }
  return key;
}

Result<LogKey> find_log_key(Session& s, const Id128& vault, std::uint32_t number) {
  const std::string label = log_label(vault, number);
  FK_TRY(LogKey key, read_pair(s, label));
  const bool ed25519 = key.type == NoteKeyType::kEd25519;
  FK_TRY(key.evidence, check_key(s, key.handle, label, ed25519 ? "Ed25519" : "ECDSA-P256"));
  return key;
}

Result<std::vector<std::uint32_t>> log_key_numbers(Session& s, const Id128& vault) {
  const std::string first = log_label(vault);
  FK_TRY(const auto objects, find_prefixed(s, first));
  std::set<std::uint32_t> numbers;
  for (const LabelledObject& object : objects) {
    const std::string_view rest = std::string_view(object.label).substr(first.size());
    std::uint32_t number = 1;
    if (!rest.empty()) std::from_chars(rest.data() + 1, rest.data() + rest.size(), number);
    if (object.label == log_label(vault, number)) numbers.insert(number);
  }
  return std::vector<std::uint32_t>(numbers.begin(), numbers.end());
}

Result<std::vector<LogKey>> find_log_keys(Session& s, const Id128& vault) {
  FK_TRY(const auto numbers, log_key_numbers(s, vault));
  std::vector<LogKey> out;
  for (const std::uint32_t number : numbers) {
    auto key = find_log_key(s, vault, number);
    if (key) {
      out.push_back(std::move(*key));
    } else if (key.error().code != Errc::kNotFound) {
      return std::move(key).error();
    }
  }
  return out;
}

Result<LogKey> create_log_key(SessionPool& pool, const Id128& vault, bool force_p256, std::uint32_t number) {
  const std::string label = log_label(vault, number);
  bool ours = false;
  const Status made = pool.run(Repeat::kOnce, [&](Session& s) -> Status {
    FK_CHECK(require_free_label(s, label));
    ours = true;
    return generate(s, label, force_p256);
  });
  Result<LogKey> key = made ? pool.run(Repeat::kSafe, [&](Session& s) { return find_log_key(s, vault, number); })
                            : Result<LogKey>(made.error());
  if (!key && ours) (void)destroy_key(pool, label);
  return key;
}

Result<Bytes> sign_message(Session& s, const LogKey& key, ByteView message) {
  const bool ed25519 = key.type == NoteKeyType::kEd25519;
  const Digest digest = ed25519 ? Digest{} : sha256(message);
  const ck_mechanism mechanism{ed25519 ? ck_mechanism_type_t{CKM_EDDSA} : ck_mechanism_type_t{CKM_ECDSA}, nullptr, 0};
  FK_TRY(Bytes signature, s.calls.sign(s.handle, mechanism, key.handle, ed25519 ? message : ByteView(digest)));
  if (!ed25519) {
    FK_TRY(signature, ecdsa_signature_to_der(signature));
  }
  if (!verify_signature(key.type, key.public_key, message, signature)) {
    return make_error(Errc::kIntegrity, "the token's signature does not verify under its public key",
                      "the key pair in the token was exchanged, or the token computes wrongly; look before you go on");
  }
  return signature;
}

}  // namespace facekeep::hsm
