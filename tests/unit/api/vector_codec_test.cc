#include "api/vector_codec.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "tests/support/catch.h"

namespace facekeep::api {
namespace {

Result<ScopedVector> decode(const std::string& json) {
  const auto view = check_json(json);
  REQUIRE(view);
  return decode_vector(*view);
}

std::string problem_of(const std::string& json) {
  const auto r = decode(json);
  return r ? "" : r.error().problem;
}

// An array of `n` values, the first of which is `first`.
std::string array(std::size_t n, const std::string& first = "1") {
  std::string out = "[" + first;
  for (std::size_t i = 1; i < n; ++i) out += ",0.25";
  return out + "]";
}

std::string base64(const std::vector<float>& values) {
  Bytes bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return "\"" + to_base64(bytes) + "\"";
}

std::vector<float> random_vector(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(n);
  for (float& v : out) v = normal(random);
  return out;
}

TEST_CASE("base64 of little-endian float32 gives the same bits") {
  for (const std::size_t n : {64U, 128U, 512U, 1024U}) {
    const auto values = random_vector(n, static_cast<unsigned>(n));
    const auto r = decode(base64(values));
    REQUIRE(r);
    REQUIRE(r->values == values);
  }
}

TEST_CASE("an array of numbers gives the nearest float32, bit for bit") {
  const auto values = random_vector(512, 3);
  std::string shortest = "[";
  for (const float v : values) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", static_cast<double>(v));
    shortest += (shortest.size() > 1 ? "," : "") + std::string(text);
  }
  const auto r = decode(shortest + "]");
  REQUIRE(r);
  REQUIRE(r->values == values);
}

TEST_CASE("a decimal is rounded once: not to double first") {
  // Halfway between two float32 values but for its last digits: through a double it would round down.
  const auto r = decode(array(64, "1.00000005960464478"));
  REQUIRE(r);
  REQUIRE(r->values[0] == std::strtof("1.00000005960464478", nullptr));
}

TEST_CASE("base64 with escaped slashes and plus signs is the same base64") {
  std::vector<float> values = random_vector(64, 9);
  values[0] = std::bit_cast<float>(0x3fbefbef);  // "77++" and the like in base64
  std::string text = base64(values);
  std::string escaped;
  for (const char c : text) {
    if (c == '/') {
      escaped += "\\/";
    } else if (c == '+') {
      escaped += "\\u002B";
    } else {
      escaped += c;
    }
  }
  REQUIRE(escaped != text);
  const auto r = decode(escaped);
  REQUIRE(r);
  REQUIRE(r->values == values);
}

TEST_CASE("numbers too small for float32 are zero, too large ones infinite") {
  REQUIRE(decode(array(64, "1e-60"))->values[0] == 0.0F);
  REQUIRE(decode(array(64, "1e-999"))->values[0] == 0.0F);
  REQUIRE(problem_of(array(64, "1e39")) == "infinite");
  REQUIRE(problem_of(array(64, "-1e999")) == "infinite");
}

TEST_CASE("each wrong vector has its own problem") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  auto with = [](float v) {
    auto values = random_vector(64, 1);
    values[63] = v;
    return base64(values);
  };
  REQUIRE(problem_of(with(nan)) == "not-a-number");
  REQUIRE(problem_of(with(inf)) == "infinite");
  REQUIRE(problem_of(with(-inf)) == "infinite");
  REQUIRE(problem_of(base64(std::vector<float>(128, 0.0F))) == "zero-vector");
  REQUIRE(problem_of(base64(std::vector<float>(128, 1e-30F))) == "norm-out-of-range");
  REQUIRE(problem_of(array(64, "null")) == "not-a-number");
  REQUIRE(problem_of(array(64, "\"1\"")) == "not-a-number");
  REQUIRE(problem_of(array(64, "[1]")) == "not-a-number");
  REQUIRE(problem_of(array(64, "0." + std::string(100, '1'))) == "not-a-number");
  REQUIRE(problem_of("[]") == "wrong-dimension");
  REQUIRE(problem_of("\"\"") == "wrong-dimension");
  REQUIRE(problem_of(array(1025)) == "wrong-dimension");
  REQUIRE(problem_of(base64(std::vector<float>(1025, 1.0F))) == "wrong-dimension");
  REQUIRE(problem_of("\"AAAA\"") == "wrong-dimension");  // three bytes
  REQUIRE(problem_of("\"not base64!\"") == "bad-base64");
  REQUIRE(problem_of("\"AAAAAA\"") == "bad-base64");  // no padding
  REQUIRE(problem_of("\"AAAA\\nAAAA\"") == "bad-base64");
}

TEST_CASE("where a vector alone is taken, a JWS is none") {
  REQUIRE(problem_of("\"eyJh.eyJi.c2ln\"") == "bad-base64");
  REQUIRE(problem_of(R"({"payload":"x","signatures":[]})") == "wrong-type");
}

TEST_CASE("a probe is a vector, or a text with two dots that is left to the service") {
  const auto probe = [](const std::string& json) -> std::pair<std::string, std::size_t> {
    const auto view = check_json(json);
    REQUIRE(view);
    const auto r = decode_probe(*view);
    if (!r) return {r.error().problem, 0};
    return {std::string(r->jws), r->vector.values.size()};
  };
  REQUIRE(probe("\"eyJh.eyJi.c2ln\"") == std::pair<std::string, std::size_t>("eyJh.eyJi.c2ln", 0));
  REQUIRE(probe(array(64)) == std::pair<std::string, std::size_t>("", 64));
  REQUIRE(probe(base64(std::vector<float>(64, 1.0F))) == std::pair<std::string, std::size_t>("", 64));
  REQUIRE(probe("\"a.b\"").first == "bad-base64");
  REQUIRE(probe("\"a.b\\u002Ec.\"").first == "bad-jws");
  REQUIRE(probe(R"({"payload":"x","signatures":[]})").first == "bad-jws");
  REQUIRE(probe("1").first == "wrong-type");
}

TEST_CASE("other JSON values are no vector") {
  for (const char* text : {"1", "true", "null"}) REQUIRE(problem_of(text) == "wrong-type");
}

TEST_CASE("no error quotes a value") {
  for (const std::string& bad :
       {array(64, "123456789e99"), array(64, "\"123456789\""), std::string("\"123456789!\"")}) {
    const auto r = decode(bad);
    REQUIRE_FALSE(r);
    REQUIRE((r.error().message + r.error().hint).find("123456789") == std::string::npos);
  }
}

}  // namespace
}  // namespace facekeep::api
