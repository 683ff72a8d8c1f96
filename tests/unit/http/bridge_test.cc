#include "api/http/httplib_bridge.h"
#include "tests/support/catch.h"
#include "vault/base/json.h"

using namespace facekeep;
using namespace facekeep::http;

namespace {

std::string serve(const Handler& handler, const std::string& text, bool close = false) {
  ServerBridge bridge(handler);
  const Head head = std::get<Head>(scan_head(text, 16 * 1024));
  const Bytes out = bridge.serve(head, Request(), close);
  return std::string(as_chars(out));
}
std::string ask(const std::string& request_line, const std::string& fields = "") {
  return request_line + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
Response plain(std::string_view text) {
  Response r;
  r.content_type = "text/plain";
  r.body = to_bytes(text);
  return r;
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a handler sees the request as it was sent") {
  std::string seen;
  const Handler h = [&](Request&& r) {
    seen = r.method + " " + r.path + " " + r.segments.at(1) + " " + r.query.at("q") + " " +
           std::string(r.headers.find("request-id").value());
    return plain("ok");
  };
  const std::string out = serve(h, ask("PUT /v1/a%20b?q=c+d%21", "Request-Id: %41\r\n"));
  CHECK(seen == "PUT /v1/a%20b a b c d! %41");
  CHECK(out.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(has(out, "Content-Length: 2\r\n"));
  CHECK(out.ends_with("\r\n\r\nok"));
}

TEST_CASE("ranges, compression and expectations are not the library's to handle") {
  const Handler h = [](Request&&) { return plain(std::string(2000, 'a')); };
  const std::string out =
      serve(h, ask("GET /", "Range: bytes=0-3\r\nAccept-Encoding: gzip, br\r\nExpect: 100-continue\r\n"));
  CHECK(out.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(has(out, "Content-Length: 2000\r\n"));
  CHECK_FALSE(has(out, "Content-Encoding"));
}

TEST_CASE("HEAD has the length and no body") {
  const std::string out = serve([](Request&&) { return plain("hello"); }, ask("HEAD /"));
  CHECK(has(out, "Content-Length: 5\r\n"));
  CHECK(out.ends_with("\r\n\r\n"));
}

TEST_CASE("closing is announced") {
  const Handler h = [](Request&&) { return plain("x"); };
  CHECK(has(serve(h, ask("GET /"), true), "Connection: close\r\n"));
  CHECK_FALSE(has(serve(h, ask("GET /")), "Connection: close\r\n"));
}

TEST_CASE("bad targets and methods are problems, and no handler runs") {
  bool ran = false;
  const Handler h = [&](Request&&) {
    ran = true;
    return plain("x");
  };
  for (const char* line : {"GET /a/../b", "GET /%zz", "GET /x?a=1&a=2", "GET /x?a=%ff", "BREW /"}) {
    INFO(line);
    const std::string out = serve(h, ask(line));
    CHECK(out.starts_with("HTTP/1.1 400 "));
    CHECK(has(out, "application/problem+json"));
    CHECK(has(out, "urn:facekeep:problem:bad-request"));
  }
  CHECK_FALSE(ran);
}

TEST_CASE("an exception in a handler says nothing to the peer") {
  const std::string out = serve([](Request&&) -> Response { throw std::runtime_error("secret"); }, ask("GET /"));
  CHECK(out.starts_with("HTTP/1.1 500 "));
  CHECK_FALSE(has(out, "secret"));
}

TEST_CASE("a header value can't split the response") {
  const Handler h = [](Request&&) {
    Response r = plain("x");
    r.headers.emplace_back("X", "a\r\nEvil: b");
    return r;
  };
  const std::string out = serve(h, ask("GET /"));
  CHECK(out.starts_with("HTTP/1.1 500 "));
  CHECK_FALSE(has(out, "Evil"));
}

TEST_CASE("problems of a handler keep their body and fields") {
  const Handler h = [](Request&&) {
    Response r = plain("busy");
    r.status = 503;
    r.headers.emplace_back("Retry-After", "7");
    return r;
  };
  const std::string out = serve(h, ask("GET /"));
  CHECK(out.starts_with("HTTP/1.1 503 "));
  CHECK(has(out, "Retry-After: 7\r\n"));
  CHECK(out.ends_with("\r\n\r\nbusy"));
}

TEST_CASE("a long target or field is refused by name") {
  const Handler h = [](Request&&) { return plain("x"); };
  CHECK(has(serve(h, ask("GET /" + std::string(9000, 'a'))), "urn:facekeep:problem:target-too-long"));
  CHECK(serve(h, ask("GET /", "X: " + std::string(9000, 'a') + "\r\n")).starts_with("HTTP/1.1 200 "));
}
