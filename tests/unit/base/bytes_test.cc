#include "vault/base/bytes.h"

#include "tests/support/catch.h"

using namespace facekeep;

TEST_CASE("hexadecimal has one text form") {
  const Bytes b = {0x00, 0xab, 0xff};
  CHECK(to_hex(b) == "00abff");
  CHECK(*from_hex("00abff") == b);
  CHECK_FALSE(from_hex("00ABff"));
  CHECK_FALSE(from_hex("0"));
  CHECK_FALSE(from_hex_exact<2>("00abff"));
}

TEST_CASE("base64 follows the vectors of RFC 4648 section 10") {
  const std::pair<std::string, std::string> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : cases) {
    CHECK(to_base64(as_bytes(plain)) == text);
    CHECK(as_chars(*from_base64(text)) == plain);
    CHECK(as_chars(*from_base64url(to_base64url(as_bytes(plain)))) == plain);
  }
}

TEST_CASE("base64 refuses what a lenient reader takes") {
  for (const char* bad : {"Zg=", "Zg", "Zh==", "Zg==\n", "Z g=", "====", "Zm9v=", "Zm-v"}) {
    INFO(bad);
    CHECK_FALSE(from_base64(bad));
  }
}

TEST_CASE("UTF-8 is checked as RFC 3629 says") {
  CHECK(is_valid_utf8("plain \xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x98\x80"));
  CHECK_FALSE(is_valid_utf8("\xC0\x80"));          // overlong
  CHECK_FALSE(is_valid_utf8("\xED\xA0\x80"));      // surrogate
  CHECK_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));  // beyond U+10FFFF
  CHECK_FALSE(is_valid_utf8("\xE4\xBD"));          // cut short
}
