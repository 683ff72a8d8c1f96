#include "api/http/client.h"

#include "tests/unit/http/support.h"

using namespace facekeep;
using namespace facekeep::http;
using namespace facekeep::http::testing;

TEST_CASE("an address is a scheme, a host and a port") {
  CHECK(parse_origin("https://vault.local:1234")->port == "1234");
  CHECK(parse_origin("https://vault.local/")->port == "8443");
  CHECK(parse_origin("https://[::1]:99")->host == "::1");
  CHECK(parse_origin("https://[::1]:99")->authority == "[::1]:99");
  for (const char* bad : {"http://a", "a:1", "https://", "https://:1", "https://a:", "https://a:x", "https://a:123456",
                          "https://a/b", "https://u@a", "https://[::1", "https://[::1]1", "https://a?b"}) {
    INFO(bad);
    CHECK_FALSE(parse_origin(bad));
  }
}

TEST_CASE("a server with another key is refused before anything is sent, and both keys are named") {
  Front f;
  f.start();
  ClientConfig c = f.client_config(f.door);
  c.pins = {f.door.spki};
  const auto r = Client::create(c)->request("POST", "/x", {}, as_bytes("secret"));
  REQUIRE_FALSE(r);
  CHECK(r.error().code == Errc::kIntegrity);
  CHECK(r.error().message.find(to_hex(f.server_id.spki)) != std::string::npos);
  CHECK(r.error().message.find(to_hex(f.door.spki)) != std::string::npos);
  CHECK_FALSE(r.error().hint.empty());
  CHECK(f.server->stats().requests == 0);
}

TEST_CASE("one of two pins is enough") {
  Front f;
  f.start();
  ClientConfig c = f.client_config(f.door);
  c.pins = {f.door.spki, f.server_id.spki};
  CHECK(Client::create(c)->request("GET", "/"));
}

TEST_CASE("nobody at the address, or nobody who speaks TLS") {
  Front f;
  f.start();
  ClientConfig c = f.client_config(f.door);
  f.server.reset();
  const auto r = Client::create(c)->request("GET", "/");
  REQUIRE_FALSE(r);
  CHECK(r.error().code == Errc::kUnavailable);
  CHECK(r.error().message.find("refused") != std::string::npos);
  CHECK_FALSE(r.error().hint.empty());
}

TEST_CASE("a server that never answers costs the timeout and no more") {
  Front f;
  ServerConfig config = f.config();
  config.handler = [](Request&&) {
    std::this_thread::sleep_for(Millis(600));
    return text_response("x");
  };
  f.start(std::move(config));
  ClientConfig c = f.client_config(f.door);
  c.timeout = Millis(150);
  Client client = *Client::create(c);
  const auto begin = std::chrono::steady_clock::now();
  const auto r = client.request("GET", "/");
  REQUIRE_FALSE(r);
  CHECK(r.error().code == Errc::kUnavailable);
  CHECK(r.error().message.find("in time") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - begin < Millis(500));
}

TEST_CASE("a TCP server that says nothing costs the connect timeout") {
  const Listening dead = *listen_on("127.0.0.1", 0);
  const UniqueFd owned(dead.fd);
  const Identity id = make_identity();
  ClientConfig c;
  c.url = "https://127.0.0.1:" + std::to_string(dead.port);
  c.pins = {id.spki};
  c.connect_timeout = Millis(150);
  CHECK(Client::create(c)->request("GET", "/").error().code == Errc::kUnavailable);
}

TEST_CASE("a response over the limit is refused") {
  Front f;
  f.start();
  ClientConfig c = f.client_config(f.door);
  c.max_response = 10;
  Client client = *Client::create(c);
  CHECK(client.request("POST", "/body", {}, as_bytes("0123456789"))->body.size() == 10);
  CHECK(client.request("POST", "/body", {}, as_bytes("0123456789a")).error().code == Errc::kTooLarge);
  CHECK(client.request("GET", "/"));
}

TEST_CASE("the client survives a restart of the server") {
  Front f;
  f.start();
  Client c = f.client();
  REQUIRE(c.request("POST", "/1"));
  ServerConfig again = f.config();
  again.listeners[0].port = f.server->port(0);
  f.server.reset();
  CHECK_FALSE(c.request("POST", "/2"));
  f.start(std::move(again));
  CHECK(c.request("POST", "/3"));
}

TEST_CASE("bad targets, keys and pins are refused before any connection") {
  Front f;
  f.start();
  Client c = f.client();
  CHECK(c.request("GET", "x").error().code == Errc::kInvalidArgument);
  CHECK(c.request("GET", "/a b").error().code == Errc::kInvalidArgument);
  CHECK(c.request("GET", "/", {{"X", "a\r\nb: c"}}).error().code == Errc::kInvalidArgument);
  ClientConfig no_pin = f.client_config(f.door);
  no_pin.pins.clear();
  CHECK(Client::create(no_pin).error().code == Errc::kInvalidArgument);
  ClientConfig no_key = f.client_config(f.door);
  no_key.key = f.server_id.key.get();
  CHECK(Client::create(no_key).error().code == Errc::kCrypto);
}

TEST_CASE("any server will do for what proves itself, and never for a client that shows a key") {
  Front f;
  f.start();
  ClientConfig c = f.client_config(f.door);
  c.any_server = true;
  CHECK(Client::create(c).error().code == Errc::kInvalidArgument);  // a certificate and a pin
  c.pins.clear();
  CHECK(Client::create(c).error().code == Errc::kInvalidArgument);  // a certificate
  c.certificate = nullptr;
  c.key = nullptr;
  auto client = Client::create(c);
  REQUIRE(client);
  // Past the server's key; the main listener then misses ours.
  CHECK(client->request("GET", "/").error().code == Errc::kPermissionDenied);
}

TEST_CASE("status, fields and type of the answer arrive") {
  Front f;
  ServerConfig config = f.config();
  config.handler = [](Request&& r) {
    Response out = text_response("no", 404);
    out.headers.emplace_back("X-Seen", std::string(r.headers.find("x-sent").value_or("nothing")));
    return out;
  };
  f.start(std::move(config));
  const auto r = f.client().request("GET", "/", {{"X-Sent", "fifty"}});
  REQUIRE(r);
  CHECK(r->status == 404);
  CHECK(r->content_type == "text/plain");
  CHECK(r->headers.find("x-seen") == "fifty");
}
