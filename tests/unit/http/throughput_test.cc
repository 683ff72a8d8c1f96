// Not part of a normal run: ./test_http "[.throughput]" prints requests a second of a tiny handler.
#include <atomic>
#include <cstdio>
#include <vector>

#include "tests/unit/http/support.h"

using namespace facekeep;
using namespace facekeep::http;
using namespace facekeep::http::testing;

namespace {

// Peers that each keep one request in flight, all driven by one thread with poll.
double requests_per_second(const Front& f, std::size_t peers, Millis time) {
  std::vector<std::unique_ptr<RawPeer>> all;
  std::vector<pollfd> polls;
  for (std::size_t i = 0; i < peers; ++i) {
    all.push_back(std::make_unique<RawPeer>(f.server->port(0), &f.door));
    polls.push_back({all.back()->fd(), POLLIN, 0});
  }
  const std::string_view get = "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n";
  const auto begin = std::chrono::steady_clock::now();
  for (auto& p : all) p->send(get);
  std::uint64_t done = 0;
  while (std::chrono::steady_clock::now() - begin < time) {
    ::poll(polls.data(), polls.size(), 1000);
    for (std::size_t i = 0; i < peers; ++i) {
      if ((polls[i].revents & POLLIN) == 0) continue;
      if (all[i]->read_one().empty()) FAIL("a peer was cut off");
      ++done;
      all[i]->send(get);
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(done) / took.count();
}

}  // namespace

TEST_CASE("requests a second", "[.throughput]") {
  Front f;
  ServerConfig c = f.config();
  c.workers = 64;
  f.start(std::move(c));
  for (const std::size_t peers : {1, 8, 64, 200}) {
    const double rate = requests_per_second(f, peers, Millis(3000));
    std::printf("%zu connections: %.0f requests a second\n", peers, rate);
    CHECK(rate > 0);
  }
}
