#include "hsm/token.h"

#include "tests/support/paths.h"
#include "tests/unit/hsm/fixture.h"

using namespace facekeep;
using namespace facekeep::hsm;

TEST_CASE("a token says what it is", "[softhsm]") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  const TokenIdentity& id = (*pool)->token().identity();
  CHECK(id.label == "facekeep-test");
  CHECK(id.manufacturer == "SoftHSM project");
  CHECK_FALSE(id.model.empty());
  CHECK(id.serial.size() == 16);
  CHECK_FALSE(id.firmware.empty());
  CHECK(id.token_class == "software");
}

TEST_CASE("a wrong PIN is tried once, then the token is left alone") {
  const ShimmedToken t;
  auto module = Module::load(facekeep::test::pkcs11_shim());
  REQUIRE_OK(module);
  auto uri = parse_token_uri(t.uri());
  REQUIRE_OK(uri);
  auto token = Token::open(*module, *uri, SecretBytes::copy_of(as_bytes("999999")), std::nullopt);
  REQUIRE_OK(token);
  for (int i = 0; i < 5; ++i) {
    auto pool = SessionPool::open(*token);
    REQUIRE_FALSE(pool);
    CHECK(pool.error().code == Errc::kHsmPin);
    CHECK(pool.error().message.find("999999") == std::string::npos);
  }
  CHECK(t.shim.calls("C_Login") == 1);
  REQUIRE((*token)->pin_refusal());
}

TEST_CASE("a PIN that stops working while running is tried once, then latched") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE(t.shim.calls("C_Login") == 1);
  for (const char* refusal : {"0xa0", "0xa4"}) {  // PIN_INCORRECT; PIN_LOCKED is not even reached
    t.shim.inject("C_GetSessionInfo 0x101 count 2\nC_Login " + std::string(refusal));
    for (int i = 0; i < 4; ++i) CHECK(code_of((*pool)->check()) == Errc::kHsmPin);
  }
  CHECK(t.shim.calls("C_Login") == 2);
  t.shim.heal();
  const std::size_t before = t.shim.lines().size();
  CHECK(code_of((*pool)->check()) == Errc::kHsmPin);
  CHECK(t.shim.lines().size() == before);  // the token was not touched
  REQUIRE((*pool)->down());
  CHECK((*pool)->down()->code == Errc::kHsmPin);
}

TEST_CASE("a token that is not the vault's is refused before any login, and both are named") {
  const ShimmedToken t;
  const auto refused = t.open({}, ExpectedToken{"SoftHSM project", "0000000000000000"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kFailedPrecondition);
  CHECK(refused.error().message.find("0000000000000000") != std::string::npos);
  CHECK(refused.error().message.find("\"facekeep-test\"") != std::string::npos);
  CHECK(t.shim.calls("C_Login") == 0);
  CHECK_FALSE(t.open({}, ExpectedToken{"Another maker", "0000000000000000"}));

  auto pool = t.open();
  REQUIRE_OK(pool);
  const TokenIdentity id = (*pool)->token().identity();
  CHECK(t.open({}, ExpectedToken{id.manufacturer, id.serial}));
  CHECK_FALSE(t.open({}, ExpectedToken{"Another maker", id.serial}));
}

TEST_CASE("a URI must choose exactly one token") {
  const ShimmedToken t;
  t.token.add_token("second");
  CHECK(code_of(open_token(t.uri("third"), test::SoftHsm::pin())) == Errc::kNotFound);
  const std::string any = std::string("pkcs11:?module-path=") + facekeep::test::pkcs11_shim();
  CHECK(code_of(open_token(any, test::SoftHsm::pin())) == Errc::kInvalidArgument);
  auto second = open_token(t.uri("second"), test::SoftHsm::pin());
  REQUIRE_OK(second);
  CHECK((*second)->token().identity().label == "second");
}

TEST_CASE("a module that can't be loaded says what to do") {
  CHECK(code_of(Module::load("libx.so")) == Errc::kInvalidArgument);
  CHECK(code_of(Module::load("/nonexistent.so")) == Errc::kIo);
  CHECK(code_of(Module::load("/etc/passwd")) == Errc::kIo);
  CHECK(code_of(open_token("pkcs11:token=a", test::SoftHsm::pin())) == Errc::kInvalidArgument);
}

TEST_CASE("a module that does not start is an error, and may start later") {
  const ShimmedToken t;
  t.shim.inject("C_Initialize 0x6");
  CHECK(code_of(Module::load(facekeep::test::pkcs11_shim())) == Errc::kHsm);
  CHECK(code_of(t.open()) == Errc::kHsm);
  t.shim.heal();
  CHECK(t.open());
}

TEST_CASE("a module is one for the process and is finalised at the end") {
  const ShimmedToken t;
  {
    auto a = Module::load(facekeep::test::pkcs11_shim());
    auto b = Module::load(facekeep::test::pkcs11_shim());
    REQUIRE_OK(a);
    REQUIRE_OK(b);
    CHECK(a->get() == b->get());
    CHECK(t.shim.calls("C_Initialize") == 1);
  }
  CHECK(t.shim.calls("C_Finalize") == 1);
}
