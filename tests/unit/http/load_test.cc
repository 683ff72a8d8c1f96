// Peers that wait, drip, read slowly or come all at once, beside one that behaves.
#include <atomic>
#include <vector>

#include "tests/unit/http/support.h"

using namespace facekeep;
using namespace facekeep::http;
using namespace facekeep::http::testing;

namespace {

constexpr std::string_view kGet = "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n";

// The slowest of n requests, each on a connection of its own or on one.
Millis slowest(const Front& f, int n, bool fresh) {
  Millis worst{0};
  Client c = f.client();
  for (int i = 0; i < n; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto r = c.request("GET", "/ok");
    if (!r) FAIL(r.error().message);
    if (fresh) c.disconnect();
    worst = std::max(worst, std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - begin));
  }
  return worst;
}

}  // namespace

TEST_CASE("a thousand silent connections without a certificate stop nobody") {
  Front f;
  f.start();
  Client old = f.client();
  REQUIRE(old.request("GET", "/"));
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 1000; ++i) silent.emplace_back(tcp_connect(f.server->port(0)));
  // From the same address, so its share of unfinished handshakes is long used up.
  CHECK(slowest(f, 20, true) < Millis(1000));
  REQUIRE(old.request("GET", "/"));
  CHECK(f.server->stats().handshaking <= 200);
  CHECK(soon([&] { return refused(*f.server, Refusal::kCrowdedOut) >= 800; }));
  CHECK(f.server->stats().handshakes == 21);
}

TEST_CASE("a silent connection ends at the handshake's deadline") {
  Front f;
  ServerConfig c = f.config();
  c.timeouts.handshake = Millis(150);
  f.start(std::move(c));
  const UniqueFd fd(tcp_connect(f.server->port(0)));
  char byte = 0;
  CHECK(::recv(fd.get(), &byte, 1, 0) <= 0);
  CHECK(soon([&] { return refused(*f.server, Refusal::kTimeout) == 1; }));
}

TEST_CASE("half a handshake does not hold its place against newcomers") {
  Front f;
  ServerConfig c = f.config();
  c.listeners[0].max_handshakes = 4;
  c.listeners[0].max_handshakes_per_address = 4;
  f.start(std::move(c));
  std::vector<UniqueFd> half;
  for (int i = 0; i < 4; ++i) {
    half.emplace_back(tcp_connect(f.server->port(0)));
    REQUIRE(::send(half.back().get(), "\x16\x03\x01", 3, 0) == 3);
  }
  REQUIRE(soon([&] { return f.server->stats().handshaking == 4; }));
  std::this_thread::sleep_for(Millis(50));
  // They spoke, so for a second the newcomer is refused; then the oldest makes room.
  CHECK_FALSE(f.client().request("GET", "/"));
  CHECK(soon([&] { return f.client().request("GET", "/").has_value(); }));
}

TEST_CASE("dripping peers do not slow a normal one") {
  Front f;
  f.start();
  std::atomic<bool> stop{false};
  std::vector<std::thread> drips;
  for (int i = 0; i < 8; ++i) {
    drips.emplace_back([&f, &stop, i] {
      RawPeer p(f.server->port(0), &f.door);
      p.send(i % 2 == 0 ? "GET / HTTP/1.1\r\nHost: a\r\nX: "
                        : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n");
      while (!stop && p.send("x")) std::this_thread::sleep_for(Millis(5));
    });
  }
  REQUIRE(soon([&] { return f.server->stats().open == 8; }));
  CHECK(slowest(f, 200, false) < Millis(500));
  stop = true;
  for (std::thread& t : drips) t.join();
}

TEST_CASE("silent peers with a key cost no worker") {
  Front f;
  ServerConfig c = f.config();
  c.workers = 1;
  f.start(std::move(c));
  std::vector<std::unique_ptr<RawPeer>> idle;
  for (int i = 0; i < 50; ++i) idle.push_back(std::make_unique<RawPeer>(f.server->port(0), &f.door));
  CHECK(slowest(f, 100, false) < Millis(500));
}

TEST_CASE("a slow reader of a large answer keeps nobody waiting") {
  Front f;
  ServerConfig c = f.config();
  std::atomic<bool> sent{false};
  c.handler = [&](Request&& r) {
    if (r.path != "/big") return text_response("ok");
    sent = true;
    Response out = text_response("");
    out.body.assign(64 << 10, 'x');
    for (int i = 0; i < 6; ++i) out.body.insert(out.body.end(), out.body.begin(), out.body.end());
    return out;
  };
  c.max_buffered = 64 << 20;
  f.start(std::move(c));
  RawPeer slow(f.server->port(0), &f.door);
  const int small = 4096;
  ::setsockopt(slow.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  slow.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(soon([&] { return sent.load(); }));
  CHECK(slowest(f, 100, false) < Millis(500));
}

TEST_CASE("a peer that does not read is cut off at the deadline") {
  Front f;
  ServerConfig c = f.config();
  c.timeouts.write = Millis(100);
  c.handler = [](Request&&) { return text_response(std::string(100'000, 'x')); };
  f.start(std::move(c));
  RawPeer p(f.server->port(0), &f.door);
  std::string many;
  for (int i = 0; i < 200; ++i) many += kGet;  // 20 MB of answers that nobody reads
  p.send(many);
  CHECK(soon([&] { return f.server->stats().timeouts == 1; }));
  CHECK(soon([&] { return f.server->stats().open == 0; }));
}

TEST_CASE("overload is answered at once with 503 and Retry-After") {
  Front f;
  ServerConfig c = f.config();
  c.workers = 1;
  c.queue = 1;
  std::atomic<bool> go{false};
  c.handler = [&](Request&&) {
    while (!go) std::this_thread::sleep_for(Millis(1));
    return text_response("done");
  };
  f.start(std::move(c));
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (std::uint64_t i = 0; i < 3; ++i) {
    peers.push_back(std::make_unique<RawPeer>(f.server->port(0), &f.door));
    peers.back()->send(kGet);
    REQUIRE(soon([&] { return f.server->stats().requests == i + 1; }));
    std::this_thread::sleep_for(Millis(20));
  }
  const std::string refused_answer = peers[2]->read_one();
  CHECK(refused_answer.starts_with("HTTP/1.1 503 "));
  CHECK(refused_answer.find("Retry-After: 1\r\n") != std::string::npos);
  CHECK(refused_answer.find("urn:facekeep:problem:overloaded") != std::string::npos);
  CHECK(f.server->stats().overloads == 1);
  go = true;
  CHECK(peers[0]->read_one().ends_with("done"));
  CHECK(peers[1]->read_one().ends_with("done"));
  // The connection that was turned away is still good.
  peers[2]->send(kGet);
  CHECK(peers[2]->read_one().ends_with("done"));
}

TEST_CASE("handlers that block each have a worker of their own") {
  Front f;
  ServerConfig c = f.config();
  c.workers = 8;
  std::atomic<int> inside{0};
  c.handler = [&](Request&&) {
    ++inside;
    const bool all = soon([&] { return inside >= 8; });  // each waits for the other seven
    return text_response(all ? "together" : "alone");
  };
  f.start(std::move(c));
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 8; ++i) peers.push_back(std::make_unique<RawPeer>(f.server->port(0), &f.door));
  for (auto& p : peers) p->send(kGet);
  for (auto& p : peers) CHECK(p->read_one().ends_with("together"));
}

TEST_CASE("a request that nobody waits for any more is not begun") {
  Front f;
  ServerConfig c = f.config();
  c.workers = 1;
  c.timeouts.total = Millis(150);
  std::atomic<int> begun{0};
  c.handler = [&](Request&&) {
    ++begun;
    std::this_thread::sleep_for(Millis(400));
    return text_response("x");
  };
  f.start(std::move(c));
  RawPeer first(f.server->port(0), &f.door);
  first.send(kGet);
  REQUIRE(soon([&] { return begun == 1; }));
  RawPeer second(f.server->port(0), &f.door);
  second.send(kGet);
  CHECK(second.read_one().find("answer-timeout") != std::string::npos);
  f.server->stop(Millis(1000));
  CHECK(begun == 1);
}

TEST_CASE("bodies beyond the memory set aside are turned away") {
  Front f;
  ServerConfig c = f.config();
  c.max_buffered = 100'000;
  f.start(std::move(c));
  RawPeer p(f.server->port(0), &f.door);
  p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n" + std::string(80'000, 'x'));
  RawPeer q(f.server->port(0), &f.door);
  std::this_thread::sleep_for(Millis(50));
  q.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n" + std::string(80'000, 'x'));
  CHECK(q.read_one().starts_with("HTTP/1.1 503 "));
  p.send(std::string(10'000, 'x'));
  CHECK(p.read_one().ends_with("POST / 90000"));
  CHECK(f.client().request("POST", "/", {}, Bytes(90'000, 'y'))->status == 200);
}

TEST_CASE("over its cap, a key's oldest idle connection makes room") {
  Front f;
  ServerConfig c = f.config();
  c.listeners[0].max_per_peer = 3;
  f.start(std::move(c));
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(std::make_unique<RawPeer>(f.server->port(0), &f.door));
    peers.back()->send(kGet);
    CHECK_FALSE(peers.back()->read_one().empty());
  }
  CHECK(peers[0]->closes_within(Millis(1000)));
  CHECK_FALSE(peers[1]->closes_within(Millis(50)));
  CHECK(f.server->stats().open == 3);
  for (int i = 1; i < 4; ++i) peers[static_cast<std::size_t>(i)]->send("GET /");  // none is idle now
  std::this_thread::sleep_for(Millis(50));
  RawPeer late(f.server->port(0), &f.door);
  CHECK(late.read_one().find("too-many-connections") != std::string::npos);
}

TEST_CASE("two hundred peers at once are all served") {
  Front f;
  f.start();
  std::vector<std::thread> threads;
  std::atomic<int> served{0};
  for (int t = 0; t < 20; ++t) {
    threads.emplace_back([&] {
      std::vector<Client> mine;
      for (int i = 0; i < 10; ++i) mine.push_back(f.client());
      for (int round = 0; round < 5; ++round) {
        for (Client& c : mine) served += c.request("GET", "/ok").has_value() ? 1 : 0;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(served == 1000);
  CHECK(f.server->stats().handshakes == 200);
}

TEST_CASE("a stop lets answers in the making go out and ends the rest") {
  Front f;
  ServerConfig c = f.config();
  std::atomic<bool> entered{false};
  c.handler = [&](Request&&) {
    entered = true;
    std::this_thread::sleep_for(Millis(200));
    return text_response("finished");
  };
  f.start(std::move(c));
  RawPeer busy(f.server->port(0), &f.door);
  RawPeer idle(f.server->port(0), &f.door);
  busy.send(kGet);
  REQUIRE(soon([&] { return entered.load() && f.server->stats().open == 2; }));
  const std::uint16_t port = f.server->port(0);
  f.server->stop(Millis(5000));
  CHECK(busy.read_one().ends_with("finished"));
  CHECK(idle.read_all().empty());
  CHECK(tcp_connect(port) < 0);
  f.server->stop(Millis(0));
}

TEST_CASE("a stop without grace cuts off at once what does not end") {
  Front f;
  f.start();
  RawPeer p(f.server->port(0), &f.door);
  p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  REQUIRE(soon([&] { return f.server->stats().open == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  f.server.reset();
  CHECK(std::chrono::steady_clock::now() - begin < Millis(1000));
  CHECK(p.read_all().empty());
}

TEST_CASE("a configuration that can't serve is refused") {
  Front f;
  ServerConfig none = f.config();
  none.listeners.clear();
  CHECK_FALSE(Server::start(std::move(none)));
  ServerConfig no_check = f.config();
  no_check.peer_check = nullptr;
  CHECK_FALSE(Server::start(std::move(no_check)));
  ServerConfig other_key = f.config();
  other_key.key = *generate_key(KeyType::kP256);
  CHECK(Server::start(std::move(other_key)).error().code == Errc::kCrypto);
  ServerConfig bad_address = f.config();
  bad_address.listeners[0].address = "localhost";
  CHECK(Server::start(std::move(bad_address)).error().code == Errc::kInvalidArgument);
  f.start();
  ServerConfig taken = f.config();
  taken.listeners[0].port = f.server->port(0);
  CHECK(Server::start(std::move(taken)).error().code == Errc::kIo);
}
