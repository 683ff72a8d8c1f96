// `facekeep backup verify`: backups held against the log in them, and against what the vault said of them. Needs no
// secret, and no vault.
#pragma once

#include <string>
#include <vector>

#include "tools/facekeep/context.h"

namespace facekeep::tools {

struct VerifyBackups {
  std::vector<std::string> files;  // the whole one first
  std::string mirror;
  std::string receipt;
};

Status verify_backups(const VerifyBackups& o, Reporter& report);

}  // namespace facekeep::tools
