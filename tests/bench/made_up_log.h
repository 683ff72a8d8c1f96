// A log of one start and one opening, and then accesses alone, as a busy vault's is, or enrolments too, as a new one's
// is; entry by entry: for measurements of what reads logs. It satisfies the fold; its keys are in memory. One thread.
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

enum class Mix : std::uint8_t {
  kAccess,
  kEnrolment,  // by turns a subject, its template, an access
};

class MadeUpLog {
 public:
  explicit MadeUpLog(Mix mix = Mix::kAccess);
  Result<MadeUpEntry> next();
  [[nodiscard]] test::MemoryCustody& custody() { return custody_; }
  [[nodiscard]] const ledger::Genesis& genesis() const { return genesis_; }
  // A checkpoint over a tree.
  Result<std::string> sign(std::uint64_t size, const Digest& root);

 private:
  ledger::Body body() const;

  const Mix mix_;
  test::MemoryCustody custody_;
  ledger::Genesis genesis_;
  std::uint64_t made_ = 0;
};

}  // namespace facekeep::bench
