#include "vault/log/sequencer/slot_owners.h"

namespace facekeep::log {

std::vector<Generation> generations(const ledger::State& state) {
  Generation now{state.root_epoch(), true, state.slots(), {}};
  const auto& rotation = state.rotation();
  if (!rotation) {
    now.must_hold = now.owned;
    return {std::move(now)};
  }
  Generation before{rotation->from, rotation->upto != ledger::kAllRefs, state.slots(), {}};
  for (const auto& [ref, s] : state.subjects()) {
    if (state.key_epoch(ref) == now.epoch) continue;
    now.owned.erase(s.slot);
    before.must_hold.insert(s.slot);
  }
  now.must_hold = now.owned;
  return {std::move(now), std::move(before)};
}

}  // namespace facekeep::log
