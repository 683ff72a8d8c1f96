#include "vault/seal/site_key.h"

#include <algorithm>
#include <cstdlib>

#include "vault/base/digest.h"
#include "vault/base/newer.h"

namespace facekeep::seal {
namespace {

constexpr std::string_view kHpkeInfo = "facekeep/site-key/v1";
constexpr std::string_view kSubkeyPrefix = "facekeep/site/v1/";
constexpr std::uint8_t kVersion = 1;

std::string_view subkey_label(SiteSubkey which) {
  switch (which) {
    case SiteSubkey::kWrap: return "wrap";
    case SiteSubkey::kIndex: return "index";
    case SiteSubkey::kOpenings: return "openings";
    case SiteSubkey::kChanges: return "changes";
    case SiteSubkey::kRegister: return "register";
    case SiteSubkey::kProofs: return "proofs";
  }
  std::abort();  // a number outside a closed enum
}

SecretBytes derive(ByteView key, std::string_view label) {
  return hkdf_sha256(key, {}, concat(as_bytes(kSubkeyPrefix), as_bytes(label)), kKeySize);
}

Bytes make_header(SiteKeyLayer layer, std::uint32_t epoch) {
  Bytes out = {'F',
               'K',
               'S',
               'K',
               kVersion,
               static_cast<std::uint8_t>(Suite::kAes256GcmSha256),
               static_cast<std::uint8_t>(layer),
               0};
  append_be32(out, epoch);
  return out;
}

Result<Bytes> outer_aad(const SiteKeyPlace& place, ByteView header) {
  FK_TRY(const Aad aad, make_aad({place.vault, place.site}, place.epoch, Purpose::kSiteKeyCustodians, {}));
  return concat(header, aad.view());
}

}  // namespace

SiteKey SiteKey::generate() {
  return SiteKey(random_secret(kKeySize));
}

Result<SiteKey> SiteKey::from_secret(SecretBytes key) {
  if (key.size() != kKeySize) return make_error(Errc::kInvalidArgument, "a site key has 32 bytes");
  return SiteKey(std::move(key));
}

SecretBytes SiteKey::subkey(SiteSubkey which) const {
  return derive(key_.view(), subkey_label(which));
}

AeadKey SiteKey::aead(SiteSubkey which, std::uint64_t used) const {
  auto key = AeadKey::create(subkey(which), used);
  if (!key) std::abort();  // subkeys always have 32 bytes
  return std::move(*key);
}

Digest SiteKey::check() const {
  const SecretBytes value = derive(key_.view(), "check");
  Digest out{};
  std::copy(value.view().begin(), value.view().end(), out.begin());
  return out;
}

Result<Aad> site_key_context(const SiteKeyPlace& place, SiteKeyLayer layer) {
  const Purpose purpose = layer == SiteKeyLayer::kMainToken ? Purpose::kSiteKeyToken : Purpose::kSiteKeySpare;
  return make_aad({place.vault, place.site}, place.epoch, purpose, {});
}

Result<SiteKeyHeader> parse_site_key_header(ByteView stored) {
  if (stored.size() < kSiteKeyHeaderSize + kHpkeOverhead + 1 ||
      stored.size() > kSiteKeyHeaderSize + kHpkeOverhead + kMaxInnerBlob) {
    return make_error(Errc::kMalformed, "a stored site key has the wrong length");
  }
  const bool ours = as_chars(stored.first(4)) == "FKSK";
  if (ours && stored[4] > kVersion) return newer_or_damaged("a stored site key", stored[4], kVersion);
  const std::uint8_t layer = stored[6];
  if (!ours || stored[4] != kVersion || stored[7] != 0 || (layer != 1 && layer != 2)) {
    return make_error(Errc::kMalformed, "a stored site key has an unknown header");
  }
  if (stored[5] != static_cast<std::uint8_t>(Suite::kAes256GcmSha256)) {
    return newer_or_damaged("the suite of a stored site key", stored[5],
                            static_cast<std::uint8_t>(Suite::kAes256GcmSha256));
  }
  return SiteKeyHeader{Suite::kAes256GcmSha256, static_cast<SiteKeyLayer>(layer), load_be32(stored.data() + 8)};
}

Result<Bytes> seal_site_key_outer(const SiteKeyPlace& place, SiteKeyLayer layer, const X25519Public& u_public,
                                  ByteView inner) {
  if (inner.empty() || inner.size() > kMaxInnerBlob) {
    return make_error(Errc::kInvalidArgument, "a token's wrapped key has 1 to 2048 bytes");
  }
  const Bytes header = make_header(layer, place.epoch);
  FK_TRY(const Bytes aad, outer_aad(place, header));
  FK_TRY(const Bytes sealed, hpke_seal(u_public, as_bytes(kHpkeInfo), aad, inner));
  return concat(header, sealed);
}

Result<SecretBytes> open_site_key_outer(const SiteKeyPlace& place, SiteKeyLayer layer, ByteView u_private,
                                        ByteView stored) {
  FK_TRY(const SiteKeyHeader header, parse_site_key_header(stored));
  if (header.layer != layer || header.epoch != place.epoch) {
    return make_error(Errc::kMalformed, "a stored site key is of another epoch or token");
  }
  FK_TRY(const Bytes aad, outer_aad(place, stored.first(kSiteKeyHeaderSize)));
  return hpke_open(u_private, as_bytes(kHpkeInfo), aad, stored.subspan(kSiteKeyHeaderSize));
}

Result<SiteKey> accept_site_key(SecretBytes key, const Digest& check) {
  if (key.size() != kKeySize) return make_error(Errc::kIntegrity, "what the token opened is not a site key");
  SiteKey out = *SiteKey::from_secret(std::move(key));
  if (!constant_time_equal(out.check(), check)) {
    return make_error(Errc::kIntegrity, "the stored site key is not the one that the log names",
                      "someone who could use the token has replaced it: restore the stored key from a backup");
  }
  return out;
}

namespace {

SecretBytes taken(Bytes& bytes) {
  SecretBytes out = SecretBytes::copy_of(bytes);
  cleanse(bytes);
  return out;
}

// One layer each: the token's inside, the custodians' outside. Without the outer one the token alone opens it.
Result<SecretBytes> wrap_for_main(Custody& custody, const SiteKeyPlace& place, const SiteKey& key) {
  FK_TRY(const Aad context, site_key_context(place, SiteKeyLayer::kMainToken));
  FK_TRY(Bytes wrap, custody.wrap(place.epoch, key.bytes(), context.view()));
  return taken(wrap);
}

Result<SecretBytes> wrap_for_spare(Custody& custody, const SiteKeyPlace& place, const SpareToken& spare,
                                   const SiteKey& key) {
  FK_TRY(const Aad context, site_key_context(place, SiteKeyLayer::kSpareToken));
  FK_TRY(Bytes wrap, custody.wrap_to_spare(spare, place.epoch, key.bytes(), context.view()));
  return taken(wrap);
}

}  // namespace

Result<Bytes> seal_site_key(Custody& custody, const SiteKeyPlace& place, const X25519Public& u_public,
                            const SiteKey& key) {
  FK_TRY(const SecretBytes inner, wrap_for_main(custody, place, key));
  return seal_site_key_outer(place, SiteKeyLayer::kMainToken, u_public, inner.view());
}

Result<TokenWraps> wrap_site_key(Custody& custody, const SiteKeyPlace& place, const std::optional<SpareToken>& spare,
                                 const SiteKey& key) {
  TokenWraps out;
  FK_TRY(out.main, wrap_for_main(custody, place, key));
  if (!spare) return out;
  FK_TRY(out.spare, wrap_for_spare(custody, place, *spare, key));
  return out;
}

Result<SealedSiteKey> seal_token_wraps(const SiteKeyPlace& place, const X25519Public& u_public,
                                       const TokenWraps& wraps) {
  SealedSiteKey out;
  FK_TRY(out.main, seal_site_key_outer(place, SiteKeyLayer::kMainToken, u_public, wraps.main.view()));
  if (wraps.spare.empty()) return out;
  FK_TRY(out.spare, seal_site_key_outer(place, SiteKeyLayer::kSpareToken, u_public, wraps.spare.view()));
  return out;
}

Result<SealedSiteKey> seal_site_key_for_all(Custody& custody, const SiteKeyPlace& place, const X25519Public& u_public,
                                            const std::optional<SpareToken>& spare, const SiteKey& key) {
  FK_TRY(const TokenWraps wraps, wrap_site_key(custody, place, spare, key));
  return seal_token_wraps(place, u_public, wraps);
}

Result<OpenedSiteKey> open_site_key_for_all(Custody& custody, const SiteKeyPlace& place, ByteView u_private,
                                            const SealedSiteKey& stored, const Digest& check) {
  TokenWraps wraps;
  FK_TRY(wraps.main, open_site_key_outer(place, SiteKeyLayer::kMainToken, u_private, stored.main));
  FK_TRY(const Aad context, site_key_context(place, SiteKeyLayer::kMainToken));
  FK_TRY(SecretBytes secret, custody.unwrap(place.epoch, wraps.main.view(), context.view()));
  FK_TRY(SiteKey key, accept_site_key(std::move(secret), check));
  if (!stored.spare.empty()) {
    if (auto spare = open_site_key_outer(place, SiteKeyLayer::kSpareToken, u_private, stored.spare)) {
      wraps.spare = std::move(*spare);
    }
  }
  return OpenedSiteKey{std::move(key), std::move(wraps)};
}

Result<OpenedSiteKey> open_site_key_by_spare(Custody& custody, const SiteKeyPlace& place, ByteView u_private,
                                             const SealedSiteKey& stored, const Digest& check) {
  if (stored.spare.empty()) {
    return make_error(Errc::kFailedPrecondition,
                      "the key \"" + std::string(place.site) + "\" was not sealed for a spare token",
                      "its main token is lost: nothing opens it any more");
  }
  TokenWraps wraps;
  FK_TRY(wraps.spare, open_site_key_outer(place, SiteKeyLayer::kSpareToken, u_private, stored.spare));
  FK_TRY(const Aad context, site_key_context(place, SiteKeyLayer::kSpareToken));
  FK_TRY(SecretBytes secret, custody.unwrap_spare(place.epoch, wraps.spare.view(), context.view()));
  FK_TRY(SiteKey key, accept_site_key(std::move(secret), check));
  FK_TRY(wraps.main, open_site_key_outer(place, SiteKeyLayer::kMainToken, u_private, stored.main));
  return OpenedSiteKey{std::move(key), std::move(wraps)};
}

Result<SiteKey> open_site_key(Custody& custody, const SiteKeyPlace& place, ByteView u_private, ByteView stored,
                              const Digest& check) {
  FK_TRY(OpenedSiteKey opened, open_site_key_for_all(custody, place, u_private, {to_bytes(stored), {}}, check));
  return std::move(opened.key);
}

}  // namespace facekeep::seal
