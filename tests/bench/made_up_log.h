// A log of one start, one opening and then accesses alone, entry by entry, as a busy vault's is: for measurements of
// what reads logs. It satisfies the fold; its keys are in memory. One thread.
#pragma once

#include <optional>
#include <string>

#include "tests/support/fake_custody.h"
#include "vault/ledger/event.h"
#include "vault/ledger/genesis.h"

namespace facekeep::bench {

struct MadeUpEntry {
  Bytes entry;
  Bytes opening;        // 0x01 || salt || event; empty for a governance entry
  bool access = false;  // else custody, if there is an opening
};

class MadeUpLog {
 public:
  MadeUpLog();
  Result<MadeUpEntry> next();
  [[nodiscard]] test::MemoryCustody& custody() { return custody_; }
  [[nodiscard]] const ledger::Genesis& genesis() const { return genesis_; }
  // A checkpoint over a tree.
  Result<std::string> sign(std::uint64_t size, const Digest& root);

 private:
  ledger::Body body();

  test::MemoryCustody custody_;
  ledger::Genesis genesis_;
  std::uint64_t made_ = 0;
};

}  // namespace facekeep::bench
