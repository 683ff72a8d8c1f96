// GET /metrics: Prometheus text (exposition format 0.0.4) about the process, about nobody.
//
// No score, no subject, no door, no principal: only counts, by route, decision and reason. Labels come from
// closed sets, so that no peer can make the vault remember a new one.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/config.h"
#include "vault/service.h"

namespace facekeep::api {

// Thread safe.
class Metrics {
 public:
  // `routes`: the names that count_request() may be given; any other is counted as "none".
  explicit Metrics(const std::vector<std::string_view>& routes);

  void count_request(std::string_view route, int status);
  // Where the front's counters come from, once it is up.
  void set_front(std::function<http::Stats()> front);

  [[nodiscard]] std::string text(const Service::Metrics& vault, std::string_view state) const;

 private:
  using ByClass = std::array<prometheus::Counter*, 6>;  // by status / 100

  prometheus::Registry registry_;
  std::map<std::string, ByClass, std::less<>> requests_;  // not changed after construction
  mutable std::mutex front_mutex_;
  std::function<http::Stats()> front_;
};

}  // namespace facekeep::api
