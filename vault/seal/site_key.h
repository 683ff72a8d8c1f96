// The site key S, its subkeys, and the two forms in which it is stored:
//
//   Seal(U_pub, TokenWrap(root-epoch, S))      Seal(U_pub, OAEP(spare-epoch public key, S))
//
// The token inside, the custodians outside: the holder of the token's PIN can't strip the inner
// layer in advance, and the custodians' secret alone opens nothing. Bytes in vault/seal/FORMAT.md.
//
// Neither layer authenticates who made it, and a PIN holder can wrap a key of his own. So the event
// that opens a site or an epoch carries check(S), and open_site_key refuses any other S (kIntegrity).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"
#include "vault/seal/aad.h"
#include "vault/seal/aead.h"
#include "vault/seal/custody.h"
#include "vault/seal/hpke.h"

namespace facekeep::seal {

// Subkeys of S, by HKDF-SHA256 label.
enum class SiteSubkey : std::uint8_t {
  kWrap,      // "wrap": subject keys
  kIndex,     // "index": the keyed index from the access system's subject ids
  kOpenings,  // "openings": monthly keys of access openings
  kChanges,   // "changes": daily keys of erased ids in the changes feed
  kRegister,  // "register": the sealed register of people's names
  kProofs,    // "proofs": of the vault's own key alone, vouches for keys that are drawn later (vault/ledger/keys.h)
};

// S. Move-only; cleansed at its end. Thread safe to read.
class SiteKey {
 public:
  static SiteKey generate();
  static Result<SiteKey> from_secret(SecretBytes key);  // kInvalidArgument unless 32 bytes

  // 32 bytes. Keep the result for the session: an HKDF run each.
  [[nodiscard]] SecretBytes subkey(SiteSubkey which) const;
  // The subkey as a counting AES-256-GCM key; `used` from the ledger.
  [[nodiscard]] AeadKey aead(SiteSubkey which, std::uint64_t used) const;
  // HKDF(S, "check"): public, in the log.
  [[nodiscard]] Digest check() const;
  // For wrapping S to the spare token, nothing else.
  [[nodiscard]] ByteView bytes() const noexcept { return key_.view(); }

 private:
  explicit SiteKey(SecretBytes key) : key_(std::move(key)) {}
  SecretBytes key_;
};

// The name of the vault's own key (the sealed register): no slug, so no site has it.
inline constexpr std::string_view kVaultKeyName = "_vault";

// Which token key is inside the custodians' layer.
enum class SiteKeyLayer : std::uint8_t { kMainToken = 1, kSpareToken = 2 };

inline constexpr std::size_t kSiteKeyHeaderSize = 12;
inline constexpr std::size_t kMaxInnerBlob = 2048;  // bytes; OAEP under RSA-4096 has 512

struct SiteKeyPlace {
  Id128 vault{};
  std::string_view site;
  std::uint32_t epoch = 0;  // of the root or spare key inside
};

// S under the main token's root key and then under U_pub. Errors of `custody`, or kInvalidArgument.
Result<Bytes> seal_site_key(Custody& custody, const SiteKeyPlace& place, const X25519Public& u_public,
                            const SiteKey& key);
// The same for every token of the vault.
struct SealedSiteKey {
  Bytes main;
  Bytes spare;  // empty without a spare token
};
Result<SealedSiteKey> seal_site_key_for_all(Custody& custody, const SiteKeyPlace& place, const X25519Public& u_public,
                                            const std::optional<SpareToken>& spare, const SiteKey& key);

// In two steps. What the tokens made of S, without the custodians' layer: an open vault keeps it, so that a re-share
// seals S to the new U. It is never stored.
struct TokenWraps {
  SecretBytes main;
  SecretBytes spare;  // empty without a spare token
};
Result<TokenWraps> wrap_site_key(Custody& custody, const SiteKeyPlace& place, const std::optional<SpareToken>& spare,
                                 const SiteKey& key);
Result<SealedSiteKey> seal_token_wraps(const SiteKeyPlace& place, const X25519Public& u_public,
                                       const TokenWraps& wraps);
// The reverse of seal_site_key. kMalformed: no stored site key, or of another layer or epoch than `place`. kCrypto:
// does not open under this U, token, vault or site. kIntegrity: what opens is not the S of `check`.
Result<SiteKey> open_site_key(Custody& custody, const SiteKeyPlace& place, ByteView u_private, ByteView stored,
                              const Digest& check);
struct OpenedSiteKey {
  SiteKey key;
  TokenWraps wraps;
};
// The same with what the tokens made. A `spare` that does not open under U leaves that of the spare empty: it is not
// what opens the vault.
Result<OpenedSiteKey> open_site_key_for_all(Custody& custody, const SiteKeyPlace& place, ByteView u_private,
                                            const SealedSiteKey& stored, const Digest& check);

// The same through the spare token, where the main one is lost: `stored.main` is only unsealed.
Result<OpenedSiteKey> open_site_key_by_spare(Custody& custody, const SiteKeyPlace& place, ByteView u_private,
                                             const SealedSiteKey& stored, const Digest& check);

// The outer layer alone, for the spare's blob (the inner one is made and opened in hsm/).
Result<Bytes> seal_site_key_outer(const SiteKeyPlace& place, SiteKeyLayer layer, const X25519Public& u_public,
                                  ByteView inner);
Result<SecretBytes> open_site_key_outer(const SiteKeyPlace& place, SiteKeyLayer layer, ByteView u_private,
                                        ByteView stored);
// The context that the inner layer is bound to: give it to Custody::wrap, or put it inside the OAEP
// plaintext (as its SHA-256).
Result<Aad> site_key_context(const SiteKeyPlace& place, SiteKeyLayer layer);
// Takes what the inner layer held, if its check is the expected one (constant time), else kIntegrity.
Result<SiteKey> accept_site_key(SecretBytes key, const Digest& check);

struct SiteKeyHeader {
  Suite suite = Suite::kAes256GcmSha256;
  SiteKeyLayer layer = SiteKeyLayer::kMainToken;
  std::uint32_t epoch = 0;
};
// Total: any bytes give a header or kMalformed.
Result<SiteKeyHeader> parse_site_key_header(ByteView stored);

}  // namespace facekeep::seal
