#include "vault/sums.h"

#include <algorithm>

#include "vault/ledger/event.h"

namespace facekeep {

void Sums::add(std::string_view kind, std::uint64_t n) {
  const auto& kinds = ledger::sum_kinds();
  const bool known = std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  const std::lock_guard lock(mutex_);
  counts_[known ? std::string(kind) : "bad-request"] += static_cast<std::int64_t>(n);
}

std::map<std::string, std::int64_t> Sums::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(counts_, {});
}

void Sums::give_back(const std::map<std::string, std::int64_t>& counts) {
  const std::lock_guard lock(mutex_);
  for (const auto& [kind, n] : counts) counts_[kind] += n;
}

}  // namespace facekeep
