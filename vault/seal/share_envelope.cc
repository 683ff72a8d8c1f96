#include "vault/seal/share_envelope.h"

#include "vault/seal/aad.h"

namespace facekeep::seal {
namespace {

Result<Aad> envelope_aad(const Id128& vault) {
  return make_aad({vault, ""}, 0, Purpose::kShare, {});
}

}  // namespace

Result<Bytes> seal_share(const X25519Public& unseal_to, const Id128& vault, const SecretWords& share) {
  FK_TRY(const Aad aad, envelope_aad(vault));
  return hpke_seal(unseal_to, as_bytes(purpose_label(Purpose::kShare)), aad.view(), share.view());
}

Result<SecretWords> open_share(const SecretBytes& private_key, const Id128& vault, ByteView sealed) {
  if (sealed.size() < kHpkeOverhead + 2 || sealed.size() > kMaxSealedShare) {
    return make_problem(Errc::kMalformed, "bad-share", "this is not a sealed share");
  }
  FK_TRY(const Aad aad, envelope_aad(vault));
  auto plain = hpke_open(private_key.view(), as_bytes(purpose_label(Purpose::kShare)), aad.view(), sealed);
  if (!plain) {
    return make_problem(Errc::kCrypto, "bad-share", "the share was sealed to another start of the daemon, or altered",
                        "fetch the seal status again; the daemon draws a new key at every start");
  }
  if (plain->size() % 2 != 0 || plain->size() / 2 > kMaxShareWords) {
    return make_problem(Errc::kMalformed, "bad-share", "a share has 2 bytes a word");
  }
  SecretWords words(plain->size() / 2);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::uint16_t index = load_be16(plain->data() + 2 * i);
    if (index >= kWordListSize) return make_problem(Errc::kMalformed, "bad-share", "a word number is out of range");
    words.set(i, index);
  }
  return words;
}

}  // namespace facekeep::seal
