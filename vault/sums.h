// Counts of what an attacker can repeat cheaply: logged as sums, so that nobody fills the disk through
// the log (design section 4, "summed").
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace facekeep {

// Thread safe.
class Sums {
 public:
  // `kind` is one of ledger::sum_kinds(); another one is counted as "bad-request".
  void add(std::string_view kind, std::uint64_t n);
  // Takes all counts out, for one `sums` event. Empty: nothing to log.
  std::map<std::string, std::int64_t> take();
  // Puts counts back whose event could not be written.
  void give_back(const std::map<std::string, std::int64_t>& counts);

 private:
  std::mutex mutex_;
  std::map<std::string, std::int64_t> counts_;
};

}  // namespace facekeep
