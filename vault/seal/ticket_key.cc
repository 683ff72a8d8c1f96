#include "vault/seal/ticket_key.h"

#include "vault/base/digest.h"
#include "vault/seal/aead.h"

namespace facekeep::seal {
namespace {

constexpr std::string_view kKeyInfo("facekeep/ticket/v1\0", 19);
constexpr std::string_view kHalfDomain("facekeep/ticket-half/v1\0", 24);

Purpose purpose_of(HalfWay way) {
  return way == HalfWay::kToBox ? Purpose::kTicketDeposit : Purpose::kTicketReturn;
}

Result<Aad> half_aad(HalfWay way, const HalfPlace& place) {
  Bytes entry;
  append_be64(entry, place.entry);
  return make_aad({place.vault, ""}, place.number, purpose_of(way), entry);
}

}  // namespace

Result<HpkeKeyPair> make_ticket_key(ByteView token_half, ByteView box_half, std::string_view terms) {
  if (token_half.size() != kTicketHalfSize || box_half.size() != kTicketHalfSize) {
    return make_error(Errc::kInvalidArgument, "each half of a ticket has 32 bytes");
  }
  const SecretBytes both = secret_concat({token_half, box_half});
  const SecretBytes ikm = hkdf_sha256(both.view(), {}, concat(as_bytes(kKeyInfo), as_bytes(terms)), kKeySize);
  return derive_hpke_key_pair(ikm.view());
}

Digest half_commitment(ByteView box_half) {
  return sha256({as_bytes(kHalfDomain), box_half});
}

Result<Aad> token_half_context(const Id128& vault, std::uint32_t number) {
  return make_aad({vault, ""}, number, Purpose::kTicketHalf, {});
}

Result<Bytes> seal_half(const X25519Public& to, HalfWay way, const HalfPlace& place, ByteView half) {
  if (half.size() != kTicketHalfSize) return make_error(Errc::kInvalidArgument, "half of a ticket has 32 bytes");
  FK_TRY(const Aad aad, half_aad(way, place));
  return hpke_seal(to, as_bytes(purpose_label(purpose_of(way))), aad.view(), half);
}

Result<SecretBytes> open_half(const SecretBytes& private_key, HalfWay way, const HalfPlace& place, ByteView sealed) {
  if (sealed.size() != kSealedHalfSize) return make_error(Errc::kMalformed, "this is not half of a ticket");
  FK_TRY(const Aad aad, half_aad(way, place));
  return hpke_open(private_key.view(), as_bytes(purpose_label(purpose_of(way))), aad.view(), sealed);
}

}  // namespace facekeep::seal
