#include "api/http/url.h"

#include "tests/support/catch.h"

using namespace facekeep::http;

TEST_CASE("a URL is taken apart, with port 443 where there is none") {
  const auto check = [](const std::string& url, const std::string& origin, const std::string& prefix) {
    const auto parts = split_url(url);
    CHECK(parts.origin == origin);
    CHECK(parts.prefix == prefix);
  };
  check("https://w.example", "https://w.example:443", "");
  check("https://w.example:8443/a/b", "https://w.example:8443", "/a/b");
  check("https://[::1]", "https://[::1]:443", "");
  check("https://[::1]:9/w1", "https://[::1]:9", "/w1");
  check("http://127.0.0.1:9/hook", "http://127.0.0.1:9", "/hook");
}
