#include "api/http/types.h"

#include "api/http/problem.h"
#include "api/http/socket.h"
#include "tests/support/catch.h"
#include "vault/base/json.h"

using namespace facekeep;
using namespace facekeep::http;

TEST_CASE("a path is split before it is decoded") {
  using Parts = std::vector<std::string>;
  CHECK(*split_path("/") == Parts{});
  CHECK(*split_path("/v1/sites/a%2Fb") == Parts{"v1", "sites", "a/b"});
  CHECK(*split_path("/%E4%BD%A0/x+y") == Parts{"\xE4\xBD\xA0", "x+y"});
  CHECK(*split_path("/v1/") == Parts{"v1"});
}

TEST_CASE("paths with a second meaning are refused") {
  for (const char* bad : {"", "v1", "//", "/a//b", "/.", "/a/../b", "/%2e%2E/b", "/%", "/%4", "/%zz", "/%00", "/a%0a",
                          "/%ff", "/%C0%80"}) {
    INFO(bad);
    CHECK_FALSE(split_path(bad));
  }
}

TEST_CASE("header names compare in lower case") {
  Headers h;
  h.add("Request-Id", "A%41");
  h.add("request-ID", "2");
  CHECK(h.find("request-id") == "A%41");
  CHECK(h.count("request-id") == 2);
  CHECK_FALSE(h.find("other"));
}

TEST_CASE("a problem is a document of RFC 9457") {
  const Problem p{"sealed", "The vault is sealed", 503, "", "ask the custodians"};
  const Json json = *parse_json(problem_json(p));
  CHECK(json == Json{{"type", "urn:facekeep:problem:sealed"},
                     {"title", "The vault is sealed"},
                     {"status", 503},
                     {"hint", "ask the custodians"}});
  const Response r = problem_response(p, {{"Retry-After", "5"}});
  CHECK(r.status == 503);
  CHECK(r.content_type == "application/problem+json");
}

TEST_CASE("a problem with bytes that are not UTF-8 still is JSON") {
  CHECK(parse_json(problem_json({"x", "t", 400, "\xff", ""})));
}

TEST_CASE("addresses of one IPv6 host count as one") {
  CHECK(address_group("10.0.0.1") != address_group("10.0.0.2"));
  CHECK(address_group("2001:db8::1") == address_group("2001:db8::ffff:1"));
  CHECK(address_group("2001:db8::1") != address_group("2001:db8:0:1::1"));
}

TEST_CASE("a cleansed buffer drops its front") {
  CleansedBytes b;
  append(b, as_bytes("abcdef"));
  shrink_front(b, 2);
  CHECK(as_chars(b) == "cdef");
  shrink_front(b, 9);
  CHECK(b.empty());
}
