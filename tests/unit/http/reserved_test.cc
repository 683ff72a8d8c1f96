// Who waits for whom: a custodian's seal gets a worker while doors keep every other one busy, and nothing that
// strangers do on the public listener takes a worker, a place or a byte from registered peers.
#include <condition_variable>

#include "tests/support/catch.h"
#include "tests/unit/http/support.h"

using namespace facekeep;
using namespace facekeep::http;
using namespace facekeep::http::testing;

namespace {

constexpr std::string_view kMatch = "GET /match HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view kSeal = "POST /seal?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
constexpr std::size_t kMain = 0;
constexpr std::size_t kPublic = 1;

// A front whose handler holds every "/match" until it is released; two workers and two places on each side.
struct BusyFront : Front {
  Identity custodian = make_identity();

  BusyFront() {
    registry->add(custodian.spki);
    ServerConfig c = config();
    c.workers = c.public_workers = 2;
    c.queue = c.public_queue = 2;
    c.handler = [this](Request&& r) {
      if (r.path != "/match") return text_response("answered " + r.path);
      ++busy;
      std::unique_lock lock(mutex);
      wakes.wait(lock, [&] { return released; });
      return text_response("at last");
    };
    c.is_reserved = [](std::string_view method, std::string_view path) { return method == "POST" && path == "/seal"; };
    c.may_reserve = [who = custodian.spki](const Digest& spki) { return spki == who; };
    start(std::move(c));
  }
  ~BusyFront() { release(); }
  BusyFront(const BusyFront&) = delete;
  BusyFront& operator=(const BusyFront&) = delete;

  void release() {
    {
      const std::lock_guard lock(mutex);
      released = true;
    }
    wakes.notify_all();
  }
  // Two being answered and two in the queue of this listener.
  void fill(std::size_t listener) {
    const std::uint64_t before = server->stats().requests;
    for (int i = 0; i < 4; ++i) {
      asking.push_back(std::make_unique<RawPeer>(server->port(listener), listener == kMain ? &door : nullptr));
      asking.back()->send(kMatch);
      REQUIRE(soon([&] { return busy == std::min(i + 1, 2); }));
    }
    REQUIRE(soon([&] { return server->stats().requests == before + 4; }));
  }
  [[nodiscard]] std::string ask(std::size_t listener, const Identity* who, std::string_view request) const {
    RawPeer peer(server->port(listener), who);
    peer.send(request);
    return peer.read_one();
  }

  std::mutex mutex;
  std::condition_variable wakes;
  bool released = false;
  std::atomic<int> busy{0};
  std::vector<std::unique_ptr<RawPeer>> asking;
};

bool is_overload(const std::string& answer) {
  return answer.find("overloaded") != std::string::npos;
}

}  // namespace

TEST_CASE("a custodian's reserved request is answered while every other worker is busy and the queue is full") {
  BusyFront f;
  f.fill(kMain);
  CHECK(is_overload(f.ask(kMain, &f.door, kMatch)));
  CHECK(is_overload(f.ask(kMain, &f.custodian, kMatch)));
  CHECK(f.ask(kMain, &f.custodian, kSeal).ends_with("answered /seal"));
  CHECK(f.busy == 2);
  f.release();
  for (auto& d : f.asking) CHECK(d->read_one().ends_with("at last"));
}

TEST_CASE("the reserved workers are not there for other roles nor for strangers") {
  BusyFront f;
  SECTION("a door") {
    f.fill(kMain);
    CHECK(is_overload(f.ask(kMain, &f.door, kSeal)));
  }
  SECTION("the public listener") {
    f.fill(kPublic);
    CHECK(is_overload(f.ask(kPublic, nullptr, kSeal)));
  }
}

TEST_CASE("strangers who keep every public worker and place busy hold up no registered peer") {
  BusyFront f;
  f.fill(kPublic);
  CHECK(is_overload(f.ask(kPublic, nullptr, "GET /tile HTTP/1.1\r\nHost: a\r\n\r\n")));
  CHECK(f.ask(kMain, &f.door, "GET /door HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("answered /door"));
}

TEST_CASE("strangers who fill the public listener's buffers leave those of registered peers alone") {
  Front f;
  ServerConfig c = f.config();
  c.max_buffered = c.public_max_buffered = 1 << 20;
  f.start(std::move(c));
  const std::string half =
      "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 700000\r\n\r\n" + std::string(600'000, 'x');
  // None of them ends the body: what has come so far is held.
  std::vector<std::unique_ptr<RawPeer>> strangers;
  for (int i = 0; i < 2; ++i) {
    strangers.push_back(std::make_unique<RawPeer>(f.server->port(kPublic), nullptr));
    strangers.back()->send(half);
  }
  REQUIRE(soon([&] { return f.server->stats().overloads > 0; }));
  RawPeer door(f.server->port(kMain), &f.door);
  door.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + std::string(500'000, 'y'));
  CHECK(door.read_one().find("200 OK") != std::string::npos);
}

TEST_CASE("reserved workers without a check of who may use them are refused at the start") {
  Front f;
  ServerConfig c = f.config();
  c.is_reserved = [](std::string_view, std::string_view) { return true; };
  const auto s = Server::start(std::move(c));
  REQUIRE_FALSE(s);
  CHECK(s.error().code == Errc::kInvalidArgument);
}
