#include "hsm/wrap.h"

#include <algorithm>
#include <array>

#include "vault/base/digest.h"

namespace facekeep::hsm {
namespace {

using Iv = std::array<std::uint8_t, kGcmIvSize>;

ck_gcm_params gcm_params(Iv& iv, Bytes& aad) {
  return {iv.data(), iv.size(), iv.size() * 8, aad.data(), aad.size(), kGcmTagSize * 8};
}

ck_rsa_pkcs_oaep_params oaep_params() {
  return {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, nullptr, 0};
}

Error does_not_open(const char* why) {
  return make_error(Errc::kCrypto, std::string("the wrapped secret does not open: ") + why);
}

Result<Bytes> gcm_wrap(Session& s, const WrapKey& key, std::uint32_t epoch, ByteView secret, ByteView context) {
  Bytes aad = concat(blob_header(WrapMechanism::kAesGcm, epoch), context);
  Iv iv = random_array<kGcmIvSize>();
  ck_gcm_params params = gcm_params(iv, aad);
  auto sealed = s.calls.encrypt(s.handle, {CKM_AES_GCM, &params, sizeof params}, key.handle, secret);
  const ck_rv_t code = sealed ? CKR_OK : s.calls.failure().code;
  if (code == CKR_MECHANISM_PARAM_INVALID || code == CKR_ARGUMENTS_BAD) {
    // A token that draws every IV itself may insist on a cleared buffer, into which it writes its own.
    iv.fill(0);
    sealed = s.calls.encrypt(s.handle, {CKM_AES_GCM, &params, sizeof params}, key.handle, secret);
    if (sealed && iv == Iv{}) return make_error(Errc::kHsm, "the token encrypted under an IV of zeros");
  }
  if (!sealed) return std::move(sealed).error();
  if (sealed->size() != secret.size() + kGcmTagSize) {
    return make_error(Errc::kHsm, "the token's AES-GCM returned a wrong length");
  }
  return format_blob({WrapMechanism::kAesGcm, epoch, Bytes(iv.begin(), iv.end()), std::move(*sealed)});
}

}  // namespace

Result<Bytes> wrap_secret(Session& s, const WrapKey& key, std::uint32_t epoch, ByteView secret, ByteView context) {
  if (secret.empty() || secret.size() > kMaxWrappedSecret) {
    return make_error(Errc::kInvalidArgument, "a wrap takes 1 to 64 bytes");
  }
  if (key.mechanism == WrapMechanism::kRsaOaep) return oaep_wrap(*key.rsa, epoch, secret, context);
  return gcm_wrap(s, key, epoch, secret, context);
}

Result<WrappedBlob> open_envelope(std::uint32_t epoch, ByteView bytes) {
  auto blob = parse_blob(bytes);
  if (!blob) return does_not_open(blob.error().message.c_str());
  if (blob->epoch != epoch) return does_not_open("it names another epoch");
  return blob;
}

Result<SecretBytes> unwrap_secret(Session& s, const WrapKey& key, std::uint32_t epoch, ByteView bytes,
                                  ByteView context) {
  FK_TRY(WrappedBlob blob, open_envelope(epoch, bytes));
  if (blob.mechanism != key.mechanism) return does_not_open("it names another mechanism than the key's");
  const bool gcm = key.mechanism == WrapMechanism::kAesGcm;
  Bytes aad = concat(blob_header(blob.mechanism, epoch), context);
  Iv iv{};
  std::copy(blob.iv.begin(), blob.iv.end(), iv.begin());
  ck_gcm_params gcm_parameters = gcm_params(iv, aad);
  ck_rsa_pkcs_oaep_params oaep_parameters = oaep_params();
  const ck_mechanism mechanism = gcm ? ck_mechanism{CKM_AES_GCM, &gcm_parameters, sizeof gcm_parameters}
                                     : ck_mechanism{CKM_RSA_PKCS_OAEP, &oaep_parameters, sizeof oaep_parameters};
  auto plain = s.calls.decrypt(s.handle, mechanism, key.handle, blob.ciphertext);
  if (!plain) {
    const Rv failure = s.calls.failure();
    const bool refused_data = std::string_view(failure.function) == "C_Decrypt" && !failure.session_lost();
    if (!refused_data) return std::move(plain).error();
    // Tokens report altered data by many codes, CKR_GENERAL_ERROR among them; a token that is going
    // away uses that one too, so ask it something else first.
    FK_CHECK(s.calls.token_info(s.slot));
    return does_not_open("altered, or not of this key and context");
  }
  if (gcm) return plain;
  return strip_bound_context(std::move(*plain), epoch, context);
}

}  // namespace facekeep::hsm
