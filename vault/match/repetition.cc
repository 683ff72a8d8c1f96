#include "vault/match/repetition.h"

#include <algorithm>

#include "vault/base/secret_bytes.h"
#include "vault/match/cosine.h"

namespace facekeep::match {
namespace {

std::optional<std::string_view> kind_of(const std::array<float, kRemembered>& scores,
                                        const std::array<std::uint64_t, kRemembered>& numbers,
                                        const std::array<bool, kRemembered>& matched) {
  float highest = -1;
  int alike = 0;
  int yes = 0;
  for (std::size_t i = 0; i < kRemembered; ++i) {
    if (numbers[i] == 0) continue;
    highest = std::max(highest, scores[i]);
    if (scores[i] < kChainCosine) continue;
    ++alike;
    yes += matched[i] ? 1 : 0;
  }
  if (highest >= kExactCosine) return "exact";
  if (highest >= kNearCosine) return "near";
  if (alike >= kChainLength && yes >= kChainSides && alike - yes >= kChainSides) return "chain";
  return std::nullopt;
}

}  // namespace

Result<Repetition::Look> Repetition::look(const std::string& place, std::span<const float> unit) {
  const std::size_t padded = padded_dimension(unit.size());
  const std::lock_guard lock(mutex_);
  Ring& ring = rings_[place];
  if (ring.probes.size() == 0) {
    FK_TRY(ring.probes, arena_.allocate((kRemembered + 1) * padded * sizeof(float)));
  }
  // The row behind the ring's is the probe with its padding.
  auto* rows = reinterpret_cast<float*>(ring.probes.data());
  float* probe = rows + kRemembered * padded;
  std::copy(unit.begin(), unit.end(), probe);
  std::array<float, kRemembered> scores{};
  cosine_rows(probe, rows, padded, kRemembered, scores.data());
  Look out;
  out.kind = kind_of(scores, ring.numbers, ring.matched);
  cleanse({reinterpret_cast<std::uint8_t*>(scores.data()), sizeof(scores)});
  const auto oldest = std::min_element(ring.numbers.begin(), ring.numbers.end()) - ring.numbers.begin();
  std::copy(unit.begin(), unit.end(), rows + static_cast<std::size_t>(oldest) * padded);
  const auto at = static_cast<std::size_t>(oldest);
  ring.numbers[at] = ++last_;
  ring.matched[at] = false;
  out.ticket.number = last_;
  return out;
}

void Repetition::answered(const std::string& place, Ticket ticket, bool matched) {
  const std::lock_guard lock(mutex_);
  const auto ring = rings_.find(place);
  if (ring == rings_.end() || ticket.number == 0) return;
  const auto it = std::find(ring->second.numbers.begin(), ring->second.numbers.end(), ticket.number);
  if (it != ring->second.numbers.end()) {
    ring->second.matched[static_cast<std::size_t>(it - ring->second.numbers.begin())] = matched;
  }
}

void Repetition::clear() {
  const std::lock_guard lock(mutex_);
  rings_.clear();
}

}  // namespace facekeep::match
