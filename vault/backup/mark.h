// The mark that a restore leaves in the data directory until the log has it: behind which entries there is nothing
// sealed. The first start writes `restored` and removes it. Nothing trusts it: a mark that somebody made up does no
// more than a log entry says before everybody, or keeps the daemon from starting.
#pragma once

#include <optional>
#include <string>

#include "vault/base/result.h"
#include "vault/ledger/backup.h"

namespace facekeep::backup {

// Durable on return. kIo.
Status write_mark(const std::string& data_dir, const ledger::BehindBackup& range);
// Nothing if there is none. kMalformed.
Result<std::optional<ledger::BehindBackup>> read_mark(const std::string& data_dir);
// Durable on return; none there is no error.
Status remove_mark(const std::string& data_dir);

}  // namespace facekeep::backup
