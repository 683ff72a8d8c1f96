#include "hsm/uri.h"

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::hsm;

TEST_CASE("a token URI gives what it asks of a token") {
  const auto uri = parse_token_uri(
      "pkcs11:token=My%20vault;serial=0af3;manufacturer=Some%20Co;model=v2;slot-id=7?module-path=/usr/lib/x.so");
  REQUIRE(uri);
  CHECK(uri->label == "My vault");
  CHECK(uri->serial == "0af3");
  CHECK(uri->manufacturer == "Some Co");
  CHECK(uri->model == "v2");
  CHECK(uri->slot_id == 7u);
  CHECK(uri->module_path == "/usr/lib/x.so");
}

TEST_CASE("an absent attribute asks nothing") {
  const auto uri = parse_token_uri("pkcs11:token=a");
  REQUIRE(uri);
  CHECK(uri->label == "a");
  CHECK_FALSE(uri->serial);
  CHECK_FALSE(uri->manufacturer);
  CHECK_FALSE(uri->model);
  CHECK_FALSE(uri->slot_id);
  CHECK(uri->module_path.empty());
}

TEST_CASE("a PIN in the URI is refused and not repeated") {
  for (const char* text : {"pkcs11:token=a?pin-value=7391", "pkcs11:token=%zz?pin-value=7391",
                           "pkcs11:token=a?module-path=/x&pin-value=7391", "pkcs11:token=a?pin-source=/run/7391"}) {
    INFO(text);
    const auto uri = parse_token_uri(text);
    REQUIRE_FALSE(uri);
    CHECK(uri.error().code == Errc::kInvalidArgument);
    CHECK_FALSE(uri.error().hint.empty());
    CHECK((uri.error().message + uri.error().hint).find("7391") == std::string::npos);
  }
}

TEST_CASE("what is not a token URI is refused") {
  for (const char* text :
       {"", "token=a", "http://x", "pkcs11:token=%zz", "pkcs11:token=a;token=b", "pkcs11:object=k",
        "pkcs11:token=a;id=%01", "pkcs11:token=a;type=cert", "pkcs11:library-manufacturer=x",
        "pkcs11:slot-description=x", "pkcs11:token=a?module-name=x", "pkcs11:token=a;x-unknown=1", "pkcs11:slot-id=abc",
        "pk\ncs11:token=a", "pkcs11:token=a b", " pkcs11:token=a", "pkcs11:token=\xc3\xa9"}) {
    INFO(text);
    CHECK_FALSE(parse_token_uri(text));
  }
  CHECK_FALSE(parse_token_uri(std::string_view("pkcs11:token=a\0b", 16)));
}

TEST_CASE("a URI of a key is its token's, and the label of the pair") {
  const auto key = parse_key_uri("pkcs11:token=alice;object=my%20key;type=private;serial=12?module-path=/m.so");
  REQUIRE(key);
  CHECK(key->label == "my key");
  const auto token = parse_token_uri(key->token);
  REQUIRE(token);
  CHECK(token->label == "alice");
  CHECK(token->serial == "12");
  CHECK(token->module_path == "/m.so");
  CHECK(parse_key_uri("pkcs11:object=x;token=alice")->token == "pkcs11:token=alice");
  for (const char* bad : {"", "alice", "pkcs11:token=alice", "pkcs11:token=alice;object=", "pkcs11:object=x;id=%01",
                          "pkcs11:object=x?pin-value=1234", "pkcs11:object=x?pin-source=/pin"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_key_uri(bad));
  }
}
