// Requests on the wire: bodies, limits, smuggling, order.
#include "tests/unit/http/support.h"

using namespace facekeep;
using namespace facekeep::http;
using namespace facekeep::http::testing;

namespace {

constexpr std::string_view kGet = "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n";

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

ServerConfig small(const Front& f) {
  ServerConfig c = f.config();
  for (ListenerConfig& l : c.listeners) l.max_body = 1000;
  return c;
}

// Sends, and returns all that comes until the server closes.
std::string until_close(const Front& f, std::string_view text) {
  RawPeer p(f.server->port(0), &f.door);
  p.send(text);
  return p.read_all();
}

}  // namespace

TEST_CASE("many requests go through one connection") {
  Front f;
  f.start();
  Client c = f.client();
  for (int i = 0; i < 500; ++i) {
    const std::string body(static_cast<std::size_t>(i), 'b');
    const auto r = c.request("POST", "/x", {}, as_bytes(body));
    REQUIRE(r);
    REQUIRE(as_chars(r->body) == "POST /x " + std::to_string(i));
  }
  CHECK(f.server->stats().handshakes == 1);
}

TEST_CASE("large bodies arrive whole in both directions") {
  Front f;
  ServerConfig config = f.config();
  config.listeners[0].max_body = 8 << 20;
  f.start(std::move(config));
  Bytes body(5'000'000);
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::uint8_t>(i * 2654435761U >> 24);
  const auto r = f.client().request("POST", "/body", {}, body);
  REQUIRE(r);
  CHECK(r->body == body);
}

TEST_CASE("pipelined requests are answered in order") {
  Front f;
  ServerConfig c = f.config();
  c.handler = [](Request&& r) {
    if (r.path == "/0") std::this_thread::sleep_for(Millis(30));
    return text_response(r.path + " " + std::string(as_chars(r.body)));
  };
  f.start(std::move(c));
  RawPeer p(f.server->port(0), &f.door);
  std::string all;
  for (int i = 0; i < 20; ++i) {
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n" + (i < 10 ? "aa" : "bb");
  }
  p.send(all);
  for (int i = 0; i < 20; ++i) CHECK(p.read_one().ends_with("/" + std::to_string(i) + (i < 10 ? " aa" : " bb")));
}

TEST_CASE("a request may come byte by byte") {
  Front f;
  f.start();
  RawPeer p(f.server->port(0), &f.door);
  for (const char c :
       std::string("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")) {
    p.send(std::string_view(&c, 1));
  }
  CHECK(p.read_one().ends_with("\r\n\r\nabc"));
}

TEST_CASE("HTTP/1.0 is answered and closed") {
  Front f;
  f.start();
  const std::string got = until_close(f, "GET /old HTTP/1.0\r\n\r\n");
  CHECK(has(got, "GET /old 0"));
  CHECK(has(got, "Connection: close"));
}

TEST_CASE("100-continue comes before the body, or the refusal does") {
  Front f;
  f.start(small(f));
  RawPeer p(f.server->port(0), &f.door);
  p.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  CHECK(p.read_one() == "HTTP/1.1 100 Continue\r\n\r\n");
  p.send("xyz");
  CHECK(p.read_one().ends_with("xyz"));
  RawPeer q(f.server->port(0), &f.door);
  q.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  CHECK(q.read_one().starts_with("HTTP/1.1 413 "));
}

TEST_CASE("bodies over the limit are refused, declared or chunked") {
  Front f;
  f.start(small(f));
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  CHECK(has(until_close(f, post + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'x')), "body-too-large"));
  std::string chunks = "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 11; ++i) chunks += "64\r\n" + std::string(100, 'x') + "\r\n";
  CHECK(until_close(f, post + chunks).starts_with("HTTP/1.1 413 "));
  const auto ok = f.client().request("POST", "/", {}, Bytes(1000, 'x'));
  REQUIRE(ok);
  CHECK(ok->status == 200);
  CHECK(f.server->stats().requests == 1);
}

TEST_CASE("the client reads a 413 that comes while it sends") {
  Front f;
  f.start(small(f));
  const auto r = f.client().request("POST", "/", {}, Bytes(200'000, 'x'));
  REQUIRE(r);
  CHECK(r->status == 413);
}

TEST_CASE("a route may have a limit of its own") {
  Front f;
  ServerConfig c = small(f);
  c.limits_for = [](const RequestLimits& defaults, std::string_view method, std::string_view path) {
    RequestLimits l = defaults;
    if (method == "POST" && path == "/bulk") l.max_body = 5000;
    return l;
  };
  f.start(std::move(c));
  Client client = f.client();
  CHECK(client.request("POST", "/bulk?x", {}, Bytes(5000, 'x'))->status == 200);
  CHECK(client.request("POST", "/other", {}, Bytes(5000, 'x'))->status == 413);
}

TEST_CASE("what could be smuggled is refused, and nothing behind it runs") {
  Front f;
  f.start();
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  for (const std::string bad : {
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "Content-Length: 0\r\nContent-Length: 31\r\n\r\n",
           "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
           "X: a\n\r\n",
           "X: a\r\n folded: b\r\n\r\n",
           "Content-Length : 0\r\n\r\n",
       }) {
    INFO(bad);
    const std::string got = until_close(f, post + bad + std::string(kGet));
    CHECK(got.starts_with("HTTP/1.1 400 "));
    CHECK_FALSE(has(got, "/ok"));
  }
  CHECK(until_close(f, post + "Transfer-Encoding: gzip\r\n\r\n").starts_with("HTTP/1.1 501 "));
  CHECK(until_close(f, post + "Content-Encoding: gzip\r\n\r\n").starts_with("HTTP/1.1 415 "));
  CHECK(until_close(f, "GET / HTTP/3.0\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 505 "));
  CHECK(until_close(f, "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(17000, 'x')).starts_with("HTTP/1.1 431 "));
  CHECK(f.server->stats().requests == 0);
  CHECK(f.server->stats().bad_requests == 10);
}

TEST_CASE("half a request gets 408 at its deadline") {
  Front f;
  ServerConfig c = f.config();
  c.timeouts.head = Millis(150);
  c.timeouts.body = Millis(150);
  f.start(std::move(c));
  CHECK(until_close(f, "GET / HTTP/1.1\r\nHo").starts_with("HTTP/1.1 408 "));
  CHECK(until_close(f, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").starts_with("HTTP/1.1 408 "));
  CHECK(f.server->stats().timeouts == 2);
}

TEST_CASE("an idle connection ends at its deadline without a word") {
  Front f;
  ServerConfig c = f.config();
  c.timeouts.idle = Millis(150);
  f.start(std::move(c));
  CHECK(until_close(f, "").empty());
  // The client notices, and connects again.
  Client client = f.client();
  REQUIRE(client.request("GET", "/"));
  REQUIRE(soon([&] { return f.server->stats().open == 0; }));
  CHECK(client.request("POST", "/"));
}

TEST_CASE("an answer that is not made in time is a 503, and a late one is dropped") {
  Front f;
  ServerConfig c = f.config();
  c.timeouts.total = Millis(150);
  c.handler = [](Request&&) {
    std::this_thread::sleep_for(Millis(400));
    return text_response("late");
  };
  f.start(std::move(c));
  const std::string got = until_close(f, kGet);
  CHECK(got.starts_with("HTTP/1.1 503 "));
  CHECK(has(got, "answer-timeout"));
  CHECK_FALSE(has(got, "late"));
}

TEST_CASE("the client's HEAD, DELETE and empty POST work on one connection") {
  Front f;
  f.start();
  Client c = f.client();
  CHECK(c.request("HEAD", "/a")->body.empty());
  CHECK(as_chars(c.request("DELETE", "/a")->body) == "DELETE /a 0");
  CHECK(as_chars(c.request("POST", "/a")->body) == "POST /a 0");
  CHECK(f.server->stats().handshakes == 1);
}
