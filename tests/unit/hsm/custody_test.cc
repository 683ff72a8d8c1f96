#include <atomic>
#include <thread>

#include "hsm/token_custody.h"
#include "hsm/wrapped_blob.h"
#include "tests/unit/hsm/fixture.h"

using namespace facekeep;
using namespace facekeep::hsm;

namespace {

const Bytes kSecret(32, 0x5a);
const ByteView kContext = as_bytes("site 1");

// A provisioned token and its custody.
struct Vault {
  explicit Vault(const ProvisionOptions& options = {}) {
    auto opened = token.open();
    REQUIRE_OK(opened);
    pool = *opened;
    auto made = provision(*pool, kVault, 1, options);
    REQUIRE_OK(made);
    provisioned = std::move(*made);
    auto c = TokenCustody::open(pool, kVault);
    REQUIRE_OK(c);
    custody = std::move(*c);
  }
  [[nodiscard]] Result<Bytes> sign(ByteView message) const {
    return custody->sign_checkpoint(provisioned.log_public_key, message);
  }
  ShimmedToken token;
  std::shared_ptr<SessionPool> pool;
  Provisioned provisioned;
  std::unique_ptr<TokenCustody> custody;
};

void check_evidence(const KeyEvidence& e, const std::string& label, const std::string& mechanism) {
  CHECK(e.label == label);
  CHECK(e.mechanism == mechanism);
  CHECK(e.local);
  CHECK(e.always_sensitive);
  CHECK(e.never_extractable);
  CHECK(e.sensitive);
  CHECK_FALSE(e.extractable);
}

void check_round_trip(Custody& custody) {
  auto blob = custody.wrap(1, kSecret, kContext);
  REQUIRE_OK(blob);
  auto again = custody.wrap(1, kSecret, kContext);
  REQUIRE_OK(again);
  CHECK(*blob != *again);
  auto secret = custody.unwrap(1, *blob, kContext);
  REQUIRE_OK(secret);
  CHECK(to_bytes(secret->view()) == kSecret);
  CHECK(code_of(custody.unwrap(1, *blob, as_bytes("site 2"))) == Errc::kCrypto);
  CHECK(code_of(custody.unwrap(1, *blob, {})) == Errc::kCrypto);
  CHECK(code_of(custody.unwrap(1, {}, kContext)) == Errc::kCrypto);
  for (const std::size_t size : {std::size_t{1}, std::size_t{64}}) {
    auto edge = custody.wrap(1, Bytes(size, 1), kContext);
    REQUIRE_OK(edge);
    auto back = custody.unwrap(1, *edge, kContext);
    REQUIRE_OK(back);
    CHECK(back->size() == size);
  }
  CHECK(code_of(custody.wrap(1, Bytes(65), kContext)) == Errc::kInvalidArgument);
  CHECK(code_of(custody.wrap(1, {}, kContext)) == Errc::kInvalidArgument);
  CHECK(code_of(custody.wrap(2, kSecret, kContext)) == Errc::kNotFound);
  CHECK(code_of(custody.unwrap(2, *blob, kContext)) == Errc::kCrypto);
}

// No blob with one bit flipped, and none cut short or lengthened, opens.
void check_alterations(Custody& custody, std::size_t step) {
  const auto blob = custody.wrap(1, kSecret, kContext);
  REQUIRE_OK(blob);
  for (std::size_t bit = 0; bit < blob->size() * 8; bit += bit < kBlobHeaderSize * 8 ? 1 : step) {
    Bytes altered = *blob;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    auto opened = custody.unwrap(1, altered, kContext);
    if (opened || opened.error().code != Errc::kCrypto) FAIL("bit " << bit);
  }
  CHECK(code_of(custody.unwrap(1, ByteView(*blob).first(blob->size() - 1), kContext)) == Errc::kCrypto);
  CHECK(code_of(custody.unwrap(1, concat(*blob, Bytes(1)), kContext)) == Errc::kCrypto);
  CHECK(custody.unwrap(1, *blob, kContext));
}

}  // namespace

TEST_CASE("provisioning makes an AES root and an Ed25519 log key with good evidence", "[softhsm]") {
  const Vault v;
  const std::string prefix = "facekeep/11223300000000000000000000000000/";
  check_evidence(v.provisioned.root, prefix + "root-1", "AES-256-GCM");
  check_evidence(v.provisioned.log_key, prefix + "log-sign", "Ed25519");
  CHECK(v.provisioned.log_key_type == NoteKeyType::kEd25519);
  CHECK(v.provisioned.log_public_key.size() == 32);
  CHECK(v.provisioned.token.serial == v.custody->token_identity().serial);
  CHECK(*v.custody->log_keys() == std::vector{LogPublicKey{NoteKeyType::kEd25519, v.provisioned.log_public_key}});
}

TEST_CASE("what is wrapped under AES-GCM opens with its key and context alone", "[softhsm]") {
  const Vault v;
  check_round_trip(*v.custody);
  CHECK((*v.custody->wrap(1, kSecret, kContext))[4] == 1);
  check_alterations(*v.custody, 1);
}

TEST_CASE("what is wrapped under RSA-OAEP opens with its key and context alone") {
  const Vault v({.force_rsa = true});
  check_evidence(v.provisioned.root, root_label(kVault, 1), "RSA-3072-OAEP-SHA1");
  check_round_trip(*v.custody);
  CHECK((*v.custody->wrap(1, kSecret, kContext))[4] == 2);
  check_alterations(*v.custody, 101);
}

TEST_CASE("a token without AES-GCM gets an RSA root, one without EdDSA a P-256 log key") {
  const ShimmedToken t;
  t.shim.inject("hide 0x1087\nhide 0x1057");
  auto pool = t.open();
  REQUIRE_OK(pool);
  auto made = provision(**pool, kVault, 1);
  REQUIRE_OK(made);
  CHECK(made->root.mechanism == "RSA-3072-OAEP-SHA1");
  CHECK(made->log_key_type == NoteKeyType::kEcdsaP256);
}

TEST_CASE("a token that can do neither is refused and nothing is left in it") {
  const ShimmedToken t;
  t.shim.inject("hide 0x1087\nhide 0x9");
  auto pool = t.open();
  REQUIRE_OK(pool);
  CHECK(code_of(provision(**pool, kVault, 1)) == Errc::kHsm);
  t.shim.inject("hide 0x1057\nhide 0x1041");  // a root, but no log key
  CHECK(code_of(provision(**pool, kVault, 1)) == Errc::kHsm);
  t.shim.heal();
  CHECK(*unprovision(**pool, kVault) == 0);
}

TEST_CASE("an RSA token that refuses 3072 bits makes 2048") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  t.shim.inject("C_GenerateKeyPair 0x62 count 1");
  auto root = provision_root(**pool, kVault, 1, true);
  REQUIRE_OK(root);
  CHECK(root->mechanism == "RSA-2048-OAEP-SHA1");
}

TEST_CASE("Ed25519 checkpoints are signed, 64 bytes, and verify", "[softhsm]") {
  const Vault v;
  auto signature = v.sign(as_bytes("origin\n5\nroot\n"));
  REQUIRE_OK(signature);
  CHECK(signature->size() == 64);
  const Bytes key = v.provisioned.log_public_key;
  CHECK(verify_signature(NoteKeyType::kEd25519, key, as_bytes("origin\n5\nroot\n"), *signature));
  CHECK_FALSE(verify_signature(NoteKeyType::kEd25519, key, as_bytes("origin\n6\nroot\n"), *signature));
}

TEST_CASE("P-256 checkpoints are signed over SHA-256, in DER, and verify under the SPKI") {
  const Vault v({.force_p256 = true});
  check_evidence(v.provisioned.log_key, log_label(kVault), "ECDSA-P256");
  CHECK(v.provisioned.log_key_type == NoteKeyType::kEcdsaP256);
  const Bytes key = v.custody->log_keys()->front().bytes;
  CHECK(key.size() == 91);
  for (int i = 0; i < 20; ++i) {  // r and s with and without a leading zero
    auto signature = v.sign(as_bytes("note"));
    REQUIRE_OK(signature);
    CHECK((*signature)[0] == 0x30);
    CHECK(verify_signature(NoteKeyType::kEcdsaP256, key, as_bytes("note"), *signature));
  }
}

TEST_CASE("a further log key signs beside the first, until one is destroyed") {
  for (const bool p256 : {false, true}) {
    const Vault v({.force_p256 = p256});
    const Bytes first = v.provisioned.log_public_key;
    auto next = v.custody->make_log_key();
    REQUIRE_OK(next);
    CHECK(next->type == v.provisioned.log_key_type);
    CHECK(*v.custody->log_keys() == std::vector{LogPublicKey{v.provisioned.log_key_type, first}, *next});
    for (const Bytes& key : {first, next->bytes}) {
      auto signature = v.custody->sign_checkpoint(key, as_bytes("note"));
      REQUIRE_OK(signature);
      CHECK(verify_signature(next->type, key, as_bytes("note"), *signature));
    }
    REQUIRE_OK(v.custody->destroy_log_key(first));
    CHECK(code_of(v.custody->destroy_log_key(first)) == Errc::kNotFound);
    CHECK(code_of(v.sign(as_bytes("note"))) == Errc::kIntegrity);
    CHECK(v.custody->sign_checkpoint(next->bytes, as_bytes("note")));
    // A process that opens the token later finds it, under a label that does not come again.
    auto again = TokenCustody::open(v.pool, kVault);
    REQUIRE_OK(again);
    CHECK(*(*again)->log_keys() == std::vector{*next});
    auto third = (*again)->make_log_key();
    REQUIRE_OK(third);
    CHECK(code_of(create_log_key(*v.pool, kVault, p256, 3)) == Errc::kAlreadyExists);
    CHECK(*unprovision(*v.pool, kVault) > 0);
  }
}

TEST_CASE("half of a log key that a crash left is passed over, and its label is not used again") {
  const Vault v;
  REQUIRE_OK(v.custody->make_log_key());
  const std::string label = log_label(kVault, 2);
  REQUIRE_OK(v.pool->run(Repeat::kOnce, [&](Session& s) -> Status {
    FK_TRY(const auto half, find_one(s, CKO_PUBLIC_KEY, label));
    return s.calls.destroy_object(s.handle, half);
  }));
  CHECK(v.custody->log_keys()->size() == 1);
  CHECK(v.sign(as_bytes("note")));
  auto next = v.custody->make_log_key();
  REQUIRE_OK(next);
  CHECK(v.custody->sign_checkpoint(next->bytes, as_bytes("note")));
  CHECK(v.pool->run(Repeat::kSafe, [&](Session& s) { return log_key_numbers(s, kVault); }).value() ==
        std::vector<std::uint32_t>{1, 2, 3});
}

TEST_CASE("a second creation of a label is refused and changes nothing") {
  const Vault v;
  auto blob = v.custody->wrap(1, kSecret, kContext);
  REQUIRE_OK(blob);
  CHECK(code_of(provision(*v.pool, kVault, 1)) == Errc::kAlreadyExists);
  CHECK(code_of(provision(*v.pool, kVault, 2)) == Errc::kAlreadyExists);  // the log key is there
  CHECK(code_of(provision_root(*v.pool, kVault, 1)) == Errc::kAlreadyExists);
  CHECK(code_of(provision_root(*v.pool, kVault, 1, true)) == Errc::kAlreadyExists);
  CHECK(v.custody->unwrap(1, *blob, kContext));
  CHECK(provision_root(*v.pool, kVault, 2));
  CHECK(code_of(v.custody->unwrap(2, *blob, kContext)) == Errc::kCrypto);
}

TEST_CASE("a blob of one epoch does not open under another, header rewritten or not") {
  const Vault v;
  REQUIRE_OK(provision_root(*v.pool, kVault, 2));
  auto blob = v.custody->wrap(1, kSecret, kContext);
  REQUIRE_OK(blob);
  CHECK(code_of(v.custody->unwrap(2, *blob, kContext)) == Errc::kCrypto);
  Bytes rewritten = *blob;
  rewritten[8] = 2;
  CHECK(code_of(v.custody->unwrap(2, rewritten, kContext)) == Errc::kCrypto);
}

TEST_CASE("a destroyed root opens nothing more") {
  const Vault v;
  auto blob = v.custody->wrap(1, kSecret, kContext);
  REQUIRE_OK(blob);
  REQUIRE_OK(v.custody->destroy_root(1));
  CHECK(code_of(v.custody->unwrap(1, *blob, kContext)) == Errc::kNotFound);
  CHECK(code_of(v.custody->wrap(1, kSecret, kContext)) == Errc::kNotFound);
  CHECK(code_of(v.custody->destroy_root(1)) == Errc::kNotFound);
}

TEST_CASE("a rotation's root is made inside the token, asked for, and gone once it is destroyed") {
  const Vault v;
  CHECK(v.custody->has_root(1).value());
  CHECK_FALSE(v.custody->has_root(2).value());
  const auto made = v.custody->make_root(2);
  REQUIRE_OK(made);
  CHECK(made->mechanism == "AES-256-GCM");
  CHECK((made->local && made->sensitive && made->always_sensitive && made->never_extractable && !made->extractable));
  CHECK(code_of(v.custody->make_root(2)) == Errc::kAlreadyExists);
  CHECK(v.custody->has_root(2).value());
  REQUIRE_OK(v.custody->wrap(2, kSecret, kContext));
  REQUIRE_OK(v.custody->destroy_root(1));
  CHECK_FALSE(v.custody->has_root(1).value());
  CHECK(v.custody->has_root(2).value());
  REQUIRE_OK(v.custody->wrap(2, kSecret, kContext));
}

TEST_CASE("a root destroyed behind the custody's back is noticed although its handle was cached") {
  const Vault v;
  auto blob = v.custody->wrap(1, kSecret, kContext);
  REQUIRE_OK(blob);
  REQUIRE_OK(destroy_key(*v.pool, root_label(kVault, 1)));
  CHECK(code_of(v.custody->unwrap(1, *blob, kContext)) == Errc::kNotFound);
}

TEST_CASE("unprovisioning destroys everything of that vault and nothing of another") {
  const Vault v;
  REQUIRE_OK(provision(*v.pool, kOtherVault, 1));
  REQUIRE_OK(v.custody->write_anchor({1, {}, 1}));
  auto destroyed = unprovision(*v.pool, kVault);
  REQUIRE_OK(destroyed);
  const std::size_t root = v.provisioned.root.mechanism == "AES-256-GCM" ? 1 : 2;
  CHECK(*destroyed == root + 3);  // with the log pair and the anchor
  CHECK(code_of(TokenCustody::open(v.pool, kVault)) == Errc::kNotFound);
  auto other = TokenCustody::open(v.pool, kOtherVault);
  REQUIRE_OK(other);
  CHECK((*other)->wrap(1, kSecret, kContext));
  CHECK(provision(*v.pool, kVault, 1));
}

TEST_CASE("a removed token gives kHsmGone, and everything works when it is back") {
  for (const bool rsa : {false, true}) {
    const Vault v({.force_rsa = rsa});
    auto blob = v.custody->wrap(1, kSecret, kContext);
    REQUIRE_OK(blob);
    v.token.shim.inject("* 0xe0");
    CHECK(code_of(v.custody->unwrap(1, *blob, kContext)) == Errc::kHsmGone);
    CHECK(code_of(v.custody->wrap(1, kSecret, kContext)) == Errc::kHsmGone);
    CHECK(code_of(v.sign(as_bytes("x"))) == Errc::kHsmGone);
    CHECK(code_of(v.custody->read_anchor()) == Errc::kHsmGone);
    CHECK(code_of(v.custody->write_anchor({})) == Errc::kHsmGone);
    CHECK(code_of(v.custody->ping()) == Errc::kHsmGone);
    CHECK(v.custody->down());
    v.token.shim.heal();
    CHECK(v.custody->unwrap(1, *blob, kContext));
    CHECK(v.sign(as_bytes("x")));
    CHECK(v.custody->ping());
    CHECK_FALSE(v.custody->down());
  }
}

TEST_CASE("each call survives one lost session") {
  const Vault v;
  auto blob = v.custody->wrap(1, kSecret, kContext);
  REQUIRE_OK(blob);
  for (const char* fault : {"C_EncryptInit 0xb3 count 1", "C_Encrypt 0x30 count 1", "C_EncryptInit 0x60 count 1"}) {
    INFO(fault);
    v.token.shim.inject(fault);
    CHECK(v.custody->wrap(1, kSecret, kContext));
  }
  for (const char* fault : {"C_DecryptInit 0x101 count 1", "C_Decrypt 0x32 count 1", "C_DecryptInit 0x82 count 1"}) {
    INFO(fault);
    v.token.shim.inject(fault);
    CHECK(v.custody->unwrap(1, *blob, kContext));
  }
  for (const char* fault : {"C_SignInit 0xb0 count 1", "C_Sign 0x190 count 1"}) {
    INFO(fault);
    v.token.shim.inject(fault);
    CHECK(v.sign(as_bytes("x")));
  }
}

TEST_CASE("an unknown failure of the token stays visible") {
  const Vault v;
  v.token.shim.inject("C_Sign 0x80000123");
  auto failed = v.sign(as_bytes("x"));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Errc::kHsm);
  CHECK(failed.error().message.find("0x80000123") != std::string::npos);
}

TEST_CASE("a general error while the token goes away is not taken for an altered blob") {
  const Vault v;
  auto blob = v.custody->wrap(1, kSecret, kContext);
  REQUIRE_OK(blob);
  v.token.shim.inject("C_Decrypt 0x5\nC_GetTokenInfo 0xe0");
  CHECK(code_of(v.custody->unwrap(1, *blob, kContext)) == Errc::kHsmGone);
  v.token.shim.inject("C_Decrypt 0x5");
  CHECK(code_of(v.custody->unwrap(1, *blob, kContext)) == Errc::kCrypto);
}

TEST_CASE("a token that wants to choose the IV and does not is refused", "[softhsm]") {
  const Vault v;
  // It refuses our IV, takes the cleared buffer, and leaves the zeros in it.
  v.token.shim.inject("C_EncryptInit 0x71 count 1");
  CHECK(code_of(v.custody->wrap(1, kSecret, kContext)) == Errc::kHsm);
  CHECK(v.custody->wrap(1, kSecret, kContext));
}

TEST_CASE("no key value is ever asked for") {
  for (const bool rsa : {false, true}) {
    const Vault v({.force_rsa = rsa, .force_p256 = rsa});
    auto blob = v.custody->wrap(1, kSecret, kContext);
    REQUIRE_OK(blob);
    REQUIRE_OK(v.custody->unwrap(1, *blob, kContext));
    REQUIRE_OK(v.sign(as_bytes("x")));
    REQUIRE_OK(v.custody->write_anchor({1, {}, 1}));
    REQUIRE_OK(v.custody->read_anchor());
    std::size_t asked = 0;
    for (const auto& line : v.token.shim.lines()) {
      if (line.starts_with("C_WrapKey") || line.starts_with("C_DeriveKey")) FAIL(line);
      if (!line.starts_with("C_GetAttributeValue")) continue;
      ++asked;
      const bool data_object = line.find("class=0x0 ") != std::string::npos;
      // CKA_VALUE 0x11, private exponent 0x123, primes and the rest to 0x128.
      for (const char* type : {"0x11 ", "0x123 ", "0x124 ", "0x125 ", "0x126 ", "0x127 ", "0x128 "}) {
        if (line.find(std::string("types=") + type) != std::string::npos && !data_object) FAIL(line);
      }
    }
    CHECK(asked > 10);
  }
}

TEST_CASE("many threads share one custody") {
  const Vault v;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 20; ++n) {
        const std::string context = std::to_string(i) + "/" + std::to_string(n);
        auto blob = v.custody->wrap(1, kSecret, as_bytes(context));
        auto secret = blob ? v.custody->unwrap(1, *blob, as_bytes(context)) : Result<SecretBytes>(blob.error());
        if (!secret || to_bytes(secret->view()) != kSecret) ++wrong;
        if (!v.sign(as_bytes(context))) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}
