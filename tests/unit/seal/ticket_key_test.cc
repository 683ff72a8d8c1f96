// The key of a restart ticket: both halves and the terms, and nothing less.
#include "vault/seal/ticket_key.h"

#include "tests/support/catch.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::seal;

namespace {

const Id128 kVault{0xab, 1};

Bytes filled(std::uint8_t value, std::size_t size = kTicketHalfSize) {
  return Bytes(size, value);
}

}  // namespace

TEST_CASE("the key follows from both halves and the terms alone") {
  const auto key = [](std::uint8_t token, std::uint8_t box, std::string_view terms) {
    return make_ticket_key(filled(token), filled(box), terms)->public_key;
  };
  CHECK(key(1, 2, "terms") == key(1, 2, "terms"));
  CHECK(key(1, 2, "terms") != key(2, 1, "terms"));
  CHECK(key(1, 2, "terms") != key(1, 3, "terms"));
  CHECK(key(1, 2, "terms") != key(3, 2, "terms"));
  CHECK(key(1, 2, "terms") != key(1, 2, "other terms"));
  CHECK(x25519_public(make_ticket_key(filled(1), filled(2), "t")->private_key.view()).value() == key(1, 2, "t"));
}

TEST_CASE("a half of another length is none") {
  for (const std::size_t size : {0U, 31U, 33U, 64U}) {
    CHECK_FALSE(make_ticket_key(filled(1, size), filled(2), "terms"));
    CHECK_FALSE(make_ticket_key(filled(1), filled(2, size), "terms"));
    CHECK_FALSE(seal_half({}, HalfWay::kToBox, {kVault, 1, 2}, filled(1, size)));
  }
}

TEST_CASE("the commitment is to the half, under its own domain") {
  const Bytes half = filled(7);
  CHECK(half_commitment(half) == sha256(concat(to_bytes(std::string_view("facekeep/ticket-half/v1\0", 24)), half)));
}

TEST_CASE("a half on its way opens at its end, for its place, and nowhere else") {
  const HpkeKeyPair to = generate_hpke_key_pair();
  const HalfPlace place{kVault, 3, 17};
  Bytes sealed = seal_half(to.public_key, HalfWay::kToVault, place, filled(9)).value();
  CHECK(sealed.size() == kSealedHalfSize);
  const auto opens = [&](HalfWay way, const HalfPlace& at) {
    const auto half = open_half(to.private_key, way, at, sealed);
    return half && constant_time_equal(half->view(), filled(9));
  };
  CHECK(opens(HalfWay::kToVault, place));
  CHECK_FALSE(opens(HalfWay::kToBox, place));
  CHECK_FALSE(opens(HalfWay::kToVault, {kVault, 4, 17}));
  CHECK_FALSE(opens(HalfWay::kToVault, {kVault, 3, 18}));
  CHECK_FALSE(opens(HalfWay::kToVault, {Id128{0xab, 2}, 3, 17}));
  CHECK_FALSE(open_half(generate_hpke_key_pair().private_key, HalfWay::kToVault, place, sealed));
  sealed.back() ^= 1;
  CHECK_FALSE(opens(HalfWay::kToVault, place));
  sealed.pop_back();
  CHECK_FALSE(opens(HalfWay::kToVault, place));
}
