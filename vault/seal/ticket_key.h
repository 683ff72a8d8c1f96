// The key of a restart ticket, made of two halves of 32 random bytes: one that the token wraps, one that the box keeps.
//
//   ikm = HKDF-SHA256(secret: token's half || box's half, salt: none, info: "facekeep/ticket/v1" || 0x00 || terms)
//   key = DeriveKeyPair(ikm)     RFC 9180 section 7.1.3, DHKEM(X25519, HKDF-SHA256)
//
// What the token made of the sites' keys is sealed to it as it is to the custodians' U (site_key.h), so an opening with
// a ticket goes the way of one with cards. `terms` is vault/ledger/ticket.h, ticket_terms: other terms give another
// key. One half alone says nothing about the key. Bytes in vault/seal/FORMAT.md. Pure, thread safe.
#pragma once

#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"
#include "vault/seal/aad.h"
#include "vault/seal/hpke.h"

namespace facekeep::seal {

inline constexpr std::size_t kTicketHalfSize = 32;

// kInvalidArgument unless both halves have 32 bytes.
Result<HpkeKeyPair> make_ticket_key(ByteView token_half, ByteView box_half, std::string_view terms);

// SHA-256("facekeep/ticket-half/v1" || 0x00 || half): in the log, so that the box knows that it got the right one.
Digest half_commitment(ByteView box_half);

// What the token's half is wrapped with.
Result<Aad> token_half_context(const Id128& vault, std::uint32_t number);

// The box's half on its way, sealed (HPKE): to the box after the ticket was made, to a key that the box draws at every
// start; and back to the key of the daemon's start. `entry`: of ticket-made, of that start.
enum class HalfWay : std::uint8_t { kToBox, kToVault };
struct HalfPlace {
  Id128 vault{};
  std::uint32_t number = 0;
  std::uint64_t entry = 0;
};
inline constexpr std::size_t kSealedHalfSize = kTicketHalfSize + kHpkeOverhead;
Result<Bytes> seal_half(const X25519Public& to, HalfWay way, const HalfPlace& place, ByteView half);
// kMalformed: not such bytes. kCrypto: sealed to another key, for another place, or altered.
Result<SecretBytes> open_half(const SecretBytes& private_key, HalfWay way, const HalfPlace& place, ByteView sealed);

}  // namespace facekeep::seal
