// `facekeepd check`: reads a stopped vault back and says whether it holds together. Needs no token, no PIN and
// nobody's share; opens nothing that is sealed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vault/log/sequencer/recovery.h"
#include "vault/seal/slot_generations.h"
#include "vault/store/store.h"

namespace facekeep::daemon {

struct CheckReport {
  std::string vault;  // hexadecimal
  std::string origin;
  bool rehearsal = false;
  std::string state;             // as the log left it
  std::uint64_t entries = 0;     // in the log
  std::uint64_t checkpoint = 0;  // size of the latest signed one; 0: none
  std::string root;              // base64
  std::string digest;            // of the state, hexadecimal: FORMAT.md, "State digest"
  std::uint64_t subjects = 0;
  std::uint64_t templates = 0;
  std::optional<ledger::BehindBackup> excused;  // entries whose access openings the mark of a restore says are gone
  std::uint64_t lost = 0;           // subjects enrolled behind a backup that was restored and is not logged yet
  std::uint64_t spare_slots = 0;    // keys in slots that no event owns; the next start clears them
  std::vector<std::string> faults;  // each a sentence; empty: all is well
};

// Recovers the log (tree, openings, checkpoint's signature), then compares every sealed record and template with its
// digest in the log, and the key slots with those that the log owns. Fails only if the log itself can't be read.
// `unlogged`: of a restore that the log does not have yet.
Result<CheckReport> check_vault(const store::Store& store, const seal::SlotGenerations& slots,
                                const log::Progress& progress = {},
                                const std::optional<ledger::BehindBackup>& unlogged = {});

std::string to_text(const CheckReport& report);
std::string to_json_text(const CheckReport& report);

}  // namespace facekeep::daemon
