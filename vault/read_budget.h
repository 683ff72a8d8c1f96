// How often one auditor may have something read: each reading is a public entry for ever, so it has a price.
//
// A bucket of `burst` readings for each reader, filled again by `per_second`. Kept in memory: a new start begins with
// full buckets. Thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace facekeep {

class ReadBudget {
 public:
  ReadBudget(std::uint32_t burst, std::uint32_t per_second) : burst_(burst), per_second_(per_second) {}

  // Takes one; false if there is none left for `who` at this uptime.
  bool take(const std::string& who, std::uint64_t uptime_ms);

 private:
  struct Bucket {
    std::uint64_t thousandths = 0;  // of a reading
    std::uint64_t at_ms = 0;
  };
  const std::uint32_t burst_;
  const std::uint32_t per_second_;
  std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;  // one for each auditor of genesis
};

}  // namespace facekeep
