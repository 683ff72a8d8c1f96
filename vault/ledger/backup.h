// Backups and restores as the log has them.
//
// `backup-made` is the signed manifest of a backup: its tlog-proof says that the vault made a file with that digest.
// `restored` says from where the vault's sealed bytes were put back. Entries behind the backup came from a mirror of
// the log, which has no sealed byte: what was sealed behind it is gone, and the fold takes it out of the state
// (FORMAT.md, section 7). That backup is any that the log has. The newest loses least, but it may be nobody's: its
// entry is written before anybody has its file, so were it alone restorable, whoever can have that entry written could
// make every older file worthless.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::ledger {

class State;
struct Moment;

struct BackupMade {
  std::string by;           // custodian id
  std::uint64_t size = 0;   // entries of the log in it, with those that it builds on
  Digest root{};            // of the log at that size
  Digest digest{};          // SHA-256 of the file
  std::uint64_t since = 0;  // entries in the backup that it builds on; 0: it is whole
};

struct Restored {
  std::uint64_t size = 0;      // entries of the log in the backup
  std::uint64_t entries = 0;   // behind them, from a mirror
  std::uint64_t subjects = 0;  // enrolled behind the backup, and gone
};

// A range of entries behind a backup: [from, upto).
struct BehindBackup {
  std::uint64_t from = 0;
  std::uint64_t upto = 0;
  [[nodiscard]] bool has(std::uint64_t entry) const { return from <= entry && entry < upto; }
};

// How the mark that a restore left stands to this log. Behind a restore without the main token the custodians'
// recoveries come before the vault's first start: `range` ends behind them.
struct RestoreMark {
  BehindBackup range;
  bool logged = false;  // the log has this restore
  bool at_end = false;  // the log ends where it does, so its first start says so; neither: of another log, or made up
};
RestoreMark place_mark(const State& state, BehindBackup range);

// "not-a-custodian" and the like of check_custodian; "bad-backup": of more entries than there are, or since itself.
Status decide_backup_made(const State& state, const BackupMade& made, const Moment& now);

// Who was enrolled in the range and is still there: what `restored` takes away.
std::uint64_t subjects_behind(const State& state, const BehindBackup& range);
// The key slots of what the range made and is still there, people and periods: a restore leaves them empty.
std::vector<std::uint32_t> slots_behind(const State& state, const BehindBackup& range);

}  // namespace facekeep::ledger
