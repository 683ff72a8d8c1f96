// Who gets through the handshake, and what the others are told.
#include "tests/unit/http/support.h"

using namespace facekeep;
using namespace facekeep::http;
using namespace facekeep::http::testing;

TEST_CASE("a registered key is answered over mutual TLS 1.3") {
  Front f;
  f.start();
  Client c = f.client();
  const auto r = c.request("GET", "/hello");
  if (!r) FAIL(r.error().message);
  CHECK(r->status == 200);
  CHECK(as_chars(r->body) == "GET /hello 0");
  CHECK(f.server->stats().open == 1);
}

TEST_CASE("an Ed25519 key is as good") {
  Front f;
  const Identity id = make_identity(KeyType::kEd25519);
  f.registry->add(id.spki);
  f.start();
  CHECK(Client::create(f.client_config(id))->request("GET", "/"));
}

TEST_CASE("a handler learns the peer's key and the listener") {
  Front f;
  ServerConfig c = f.config();
  c.handler = [](Request&& r) {
    return text_response(to_hex(r.peer_spki) + (r.listener == ListenerKind::kMain ? " main " : " public ") +
                         r.peer_address);
  };
  f.start(std::move(c));
  CHECK(as_chars(f.client().request("GET", "/")->body) == to_hex(f.door.spki) + " main 127.0.0.1");
  ClientConfig open = f.client_config(f.door, 1);
  open.certificate = nullptr;
  open.key = nullptr;
  CHECK(as_chars(Client::create(open)->request("GET", "/")->body) == to_hex(Digest{}) + " public 127.0.0.1");
}

TEST_CASE("an unknown key is refused in the handshake, before any HTTP") {
  std::atomic<int> calls{0};
  std::mutex m;
  std::string told;
  Front f;  // its threads use what is above
  ServerConfig c = f.config();
  c.handler = [&](Request&&) {
    ++calls;
    return text_response("x");
  };
  c.refused = [&](Refusal reason, const std::string& address, const Digest* spki) {
    const std::lock_guard lock(m);
    told = std::string(to_string(reason)) + " " + address + " " + (spki != nullptr ? to_hex(*spki) : "");
  };
  f.start(std::move(c));
  const Identity stranger = make_identity();
  Client client = *Client::create(f.client_config(stranger));
  const Bytes body(300'000, 'x');  // more than the socket buffers would take in silence
  for (int i = 0; i < 5; ++i) {
    const auto r = client.request("POST", "/hello", {}, i % 2 == 0 ? ByteView() : ByteView(body));
    REQUIRE_FALSE(r);
    INFO(r.error().message);
    CHECK(r.error().code == Errc::kPermissionDenied);
    CHECK(r.error().message.find("does not know this key") != std::string::npos);
  }
  CHECK(calls == 0);
  CHECK(soon([&] { return refused(*f.server, Refusal::kUnknownKey) == 5; }));
  CHECK(f.server->stats().requests == 0);
  const std::lock_guard lock(m);
  CHECK(told == "unknown-key 127.0.0.1 " + to_hex(stranger.spki));
}

TEST_CASE("no certificate is refused on the main listener") {
  Front f;
  f.start();
  ClientConfig none = f.client_config(f.door);
  none.certificate = nullptr;
  none.key = nullptr;
  const auto r = Client::create(none)->request("GET", "/");
  REQUIRE_FALSE(r);
  INFO(r.error().message);
  CHECK(r.error().code == Errc::kPermissionDenied);
  CHECK(soon([&] { return refused(*f.server, Refusal::kNoCertificate) == 1; }));
}

TEST_CASE("dates and issuer of the certificate are not consulted") {
  Front f;
  f.start();
  Identity old;
  old.key = *generate_key(KeyType::kP256);
  old.cert = *self_signed(old.key.get(), "old");
  old.spki = *spki_digest(old.key.get());
  X509_gmtime_adj(X509_getm_notBefore(old.cert.get()), -200000);
  X509_gmtime_adj(X509_getm_notAfter(old.cert.get()), -100000);
  REQUIRE(X509_sign(old.cert.get(), old.key.get(), EVP_sha256()) > 0);
  f.registry->add(old.spki);
  CHECK(Client::create(f.client_config(old))->request("GET", "/"));
}

TEST_CASE("TLS 1.0 to 1.2 are refused by default") {
  Front f;
  f.start();
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION}) {
    CHECK_FALSE(RawPeer(f.server->port(0), &f.door, version).connected());
  }
  CHECK(soon([&] { return refused(*f.server, Refusal::kProtocol) == 3; }));
  CHECK(RawPeer(f.server->port(0), &f.door).connected());
}

TEST_CASE("TLS 1.2 by choice comes with AEAD suites alone") {
  Front f;
  ServerConfig c = f.config();
  c.allow_tls12 = true;
  f.start(std::move(c));
  RawPeer p(f.server->port(0), &f.door, TLS1_2_VERSION);
  REQUIRE(p.connected());
  CHECK(std::string(SSL_get_version(p.ssl())) == "TLSv1.2");
  const std::string suite = SSL_get_cipher_name(p.ssl());
  CHECK((suite.find("GCM") != std::string::npos || suite.find("POLY1305") != std::string::npos));
  CHECK_FALSE(RawPeer(f.server->port(0), &f.door, TLS1_1_VERSION).connected());
  // An unknown key finds no way in through 1.2 either.
  const Identity stranger = make_identity();
  CHECK_FALSE(RawPeer(f.server->port(0), &stranger, TLS1_2_VERSION).connected());
}

TEST_CASE("no session can be resumed") {
  Front f;
  ServerConfig c = f.config();
  c.allow_tls12 = true;
  f.start(std::move(c));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawPeer p(f.server->port(0), &f.door, version);
    REQUIRE(p.connected());
    p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_FALSE(p.read_one().empty());
    const SSL_SESSION* session = SSL_get0_session(p.ssl());
    CHECK(SSL_SESSION_has_ticket(session) == 0);
    CHECK((version == TLS1_3_VERSION || SSL_SESSION_is_resumable(session) == 0));
  }
}

TEST_CASE("plain HTTP on the TLS port is told so") {
  Front f;
  f.start();
  const UniqueFd fd(tcp_connect(f.server->port(0)));
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  REQUIRE(::send(fd.get(), text.data(), text.size(), 0) > 0);
  std::string got;
  char buffer[1024];
  ssize_t n = 0;
  while ((n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0) got.append(buffer, static_cast<std::size_t>(n));
  CHECK(got.starts_with("HTTP/1.1 400 "));
  CHECK(got.find("urn:facekeep:problem:not-tls") != std::string::npos);
  CHECK(soon([&] { return refused(*f.server, Refusal::kPlainHttp) == 1; }));
}

TEST_CASE("garbage instead of a handshake is refused") {
  Front f;
  f.start();
  const UniqueFd fd(tcp_connect(f.server->port(0)));
  constexpr char kJunk[] = "\x16\x03\x01\xff\xff\x00\x01 this is not a handshake";
  const std::string_view junk(kJunk, sizeof kJunk - 1);
  REQUIRE(::send(fd.get(), junk.data(), junk.size(), MSG_NOSIGNAL) > 0);
  CHECK(soon([&] { return refused(*f.server, Refusal::kProtocol) == 1; }));
  CHECK(f.client().request("GET", "/"));
}

TEST_CASE("revocation ends open connections, idle or in the middle of a request") {
  Front f;
  f.start();
  const Identity other = make_identity();
  f.registry->add(other.spki);
  RawPeer idle(f.server->port(0), &f.door);
  RawPeer half(f.server->port(0), &f.door);
  RawPeer stays(f.server->port(0), &other);
  for (RawPeer* p : {&idle, &half, &stays}) {
    p->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_FALSE(p->read_one().empty());
  }
  half.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  f.registry->remove(f.door.spki);
  f.server->close_peer(f.door.spki);
  CHECK(idle.closes_within(Millis(2000)));
  CHECK(half.closes_within(Millis(2000)));
  CHECK_FALSE(stays.closes_within(Millis(100)));
  CHECK(f.server->stats().revoked == 2);
  CHECK(f.client().request("GET", "/").error().code == Errc::kPermissionDenied);
}

TEST_CASE("a key that was revoked between handshake and loop finds no door") {
  Front f;
  ServerConfig c = f.config();
  std::atomic<int> asked{0};
  c.peer_check = [&](const Digest&) { return ++asked == 1; };  // yes in the handshake, no afterwards
  f.start(std::move(c));
  RawPeer p(f.server->port(0), &f.door);
  p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(p.read_one().empty());
  CHECK(asked == 2);
  CHECK(f.server->stats().requests == 0);
}

TEST_CASE("an answer in the making still goes out after a revocation, as the last one") {
  Front f;
  ServerConfig c = f.config();
  std::atomic<bool> entered{false}, go{false};
  c.handler = [&](Request&&) {
    entered = true;
    while (!go) std::this_thread::sleep_for(Millis(1));
    return text_response("decided");
  };
  f.start(std::move(c));
  RawPeer p(f.server->port(0), &f.door);
  p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(soon([&] { return entered.load(); }));
  f.server->close_peer(f.door.spki);
  REQUIRE(soon([&] { return f.server->stats().revoked == 1; }));
  go = true;
  CHECK(p.read_one().find("decided") != std::string::npos);
  CHECK(p.closes_within(Millis(2000)));
}
