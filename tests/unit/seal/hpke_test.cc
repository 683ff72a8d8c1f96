#include "vault/seal/hpke.h"

#include "tests/unit/seal/shared_vectors.h"

using namespace facekeep;
using namespace facekeep::seal;

namespace {
Bytes hex(const Json& v, const char* name) {
  return *from_hex(v.at(name).get<std::string>());
}
X25519Public public_of(const Bytes& b) {
  X25519Public out{};
  REQUIRE(b.size() == out.size());
  std::copy(b.begin(), b.end(), out.begin());
  return out;
}
}  // namespace

TEST_CASE("HPKE base mode gives the published results, both AEADs") {
  const auto cases = test::shared_json("hpke-x25519.json");
  if (!cases) return;
  CHECK(cases->size() == 2);
  for (const Json& v : *cases) {
    const auto aead = static_cast<HpkeAead>(std::stoi(v.at("aead_id").get<std::string>()));
    const HpkeKeyPair recipient = *derive_hpke_key_pair(hex(v, "ikmR"));
    CHECK(to_bytes(recipient.private_key.view()) == hex(v, "skRm"));
    CHECK(to_bytes(recipient.public_key) == hex(v, "pkRm"));
    // What this set calls a seed is the ephemeral private key itself, not key material for one.
    const SecretBytes seed = SecretBytes::copy_of(hex(v, "sender_seed"));
    const HpkeKeyPair ephemeral{seed.clone(), *x25519_public(seed.view())};
    auto sender = *HpkeSender::create_deterministic(recipient.public_key, hex(v, "info"), aead, ephemeral);
    CHECK(to_bytes(sender.enc()) == hex(v, "enc"));
    auto receiver =
        *HpkeRecipient::create(public_of(hex(v, "enc")), recipient.private_key.view(), hex(v, "info"), aead);
    CHECK(v.at("encryptions").size() >= 4);
    for (const Json& e : v.at("encryptions")) {
      CHECK(*sender.seal(hex(e, "aad"), hex(e, "pt")) == hex(e, "ct"));
      CHECK(to_bytes(receiver.open(hex(e, "aad"), hex(e, "ct"))->view()) == hex(e, "pt"));
    }
  }
}

TEST_CASE("one message goes to its recipient and to nobody else") {
  const HpkeKeyPair to = generate_hpke_key_pair();
  const HpkeKeyPair other = generate_hpke_key_pair();
  const Bytes sealed = *hpke_seal(to.public_key, as_bytes("info"), as_bytes("aad"), as_bytes("secret"));
  CHECK(sealed.size() == 6 + kHpkeOverhead);
  CHECK(as_chars(hpke_open(to.private_key.view(), as_bytes("info"), as_bytes("aad"), sealed)->view()) == "secret");
  CHECK_FALSE(hpke_open(other.private_key.view(), as_bytes("info"), as_bytes("aad"), sealed));
  CHECK_FALSE(hpke_open(to.private_key.view(), as_bytes("inf0"), as_bytes("aad"), sealed));
  CHECK_FALSE(hpke_open(to.private_key.view(), as_bytes("info"), as_bytes("aae"), sealed));
}

TEST_CASE("one flipped bit anywhere keeps an HPKE message shut") {
  const HpkeKeyPair to = generate_hpke_key_pair();
  const Bytes sealed = *hpke_seal(to.public_key, {}, {}, as_bytes("secret"));
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes bad = sealed;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    const auto opened = hpke_open(to.private_key.view(), {}, {}, bad);
    INFO("bit " << bit);
    CHECK_FALSE(opened);
  }
  for (std::size_t n = 0; n < sealed.size(); ++n) {
    CHECK_FALSE(hpke_open(to.private_key.view(), {}, {}, ByteView(sealed).first(n)));
  }
}

TEST_CASE("public keys of low order are refused (RFC 7748 section 6.1)") {
  const HpkeKeyPair own = generate_hpke_key_pair();
  for (const char* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    INFO(point);
    const X25519Public low = *from_hex_exact<32>(point);
    CHECK(HpkeSender::create(low, {}).error().code == Errc::kCrypto);
    CHECK(HpkeRecipient::create(low, own.private_key.view(), {}).error().code == Errc::kCrypto);
  }
}

TEST_CASE("a message that does not open leaves the sequence where it is") {
  const HpkeKeyPair to = generate_hpke_key_pair();
  auto sender = *HpkeSender::create(to.public_key, {});
  auto receiver = *HpkeRecipient::create(sender.enc(), to.private_key.view(), {});
  const Bytes first = *sender.seal({}, as_bytes("1"));
  const Bytes second = *sender.seal({}, as_bytes("2"));
  CHECK_FALSE(receiver.open({}, second));
  CHECK(receiver.open({}, first));
  CHECK(receiver.open({}, second));
}

TEST_CASE("HPKE keys of the wrong size are refused") {
  CHECK_FALSE(derive_hpke_key_pair(Bytes(31)));
  CHECK_FALSE(x25519_public(Bytes(31)));
  CHECK_FALSE(HpkeRecipient::create(generate_hpke_key_pair().public_key, Bytes(33), {}));
}
