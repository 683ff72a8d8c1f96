#include "api/json_view.h"

#include <random>

#include "api/json_fields.h"
#include "tests/support/catch.h"

namespace facekeep::api {
namespace {

std::string problem_of(std::string_view text, const JsonLimits& limits = {}) {
  const auto r = check_json(text, limits);
  return r ? "" : r.error().problem;
}

TEST_CASE("values of every kind are accepted, white space around them too") {
  for (const char* text : {"{}", "[]", "null", "true", "false", "0", "-0", "-1.5e-7", "1E+3", "\"\"", " [1 , 2 ] ",
                           "{\"a\":{\"b\":[{},[]]}}", "\"\\u00e9\\ud83d\\ude00\\n\\/\"", "\"\xc3\xa9\""}) {
    CAPTURE(text);
    REQUIRE(problem_of(text) == "");
    REQUIRE(parse_json(text));
  }
}

TEST_CASE("what is not JSON is refused as not-json") {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{1:2}",
                           "01",
                           "1.",
                           ".5",
                           "1e",
                           "+1",
                           "-",
                           "0x1",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "nul",
                           "tru",
                           "truex",
                           "\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "\"\n\"",
                           "'a'",
                           "[1]x",
                           "[1][2]",
                           "//c\n1",
                           "\"\xff\"",

                           "[1}",
                           "{\"a\":1]"}) {
    CAPTURE(text);
    REQUIRE(problem_of(text) == "not-json");
    REQUIRE_FALSE(parse_json(text));
  }
}

TEST_CASE("a byte order mark is not JSON") {
  REQUIRE(problem_of("\xef\xbb\xbf{}") == "not-json");
}

TEST_CASE("a key that comes twice in one object is refused, however it is written") {
  REQUIRE(problem_of(R"({"a":1,"a":2})") == "duplicate-key");
  REQUIRE(problem_of(R"({"a":1,"\u0061":2})") == "duplicate-key");
  REQUIRE(problem_of(R"([{"b":{"a":1,"a":2}}])") == "duplicate-key");
  REQUIRE(problem_of(R"({"a":{"a":1},"b":{"a":1}})") == "");
}

TEST_CASE("nesting and counts over the limits are refused") {
  JsonLimits limits;
  limits.max_depth = 3;
  REQUIRE(problem_of("[[[1]]]", limits) == "");
  REQUIRE(problem_of("[[[[1]]]]", limits) == "json-too-deep");
  REQUIRE(problem_of(std::string(1000000, '[')) == "json-too-deep");
  limits.max_values = 4;
  REQUIRE(problem_of("[1,2,3]", limits) == "");
  REQUIRE(problem_of("[1,2,3,4]", limits) == "json-too-large");
}

TEST_CASE("members and elements are cut at their own ends") {
  const auto object = check_json(R"( {"a" : [1, {"x":"]}"}] , "b\"" :"c,d\\", "e":-1.5e3 , "f" : null,"g":{} } )");
  REQUIRE(object);
  const auto m = members(*object);
  REQUIRE(m.size() == 5);
  REQUIRE(m[0].key == "a");
  REQUIRE(m[0].value.text() == R"([1, {"x":"]}"}])");
  REQUIRE(m[1].key == "b\"");
  REQUIRE(m[1].value.raw_string() == "c,d\\\\");
  REQUIRE(m[2].value.text() == "-1.5e3");
  REQUIRE(m[3].value.text() == "null");
  REQUIRE(m[4].value.text() == "{}");
  const auto e = elements(m[0].value);
  REQUIRE(e.size() == 2);
  REQUIRE(e[0].text() == "1");
  REQUIRE(e[1].text() == R"({"x":"]}"})");
  REQUIRE(elements(*check_json("[ ]")).empty());
  REQUIRE(members(*check_json("{ }")).empty());
}

TEST_CASE("it accepts what parse_json accepts, and nothing else, on mutated texts") {
  const std::string seed =
      R"({"door":"d1","probe":[0.1,-2,3e4,true,null],"deep":{"a":[{"b":"\u00e9\\"},[]]},"s":"x\"y"})";
  std::mt19937 random(7);
  const std::string alphabet = "{}[],:\"\\0123456789.eE+-truefalsn u\t\n\x01\xc3\xa9";
  int accepted = 0;
  for (int round = 0; round < 60000; ++round) {
    std::string text = seed;
    const unsigned edits = 1 + random() % 3;
    for (unsigned i = 0; i < edits; ++i) {
      const std::size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0: text[at] = c; break;
        case 1: text.insert(at, 1, c); break;
        default: text.erase(at, 1); break;
      }
    }
    const auto reference = parse_json(text);
    const auto mine = check_json(text);
    if (!reference && reference.error().message == "a number is out of range") continue;
    INFO(text);
    REQUIRE(static_cast<bool>(mine) == static_cast<bool>(reference));
    if (!mine) continue;
    ++accepted;
    if (mine->kind() != JsonView::Kind::kObject) continue;
    const auto m = members(*mine);
    REQUIRE(m.size() == reference->size());
    for (const auto& [key, value] : m) REQUIRE(*value.to_json() == reference->at(key));
  }
  REQUIRE(accepted > 1000);
}

TEST_CASE("fields name what is missing, unknown or of a wrong type") {
  const auto problem = [](std::string_view text) {
    const auto body = check_json(text);
    Fields f(*body, "the request body");
    f.text("door", 8);
    f.take_optional("note");
    const auto s = f.finish();
    return s ? std::string() : std::string(s.error().problem);
  };
  REQUIRE(problem(R"({"door":"d"})") == "");
  REQUIRE(problem(R"({"door":"d","note":[1]})") == "");
  REQUIRE(problem(R"({})") == "missing-field");
  REQUIRE(problem(R"([])") == "wrong-type");
  REQUIRE(problem(R"({"door":1})") == "wrong-type");
  REQUIRE(problem(R"({"door":"123456789"})") == "field-too-long");
  REQUIRE(problem(R"({"door":"d","Door":"e"})") == "unknown-field");
}

TEST_CASE("an unknown field's name is not repeated when it could hurt a terminal") {
  const auto body = check_json("{\"\\u001b[31m\":1}");
  Fields f(*body, "the request body");
  const auto s = f.finish();
  REQUIRE_FALSE(s);
  REQUIRE(s.error().message.find('\x1b') == std::string::npos);
}

}  // namespace
}  // namespace facekeep::api
