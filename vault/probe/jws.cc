#include "vault/probe/jws.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "vault/ledger/json_reader.h"

namespace facekeep::probe {
namespace {

using ledger::SshKeyType;

constexpr std::size_t kMaxKid = 72;  // a principal's id
constexpr std::size_t kHalf = kJwsSignature / 2;

struct Free {
  void operator()(ECDSA_SIG* p) const { ECDSA_SIG_free(p); }
  void operator()(BIGNUM* p) const { BN_free(p); }
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
};
using SigPtr = std::unique_ptr<ECDSA_SIG, Free>;

Error bad(std::string why, Errc code = Errc::kMalformed) {
  return make_problem(code, "bad-jws", std::move(why),
                      "send a compact JWS with the header parameters alg, kid and, if at all, typ");
}
Error unproven(std::string why) {
  return make_problem(Errc::kCrypto, "bad-probe-signature", std::move(why),
                      "sign with the key that the custodians registered for this camera");
}

std::string_view alg_of(SshKeyType type) {
  return type == SshKeyType::kEd25519 ? "EdDSA" : type == SshKeyType::kEcdsaP256 ? "ES256" : "";
}

// RFC 7518, section 3.4: r || s, 32 bytes each. OpenSSL wants, and gives, ASN.1.
Bytes der_of(ByteView raw) {
  const SigPtr sig(ECDSA_SIG_new());
  std::unique_ptr<BIGNUM, Free> r(BN_bin2bn(raw.data(), kHalf, nullptr));
  std::unique_ptr<BIGNUM, Free> s(BN_bin2bn(raw.data() + kHalf, kHalf, nullptr));
  if (!sig || !r || !s || ECDSA_SIG_set0(sig.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());  // sig's now
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(sig.get(), &der);
  if (size <= 0) return {};
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

Result<Bytes> raw_of(ByteView der) {
  const unsigned char* at = der.data();
  const SigPtr sig(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  Bytes out(kJwsSignature);
  if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), out.data(), kHalf) != kHalf ||
      BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), out.data() + kHalf, kHalf) != kHalf) {
    return make_error(Errc::kCrypto, "OpenSSL gave no ECDSA signature of P-256");
  }
  return out;
}

Status read_header(std::string_view encoded, Jws& out) {
  if (encoded.size() > (kMaxJwsHeader * 4 + 2) / 3)
    return bad("the JWS's header is longer than 256 bytes", Errc::kTooLarge);
  const auto text = from_base64url(encoded);
  if (!text) return bad("the JWS's header is not base64url without padding");
  const auto json = parse_json(as_chars(*text));
  if (!json) return bad("the JWS's header is not JSON");
  ledger::ObjectReader r(*json, "JWS header");
  out.alg = r.text("alg", 16);
  out.kid = r.text("kid", kMaxKid);
  if (r.has("typ") && r.text("typ", 32) != kJwsType) r.fail("typ is not facekeep-probe");
  const Status read = r.finish();
  return read ? Status() : Status(bad("the JWS's header has not exactly the parameters that are taken"));
}

}  // namespace

bool looks_like_jws(std::string_view text) {
  return std::count(text.begin(), text.end(), '.') == 2;
}

Result<Jws> parse_jws(std::string_view text) {
  if (text.size() > kMaxJws) return bad("the JWS is longer than a probe of 1,024 values can be", Errc::kTooLarge);
  if (!looks_like_jws(text)) return bad("the JWS has not three parts");
  const std::size_t first = text.find('.');
  const std::size_t second = text.rfind('.');
  Jws out;
  out.signing_input = text.substr(0, second);
  out.payload = text.substr(first + 1, second - first - 1);
  if (out.payload.size() > kMaxJwsPayload * 4 / 3) return bad("the JWS's payload is too long", Errc::kTooLarge);
  const auto signature = from_base64url(text.substr(second + 1));
  if (!signature || signature->size() != kJwsSignature) return bad("the JWS's signature is not 64 bytes in base64url");
  std::copy(signature->begin(), signature->end(), out.signature.begin());
  FK_CHECK(read_header(text.substr(0, first), out));
  return out;
}

Result<SecretBytes> open_jws(const Jws& jws, const ledger::SshPublicKey& key) {
  const std::string_view alg = alg_of(key.type);
  if (alg.empty() || jws.alg != alg) {
    return unproven("the JWS names another algorithm than its key has");
  }
  const Bytes signature = key.type == SshKeyType::kEd25519 ? to_bytes(ByteView(jws.signature)) : der_of(jws.signature);
  if (!ledger::verify_bare_signature(key, as_bytes(jws.signing_input), signature)) {
    return unproven("the JWS's signature does not verify");
  }
  auto payload = secret_from_base64url(jws.payload);
  if (!payload) return bad("the JWS's payload is not base64url without padding");
  return payload;
}

Result<SecretBytes> sign_jws(EVP_PKEY* key, std::string_view kid, ByteView payload) {
  FK_TRY(const ledger::SshPublicKey public_key, ledger::ssh_key_from_evp(key));
  if (payload.size() > kMaxJwsPayload)
    return make_error(Errc::kTooLarge, "the probe is longer than a JWS here can carry");
  const Json header = {{"alg", alg_of(public_key.type)}, {"kid", kid}, {"typ", kJwsType}};
  FK_TRY(const std::string header_text, canonical_json(header));
  const std::string head = to_base64url(as_bytes(header_text)) + ".";
  const SecretBytes body = secret_to_base64url(payload);
  const SecretBytes input = secret_concat({as_bytes(head), body.view()});

  const std::unique_ptr<EVP_MD_CTX, Free> ctx(EVP_MD_CTX_new());
  const bool ed25519 = public_key.type == SshKeyType::kEd25519;
  Bytes signature(128);
  std::size_t size = signature.size();
  if (!ctx || EVP_DigestSignInit(ctx.get(), nullptr, ed25519 ? nullptr : EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(ctx.get(), signature.data(), &size, input.data(), input.size()) != 1) {
    return make_error(Errc::kCrypto, "the key could not sign");
  }
  signature.resize(size);
  if (!ed25519) {
    FK_TRY(signature, raw_of(signature));
  }
  const std::string tail = "." + to_base64url(signature);
  return secret_concat({input.view(), as_bytes(tail)});
}

}  // namespace facekeep::probe
