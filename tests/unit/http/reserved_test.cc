// A custodian's seal gets a worker while everything else keeps the pool busy and its queue full.
#include <condition_variable>

#include "tests/support/catch.h"
#include "tests/unit/http/support.h"

using namespace facekeep;
using namespace facekeep::http;
using namespace facekeep::http::testing;

TEST_CASE("a reserved request is answered while every other worker is busy and the queue is full") {
  Front f;
  ServerConfig c = f.config();
  c.workers = 2;
  c.queue = 2;
  std::mutex mutex;
  std::condition_variable wakes;
  bool released = false;
  std::atomic<int> busy{0};
  c.handler = [&](Request&& r) {
    if (r.path == "/seal") return text_response("sealed");
    ++busy;
    std::unique_lock lock(mutex);
    wakes.wait(lock, [&] { return released; });
    return text_response("at last");
  };
  c.is_reserved = [](std::string_view method, std::string_view path) { return method == "POST" && path == "/seal"; };
  f.start(std::move(c));
  std::vector<std::unique_ptr<RawPeer>> doors;
  for (int i = 0; i < 4; ++i) {
    doors.push_back(std::make_unique<RawPeer>(f.server->port(0), &f.door));
    doors.back()->send("GET /match HTTP/1.1\r\nHost: a\r\n\r\n");
    // Two are being answered before the queue takes the other two.
    REQUIRE(eventually([&] { return busy == std::min(i + 1, 2); }));
  }
  REQUIRE(eventually([&] { return f.server->stats().requests == 4; }));
  RawPeer late(f.server->port(0), &f.door);
  late.send("GET /match HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(late.read_one().find("overloaded") != std::string::npos);

  RawPeer custodian(f.server->port(0), &f.door);
  custodian.send("POST /seal?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  CHECK(custodian.read_one().ends_with("sealed"));
  CHECK(busy == 2);
  {
    const std::lock_guard lock(mutex);
    released = true;
  }
  wakes.notify_all();
  for (auto& d : doors) CHECK(d->read_one().ends_with("at last"));
}
