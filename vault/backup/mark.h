// The mark that a restore leaves in the data directory until the log has it: behind which entries there is nothing
// sealed. The first start writes `restored` and removes it. It is not trusted: a mark that somebody made up keeps the
// daemon from starting, for `restored` takes away what stands behind a backup that the log names, and the start refuses
// a mark of anything else, or one behind which a key is still in its slot. So whoever writes the mark can take nobody's
// key away with it. One who overwrites the keys as well has destroyed them without it; openings of
// accesses behind that backup that were taken away too are then called lost, which `facekeepd check` and auditors show.
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
