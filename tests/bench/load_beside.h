// The connections beside the measured ones: those that say nothing, and those that drip.
#pragma once

#include <memory>
#include <queue>
#include <vector>

#include "tests/bench/load_link.h"

namespace facekeep::bench {

class Beside {
 public:
  // Registers with `epoll` under the numbers `base`, `base` + 1, ... Keeps references to all.
  Beside(const LoadPlan& plan, SSL_CTX* drip_ctx, int epoll, std::uint64_t base);
  ~Beside();
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;

  void open_all(Moment now);
  void on_event(std::uint64_t number, Moment now);
  void on_time(Moment now);
  void report(LoadResult& result) const;

 private:
  struct One {
    int fd = -1;
    std::unique_ptr<Link> link;  // dripping ones only
    std::size_t sent = 0;
    Moment next{};  // byte, or attempt to connect
  };

  void open(std::size_t i, Moment now);
  void end(std::size_t i, Moment now);
  void watch(std::size_t i, std::uint32_t events, bool add);
  [[nodiscard]] unsigned source_of(std::size_t i) const;

  const LoadPlan& plan_;
  SSL_CTX* ctx_;
  int epoll_;
  std::uint64_t base_;
  std::string request_;
  std::vector<One> ones_;
  std::uint64_t opened_ = 0;
  std::uint64_t ended_ = 0;
};

}  // namespace facekeep::bench
