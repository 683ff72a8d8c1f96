// One process a folder: a mirror and a witness's memory each have one writer.
#pragma once

#include <string>

#include "api/http/socket.h"
#include "vault/base/result.h"

namespace facekeep::tools {

// Makes the folder (mode 0700) where missing, and locks it until the descriptor is closed; the system unlocks it when
// the process ends, however it ends. kConflict ("folder-in-use") if another process has it; kIo.
Result<http::UniqueFd> lock_folder(const std::string& path);

}  // namespace facekeep::tools
