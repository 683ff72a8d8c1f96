// Which generation of key slots the log needs, and which of its slots have an owner. Pure.
#pragma once

#include <set>

#include "vault/ledger/state.h"

namespace facekeep::log {

struct Generation {
  std::uint32_t epoch = 0;
  bool needed = true;                 // false: it may be gone already, its retirement was cut short
  std::set<std::uint32_t> owned;      // may be in use; any other slot is nobody's
  std::set<std::uint32_t> must_hold;  // have a key here and nowhere else
};

// The present one, and while a rotation is open the one before. In the older one every slot of the state has an owner:
// it goes as a whole. In the present one those of subjects that are not rewrapped yet have none.
std::vector<Generation> generations(const ledger::State& state);

}  // namespace facekeep::log
