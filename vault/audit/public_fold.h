// A public log, folded entry by entry without openings, with its tree: who has nothing but tiles learns from it what
// the vault's own rules make of the log. Pure, one thread.
#pragma once

#include <optional>

#include "vault/base/bytes.h"
#include "vault/ledger/state.h"
#include "vault/log/merkle.h"

namespace facekeep::audit {

class PublicFold {
 public:
  // The next entry. kMalformed, kIntegrity: what the fold says; a recovery that names another log than the one before
  // it.
  Status entry(ByteView bytes);
  [[nodiscard]] const ledger::State& state() const { return state_; }
  [[nodiscard]] const log::Tree& tree() const { return tree_; }
  ledger::State take() && { return std::move(state_); }

 private:
  ledger::State state_;
  log::Tree tree_;
};

}  // namespace facekeep::audit
