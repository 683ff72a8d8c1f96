// A backup of a vault that goes on working: a snapshot of the store at one position of the log, then the key slots of
// those who are in it. Nothing is decrypted.
#pragma once

#include <functional>
#include <optional>

#include "vault/backup/format.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/seal/slot_generations.h"
#include "vault/store/store.h"

namespace facekeep::backup {

struct Source {
  const store::Store& store;
  const seal::SlotGenerations& slots;
  const log::Sequencer& sequencer;
};

// Writes the whole file, a record at a time. `go_on` is asked now and then with the entries and the bytes written;
// false ends it (kUnavailable). kInvalidArgument: `since` is not behind this log, or from before its keys.
// kFailedPrecondition, "ceremony-running": while subjects are rewrapped their keys lie under two roots, one of which is
// about to go; once all are moved, as long as none is left behind, a backup is taken. Gives the header that was
// written.
using GoOn = std::function<bool(std::uint64_t entries, std::uint64_t bytes)>;
Result<Header> write_backup(const Source& source, const std::optional<Since>& since, Writer& out, const GoOn& go_on);

}  // namespace facekeep::backup
