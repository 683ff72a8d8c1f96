#include "hsm/spare.h"

#include "hsm/wrap.h"
#include "vault/base/digest.h"

namespace facekeep::hsm {
namespace {

SpareKey spare_of(RsaPublicKey key) {
  const Digest fingerprint = sha256(key.to_der());
  return {std::move(key), fingerprint};
}

}  // namespace

Result<SpareKey> import_spare(std::string_view pem) {
  FK_TRY(RsaPublicKey key, RsaPublicKey::from_pem(pem));
  return spare_of(std::move(key));
}

Result<ProvisionedSpare> provision_spare(SessionPool& spare_token, const Id128& vault, std::uint32_t epoch) {
  constexpr bool kRsa = true;
  FK_TRY(WrapKey key, create_wrap_key(spare_token, spare_label(vault, epoch), kRsa));
  if (!key.rsa) return make_error(Errc::kInternal, "the spare key is not an RSA key");
  return ProvisionedSpare{spare_of(*key.rsa), std::move(key.evidence)};
}

Result<Bytes> wrap_to_spare(const SpareKey& spare, std::uint32_t epoch, ByteView secret, ByteView context) {
  return oaep_wrap(spare.public_key, epoch, secret, context);
}

Result<SecretBytes> unwrap_with_spare(SessionPool& spare_token, std::uint32_t epoch, ByteView blob, ByteView context) {
  FK_CHECK(open_envelope(epoch, blob));
  return spare_token.run(Repeat::kSafe, [&](Session& s) -> Result<SecretBytes> {
    FK_TRY(const auto keys, rsa_private_keys(s));
    Error last = make_error(Errc::kNotFound, "the spare token has no RSA key", "plug in the vault's spare token");
    for (const ck_object_handle_t key : keys) {
      auto opened = unwrap_secret(s, {key, WrapMechanism::kRsaOaep, std::nullopt, {}}, epoch, blob, context);
      if (opened || s.calls.failure().session_lost()) return opened;
      // That a key is another one says more than what somebody else's may not do.
      if (last.code != Errc::kCrypto) last = std::move(opened).error();
    }
    return last;
  });
}

Result<bool> has_spare_key(SessionPool& spare_token, const Digest& fingerprint) {
  return spare_token.run(Repeat::kSafe, [&](Session& s) -> Result<bool> {
    FK_TRY(const auto keys, rsa_private_keys(s));
    for (const ck_object_handle_t key : keys) {
      auto half = rsa_public_half(s, key);
      if (!half && s.calls.failure().session_lost()) return std::move(half).error();
      // Somebody else's may have none that can be read.
      if (half && spare_of(std::move(*half)).fingerprint == fingerprint) return true;
    }
    return false;
  });
}

}  // namespace facekeep::hsm
