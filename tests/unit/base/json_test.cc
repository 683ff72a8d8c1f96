#include "vault/base/json.h"

#include "tests/support/catch.h"

using namespace facekeep;

TEST_CASE("strangers' JSON is read strictly") {
  CHECK(parse_json(R"({"a":[1,2.5,"x"]})"));
  for (const char* bad : {"", "{", "{} x", R"({"a":1,"a":2})", R"({"a":{"b":1,"b":1}})", "[1e999]", "\"\xff\"", "nul",
                          "[1,]", "{\"a\":01}", "\xef\xbb\xbf{}"}) {
    INFO(bad);
    CHECK_FALSE(parse_json(bad));
  }
  CHECK_FALSE(parse_json(std::string_view("1\0 and more", 11)));
  CHECK_FALSE(parse_json(std::string_view("{}\0", 3)));
}

TEST_CASE("nesting and size have limits") {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  CHECK(parse_json(nested(16)));
  CHECK(parse_json(nested(17)).error().message == "nested too deeply");
  CHECK_FALSE(parse_json(nested(200000)));
  CHECK(parse_json("[1,2]", {.max_depth = 4, .max_values = 3}));
  CHECK_FALSE(parse_json("[1,2,3]", {.max_depth = 4, .max_values = 3}));
}

TEST_CASE("an error never quotes the text") {
  CHECK(parse_json(R"({"share":"secret words" oops)").error().message.find("secret") == std::string::npos);
}

TEST_CASE("canonical form is that of RFC 8785 for what the log allows") {
  const Json v = {{"b", 1}, {"a", {true, nullptr, "\x01\n\"\\/\xE2\x82\xAC"}}, {"\x7e", -5}};
  CHECK(*canonical_json(v) == "{\"a\":[true,null,\"\\u0001\\n\\\"\\\\/\xE2\x82\xAC\"],\"b\":1,\"~\":-5}");
  CHECK_FALSE(canonical_json(Json{{"a", 1.5}}));
  CHECK_FALSE(canonical_json(Json{{"\xC3\xA9", 1}}));
  CHECK(canonical_json(Json{{"a", 9007199254740991}}));
  CHECK_FALSE(canonical_json(Json{{"a", 9007199254740992}}));
  CHECK_FALSE(canonical_json(Json{{"a", std::uint64_t{1} << 63}}));
}

TEST_CASE("only canonical text is canonical") {
  CHECK(parse_canonical_json(R"({"a":1,"b":2})"));
  for (const char* bad : {R"({"b":2,"a":1})", R"({"a": 1})", R"({"a":1.0})", R"({"a":"\u0041"})", R"({"a":-0})"}) {
    INFO(bad);
    CHECK_FALSE(parse_canonical_json(bad));
  }
}
