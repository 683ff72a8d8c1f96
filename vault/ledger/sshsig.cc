#include "vault/ledger/sshsig.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "vault/base/digest.h"

namespace facekeep::ledger {
namespace {

constexpr std::string_view kMagic = "SSHSIG";
constexpr std::string_view kCurve = "nistp256";
constexpr std::string_view kHash = "sha512";
constexpr std::string_view kBegin = "-----BEGIN SSH SIGNATURE-----";
constexpr std::string_view kEnd = "-----END SSH SIGNATURE-----";
constexpr std::size_t kArmorColumns = 70;
constexpr std::uint8_t kUserPresent = 0x01;   // PROTOCOL.u2f, "flags"
constexpr std::uint8_t kUserVerified = 0x04;  // the same

constexpr std::array<std::pair<SshKeyType, std::string_view>, 4> kTypeNames = {{
    {SshKeyType::kEd25519, "ssh-ed25519"},
    {SshKeyType::kEcdsaP256, "ecdsa-sha2-nistp256"},
    {SshKeyType::kSkEd25519, "sk-ssh-ed25519@openssh.com"},
    {SshKeyType::kSkEcdsaP256, "sk-ecdsa-sha2-nistp256@openssh.com"},
}};

struct FreeKey {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;
struct FreeMd {
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
};

bool is_ecdsa(SshKeyType type) {
  return type == SshKeyType::kEcdsaP256 || type == SshKeyType::kSkEcdsaP256;
}

Error malformed(std::string what) {
  return make_error(Errc::kMalformed, std::move(what));
}

void append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
void append_string(Bytes& out, ByteView bytes) {
  append_be32(out, static_cast<std::uint32_t>(bytes.size()));
  append(out, bytes);
}

// Reads RFC 4251 fields from the front of a view. After the first field that does not fit, all
// further ones are empty and ok() is false, so that callers check once.
class Reader {
 public:
  explicit Reader(ByteView in) : in_(in) {}
  ByteView bytes(std::size_t n) {
    if (failed_ || n > in_.size()) {
      failed_ = true;
      return {};
    }
    const ByteView out = in_.first(n);
    in_ = in_.subspan(n);
    return out;
  }
  std::uint32_t u32() {
    const ByteView b = bytes(4);
    return failed_ ? 0 : load_be32(b.data());
  }
  std::uint8_t u8() {
    const ByteView b = bytes(1);
    return failed_ ? 0 : b[0];
  }
  ByteView string() { return bytes(u32()); }
  [[nodiscard]] bool ok() const { return !failed_; }
  [[nodiscard]] bool at_end() const { return !failed_ && in_.empty(); }

 private:
  ByteView in_;
  bool failed_ = false;
};

std::optional<SshKeyType> type_of(std::string_view name) {
  for (const auto& [type, text] : kTypeNames) {
    if (text == name) return type;
  }
  return std::nullopt;
}

// The y coordinates of the points of order 1, 2, 4 and 8 (RFC 8032 section 5.1 encoding, the sign
// bit cleared), with the encodings that are not reduced modulo p.
bool has_small_order(ByteView point) {
  static constexpr std::array<std::string_view, 7> kSmall = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  Bytes y = to_bytes(point);
  y.back() &= 0x7f;
  const std::string hex = to_hex(y);
  return std::find(kSmall.begin(), kSmall.end(), hex) != kSmall.end();
}

KeyPtr evp_from_point(SshKeyType type, ByteView point) {
  if (!is_ecdsa(type)) {
    return KeyPtr(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, point.data(), point.size()));
  }
  std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> ctx(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr),
                                                                  EVP_PKEY_CTX_free);
  char group[] = "prime256v1";
  Bytes copy = to_bytes(point);  // OSSL_PARAM wants it writable
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                               OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy.data(), copy.size()),
                               OSSL_PARAM_construct_end()};
  EVP_PKEY* key = nullptr;
  if (!ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
      EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(params)) != 1) {
    return nullptr;
  }
  return KeyPtr(key);
}

Status check_point(SshKeyType type, ByteView point) {
  if (is_ecdsa(type)) {
    if (point.size() != 65 || point[0] != 0x04)
      return malformed("the P-256 point is not 65 bytes in uncompressed form");
  } else {
    if (point.size() != 32) return malformed("the Ed25519 key is not 32 bytes");
    if (has_small_order(point)) return malformed("the Ed25519 key is a point of small order");
  }
  if (!evp_from_point(type, point)) return malformed("the public key is not a point of its curve");
  return {};
}

bool is_printable(ByteView text) {
  return std::all_of(text.begin(), text.end(), [](std::uint8_t c) { return c > 0x20 && c < 0x7f; });
}

// An mpint (RFC 4251 section 5) of 1 to 256 bits, appended as an ASN.1 INTEGER: the same
// big-endian two's complement in shortest form.
bool append_der_integer(Bytes& out, ByteView mpint) {
  if (mpint.empty() || mpint.size() > 33 || (mpint[0] & 0x80) != 0) return false;
  if (mpint[0] == 0 && (mpint.size() == 1 || (mpint[1] & 0x80) == 0)) return false;  // zero, or a useless 00
  if (mpint.size() == 33 && mpint[0] != 0) return false;
  out.push_back(0x02);
  out.push_back(static_cast<std::uint8_t>(mpint.size()));
  append(out, mpint);
  return true;
}

Result<Bytes> ecdsa_to_der(ByteView wire) {
  Reader in(wire);
  const ByteView r = in.string();
  const ByteView s = in.string();
  Bytes body;
  if (!in.at_end() || !append_der_integer(body, r) || !append_der_integer(body, s)) {
    return malformed("the ECDSA signature is not two positive integers in shortest form");
  }
  Bytes der = {0x30, static_cast<std::uint8_t>(body.size())};  // at most 70: one length byte
  append(der, body);
  return der;
}

// The innermost field: type, signature, and for security keys flags and counter.
Status parse_inner(ByteView field, SshSignature& out) {
  Reader in(field);
  const ByteView type = in.string();
  const ByteView raw = in.string();
  if (is_security_key(out.key.type)) {
    out.flags = in.u8();
    out.counter = in.u32();
  }
  if (!in.at_end()) return malformed("the signature field is cut short or has bytes behind it");
  if (as_chars(type) != to_string(out.key.type)) return malformed("the signature's type is not its key's type");
  if (is_ecdsa(out.key.type)) {
    FK_TRY(out.raw, ecdsa_to_der(raw));
    return {};
  }
  if (raw.size() != 64) return malformed("the Ed25519 signature is not 64 bytes");
  out.raw = to_bytes(raw);
  return {};
}

// PROTOCOL.u2f: a security key signs SHA-256(application) || flags || counter || SHA-256(data).
Bytes bytes_under_key(const SshSignature& signature, Bytes data) {
  if (!is_security_key(signature.key.type)) return data;
  Bytes out = to_bytes(sha256(as_bytes(signature.key.application)));
  out.push_back(signature.flags);
  append_be32(out, signature.counter);
  append(out, sha256(data));
  return out;
}

std::string_view trimmed(std::string_view s) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = s.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

std::string_view to_string(SshKeyType type) noexcept {
  return kTypeNames[static_cast<std::size_t>(type)].second;
}

Result<SshPublicKey> parse_ssh_key_blob(ByteView blob) {
  if (blob.size() > kMaxSshKeyBlob) return make_error(Errc::kTooLarge, "the public key is over 512 bytes");
  Reader in(blob);
  const auto type = type_of(as_chars(in.string()));
  if (!in.ok() || !type) {
    return make_error(Errc::kMalformed, "the public key's type is not one that facekeep takes",
                      "use ssh-ed25519, ecdsa-sha2-nistp256, or their sk- forms");
  }
  if (is_ecdsa(*type) && as_chars(in.string()) != kCurve) return malformed("the ECDSA key's curve is not nistp256");
  SshPublicKey key{*type, to_bytes(in.string()), {}};
  if (is_security_key(*type)) {
    const ByteView application = in.string();
    if (application.empty() || application.size() > kMaxSshApplication || !is_printable(application)) {
      return malformed("the security key's application is not 1 to 128 printable characters");
    }
    key.application = as_chars(application);
  }
  if (!in.at_end()) return malformed("the public key is cut short or has bytes behind it");
  FK_CHECK(check_point(*type, key.point));
  return key;
}

Bytes ssh_key_blob(const SshPublicKey& key) {
  Bytes out;
  append_string(out, as_bytes(to_string(key.type)));
  if (is_ecdsa(key.type)) append_string(out, as_bytes(kCurve));
  append_string(out, key.point);
  if (is_security_key(key.type)) append_string(out, as_bytes(key.application));
  return out;
}

Result<SshKeyLine> parse_public_key_line(std::string_view line) {
  if (line.size() > kMaxSshKeyLine) return make_error(Errc::kTooLarge, "the public key line is over 2048 bytes");
  line = trimmed(line);
  if (line.find('\n') != std::string_view::npos) return malformed("there is more than one public key line");
  if (!is_valid_utf8(line)) return malformed("the public key line is not UTF-8");
  const auto space = line.find(' ');
  if (space == std::string_view::npos) {
    return make_error(Errc::kMalformed, "this is not an OpenSSH public key line",
                      "it looks like: ssh-ed25519 AAAA... name (the .pub file, not the private key)");
  }
  const std::string_view type = line.substr(0, space);
  const std::string_view rest = trimmed(line.substr(space + 1));
  const auto gap = rest.find(' ');
  const std::string_view base64 = rest.substr(0, gap);
  FK_TRY(const Bytes blob, from_base64(base64));
  FK_TRY(SshPublicKey key, parse_ssh_key_blob(blob));
  if (to_string(key.type) != type) return malformed("the public key's two types differ");
  const auto comment = gap == std::string_view::npos ? std::string_view{} : trimmed(rest.substr(gap));
  return SshKeyLine{std::move(key), std::string(comment)};
}

std::string format_ssh_key_line(const SshPublicKey& key, std::string_view comment) {
  std::string out(to_string(key.type));
  out += ' ';
  out += to_base64(ssh_key_blob(key));
  if (!comment.empty()) out.append(" ").append(comment);
  return out;
}

bool verify_bare_signature(const SshPublicKey& public_key, ByteView data, ByteView signature) {
  const KeyPtr key = evp_from_point(public_key.type, public_key.point);
  const std::unique_ptr<EVP_MD_CTX, FreeMd> ctx(EVP_MD_CTX_new());
  const EVP_MD* md = is_ecdsa(public_key.type) ? EVP_sha256() : nullptr;
  if (!key || !ctx || EVP_DigestVerifyInit(ctx.get(), nullptr, md, nullptr, key.get()) != 1) return false;
  return EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), data.data(), data.size()) == 1;
}

std::string ssh_fingerprint(const SshPublicKey& key) {
  std::string text = to_base64(sha256(ssh_key_blob(key)));
  while (text.ends_with('=')) text.pop_back();
  return "SHA256:" + text;
}

Result<SshPublicKey> ssh_key_from_evp(const EVP_PKEY* key) {
  SshPublicKey out;
  if (EVP_PKEY_is_a(key, "ED25519") == 1) {
    out.point.resize(32);
    std::size_t size = 32;
    if (EVP_PKEY_get_raw_public_key(key, out.point.data(), &size) != 1 || size != 32) {
      return make_error(Errc::kCrypto, "the Ed25519 public key could not be read");
    }
    return out;
  }
  char group[32] = {};
  if (EVP_PKEY_is_a(key, "EC") != 1 || EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr) != 1 ||
      std::string_view(group) != "prime256v1") {
    return make_error(Errc::kInvalidArgument, "the key is neither Ed25519 nor P-256");
  }
  // x and y, not the encoded point: that may be in compressed form.
  BIGNUM* x = nullptr;
  BIGNUM* y = nullptr;
  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x);
  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y);
  out.type = SshKeyType::kEcdsaP256;
  out.point.assign(65, 0x04);
  const bool ok = x && y && BN_bn2binpad(x, &out.point[1], 32) == 32 && BN_bn2binpad(y, &out.point[33], 32) == 32;
  BN_free(x);
  BN_free(y);
  if (!ok) return make_error(Errc::kCrypto, "the P-256 public key could not be read");
  return out;
}

Result<Bytes> ssh_key_spki(const SshPublicKey& key) {
  const KeyPtr evp = evp_from_point(key.type, key.point);
  unsigned char* der = nullptr;
  const int size = evp ? i2d_PUBKEY(evp.get(), &der) : -1;
  if (size <= 0) return make_error(Errc::kInvalidArgument, "the public key is not a point of its curve");
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

Result<SshSignature> parse_sshsig(ByteView blob) {
  if (blob.size() > kMaxSshSigBlob) return make_error(Errc::kTooLarge, "the signature is over 4096 bytes");
  Reader in(blob);
  if (as_chars(in.bytes(kMagic.size())) != kMagic || in.u32() != 1) {
    return malformed("this is not an SSHSIG signature of version 1");
  }
  const ByteView key = in.string();
  const ByteView ns = in.string();
  const ByteView reserved = in.string();
  const ByteView hash = in.string();
  const ByteView inner = in.string();
  if (!in.at_end()) return malformed("the signature is cut short or has bytes behind it");
  if (ns.empty() || ns.size() > kMaxSshSigNamespaceSize || !is_printable(ns)) {
    return malformed("the signature's namespace is not 1 to 64 printable characters");
  }
  if (!reserved.empty()) return malformed("the signature's reserved field is not empty");
  if (as_chars(hash) != kHash) {
    return make_error(Errc::kMalformed, "the signature's hash is not sha512", "sign without -O hashalg");
  }
  SshSignature out;
  FK_TRY(out.key, parse_ssh_key_blob(key));
  out.ns = as_chars(ns);
  FK_CHECK(parse_inner(inner, out));
  return out;
}

Result<Bytes> dearmor_sshsig(std::string_view text) {
  if (text.size() > kMaxSshSigArmor) return make_error(Errc::kTooLarge, "the signature text is over 8192 bytes");
  text = trimmed(text);
  if (!text.starts_with(kBegin) || !text.ends_with(kEnd) || text.size() < kBegin.size() + kEnd.size()) {
    return make_error(Errc::kMalformed, "the text is not an SSH signature",
                      "it starts with " + std::string(kBegin) + " (ssh-keygen -Y sign writes it)");
  }
  text.remove_prefix(kBegin.size());
  text.remove_suffix(kEnd.size());
  std::string base64;
  for (const char c : text) {
    if (c != '\n' && c != '\r') base64 += c;
  }
  return from_base64(base64);
}

Result<SshSignature> parse_armored_sshsig(std::string_view text) {
  FK_TRY(const Bytes blob, dearmor_sshsig(text));
  return parse_sshsig(blob);
}

std::string armor_sshsig(ByteView blob) {
  const std::string base64 = to_base64(blob);
  std::string out(kBegin);
  out += '\n';
  for (std::size_t i = 0; i < base64.size(); i += kArmorColumns) out.append(base64, i, kArmorColumns).append("\n");
  return out.append(kEnd).append("\n");
}

Bytes sshsig_signed_bytes(std::string_view ns, ByteView message) {
  std::array<std::uint8_t, 64> digest{};
  if (EVP_Digest(message.data(), message.size(), digest.data(), nullptr, EVP_sha512(), nullptr) != 1) std::abort();
  Bytes out = to_bytes(kMagic);
  append_string(out, as_bytes(ns));
  append_string(out, {});
  append_string(out, as_bytes(kHash));
  append_string(out, digest);
  return out;
}

Status verify_sshsig(const SshSignature& signature, const SshPublicKey& signer, std::string_view ns, ByteView message,
                     bool needs_verification) {
  if (signature.key != signer) {
    return make_error(Errc::kPermissionDenied, "the signature is by another key: " + ssh_fingerprint(signature.key));
  }
  if (signature.ns != ns) {
    return make_error(Errc::kPermissionDenied, "the signature is for another purpose than " + std::string(ns),
                      "sign with -n " + std::string(ns));
  }
  if (is_security_key(signer.type)) {
    if ((signature.flags & kUserPresent) == 0) {
      return make_error(Errc::kPermissionDenied, "nobody touched the security key for this signature",
                        "use a key that was made without no-touch-required");
    }
    if (needs_verification && (signature.flags & kUserVerified) == 0) {
      return make_error(Errc::kPermissionDenied, "the security key did not check a PIN or a fingerprint",
                        "use a key that was made with -O verify-required");
    }
  }
  if (!verify_bare_signature(signature.key, bytes_under_key(signature, sshsig_signed_bytes(ns, message)),
                             signature.raw)) {
    return make_error(Errc::kCrypto, "the signature does not verify");
  }
  return {};
}

Status verify_sshsig(std::string_view armored, std::string_view signer_line, std::string_view ns, ByteView message) {
  FK_TRY(const SshKeyLine signer, parse_public_key_line(signer_line));
  FK_TRY(const SshSignature signature, parse_armored_sshsig(armored));
  return verify_sshsig(signature, signer.key, ns, message);
}

}  // namespace facekeep::ledger
