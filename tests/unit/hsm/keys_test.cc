#include "hsm/keys.h"

#include <dlfcn.h>

#include "hsm/pkcs11.h"
#include "hsm/wrap.h"
#include "tests/support/paths.h"
#include "tests/unit/hsm/fixture.h"

using namespace facekeep;
using namespace facekeep::hsm;

namespace {

const std::string kLabel = root_label(kVault, 1);

// What a root key is made with; a test then spoils one attribute.
Attributes aes_attributes(bool sensitive, bool extractable, bool wrap) {
  Attributes a;
  a.add(CKA_CLASS, CKO_SECRET_KEY).add(CKA_KEY_TYPE, CKK_AES).add_flag(CKA_TOKEN, true);
  a.add_flag(CKA_PRIVATE, true).add_flag(CKA_SENSITIVE, sensitive).add_flag(CKA_EXTRACTABLE, extractable);
  a.add_flag(CKA_ENCRYPT, true).add_flag(CKA_DECRYPT, true).add_flag(CKA_WRAP, wrap).add_flag(CKA_SIGN, false);
  a.add_flag(CKA_UNWRAP, false).add_flag(CKA_VERIFY, false).add_flag(CKA_DERIVE, false).add_text(CKA_LABEL, kLabel);
  return a;
}

Status generate(SessionPool& pool, Attributes a, unsigned long size = 32) {
  a.add(CKA_VALUE_LEN, size);
  return pool.run(Repeat::kOnce, [&](Session& s) -> Status {
    FK_CHECK(s.calls.generate_key(s.handle, {CKM_AES_KEY_GEN, nullptr, 0}, a));
    return {};
  });
}

Result<WrapKey> find(SessionPool& pool) {
  return pool.run(Repeat::kSafe, [&](Session& s) { return find_wrap_key(s, kLabel); });
}

// What no program of ours calls.
ck_function_list& module_functions() {
  void* module = dlopen(facekeep::test::pkcs11_shim().c_str(), RTLD_NOW);
  REQUIRE(module != nullptr);
  const auto get = reinterpret_cast<ck_rv_t (*)(ck_function_list**)>(dlsym(module, "C_GetFunctionList"));
  ck_function_list* out = nullptr;
  REQUIRE(get != nullptr);
  REQUIRE(get(&out) == CKR_OK);
  return *out;
}

}  // namespace

TEST_CASE("a root key can be neither copied nor given another name", "[softhsm]") {
  for (const bool rsa : {false, true}) {
    INFO((rsa ? "RSA" : "AES"));
    const ShimmedToken t;
    auto pool = t.open();
    REQUIRE_OK(pool);
    auto made = create_wrap_key(**pool, kLabel, rsa);
    REQUIRE_OK(made);
    CHECK(made->evidence.copyable == false);
    CHECK(made->evidence.modifiable == false);
    const auto tried = (*pool)->run(Repeat::kOnce, [&](Session& s) -> Result<bool> {
      FK_TRY(const WrapKey key, find_wrap_key(s, kLabel));
      Attributes other;
      other.add_text(CKA_LABEL, "mine");
      ck_object_handle_t copy = 0;
      ck_function_list& f = module_functions();
      const bool copied = f.C_CopyObject(s.handle, key.handle, other.data(), other.size(), &copy) == CKR_OK;
      const bool renamed = f.C_SetAttributeValue(s.handle, key.handle, other.data(), other.size()) == CKR_OK;
      return copied || renamed;
    });
    REQUIRE_OK(tried);
    CHECK_FALSE(*tried);
    REQUIRE_OK(destroy_key(**pool, kLabel));
  }
}

TEST_CASE("a token that takes no such limits makes the key without them, and the evidence says so") {
  for (const bool rsa : {false, true}) {
    INFO((rsa ? "RSA" : "AES"));
    const ShimmedToken t;
    auto pool = t.open();
    REQUIRE_OK(pool);
    t.shim.inject(std::string(rsa ? "C_GenerateKeyPair" : "C_GenerateKey") + " 0xd1 count 1");
    auto made = create_wrap_key(**pool, kLabel, rsa);
    REQUIRE_OK(made);
    CHECK(made->evidence.copyable == true);
    CHECK(made->evidence.modifiable == true);
  }
}

TEST_CASE("a root key with a wrong attribute is refused, and the attribute named", "[softhsm]") {
  struct Case {
    const char* name;
    Attributes attributes;
    unsigned long size;
    const char* says;
  };
  Case cases[] = {
      {"good", aes_attributes(true, false, false), 32, ""},
      {"readable", aes_attributes(false, false, false), 32, "CKA_SENSITIVE"},
      {"extractable", aes_attributes(true, true, false), 32, "CKA_EXTRACTABLE"},
      {"may wrap keys", aes_attributes(true, false, true), 32, "more than encrypt"},
      {"AES-128", aes_attributes(true, false, false), 16, "not an AES-256 key"},
  };
  for (auto& c : cases) {
    INFO(c.name);
    const ShimmedToken t;
    auto pool = t.open();
    REQUIRE_OK(pool);
    REQUIRE_OK(generate(**pool, std::move(c.attributes), c.size));
    auto key = find(**pool);
    if (*c.says == 0) {
      CHECK(key);
    } else {
      REQUIRE_FALSE(key);
      CHECK(key.error().code == Errc::kIntegrity);
      CHECK(key.error().message.find(c.says) != std::string::npos);
    }
  }
}

TEST_CASE("a root key that was brought in from outside is refused", "[softhsm]") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK((*pool)->run(Repeat::kOnce, [&](Session& s) -> Status {
    Attributes a = aes_attributes(true, false, false);
    a.add_bytes(CKA_VALUE, Bytes(32, 7));
    FK_CHECK(s.calls.create_object(s.handle, a));
    return {};
  }));
  CHECK(code_of(find(**pool)) == Errc::kIntegrity);
}

TEST_CASE("a second root key of one label is refused", "[softhsm]") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK(create_wrap_key(**pool, kLabel, false));
  REQUIRE_OK(generate(**pool, aes_attributes(true, false, false)));
  CHECK(code_of(find(**pool)) == Errc::kIntegrity);
}

TEST_CASE("a key creation that the token loses half-way is not run twice, and leaves nothing", "[softhsm]") {
  for (const char* function : {"C_GenerateKey", "C_GenerateKeyPair"}) {
    const bool rsa = std::string(function) == "C_GenerateKeyPair";
    for (const char* when : {"", " after"}) {
      INFO(function << when);
      const ShimmedToken t;
      auto pool = t.open();
      REQUIRE_OK(pool);
      t.shim.inject(std::string(function) + " 0x32" + when);
      CHECK(code_of(create_wrap_key(**pool, kLabel, rsa)) == Errc::kHsmGone);
      CHECK(t.shim.calls(function) == 1);
      t.shim.heal();
      CHECK(code_of(find(**pool)) == Errc::kNotFound);
    }
  }
}

TEST_CASE("a failed look for an existing label destroys nothing") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK(create_wrap_key(**pool, kLabel, false));
  for (const char* fault : {"C_FindObjectsInit 0x32", "C_FindObjects 0x5", "C_FindObjectsFinal 0xb3"}) {
    INFO(fault);
    t.shim.inject(fault);
    CHECK_FALSE(create_wrap_key(**pool, kLabel, false));
    t.shim.heal();
    CHECK(find(**pool));
  }
}

TEST_CASE("a planted public key does not change what an RSA root wraps to") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  auto made = create_wrap_key(**pool, kLabel, true);
  REQUIRE_OK(made);
  const Bytes mine = made->rsa->to_der();
  // Exchange the public object for another pair's.
  REQUIRE_OK((*pool)->run(Repeat::kOnce, [&](Session& s) -> Status {
    FK_TRY(const auto old, find_one(s, CKO_PUBLIC_KEY, kLabel));
    FK_CHECK(s.calls.destroy_object(s.handle, old));
    const std::uint8_t e[] = {1, 0, 1};
    Attributes pub, priv;
    pub.add_flag(CKA_TOKEN, true).add(CKA_MODULUS_BITS, 2048).add_bytes(CKA_PUBLIC_EXPONENT, e);
    pub.add_text(CKA_LABEL, kLabel).add_flag(CKA_ENCRYPT, true);
    FK_CHECK(s.calls.generate_key_pair(s.handle, {CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr, 0}, pub, priv));
    return {};
  }));
  auto key = find(**pool);
  REQUIRE_OK(key);
  CHECK(key->rsa->to_der() == mine);
}

TEST_CASE("destroying tells what is not there") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  CHECK(code_of(destroy_key(**pool, kLabel)) == Errc::kNotFound);
  REQUIRE_OK(create_wrap_key(**pool, kLabel, true));
  t.shim.inject("C_DestroyObject 0x32 count 1 after");  // lost, but done
  CHECK(destroy_key(**pool, kLabel));
  CHECK(code_of(destroy_key(**pool, kLabel)) == Errc::kNotFound);
}
