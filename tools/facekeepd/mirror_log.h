// An auditor's mirror (tools/facekeep-audit/mirror.h) as the log behind a backup.
#pragma once

#include <string>

#include "vault/backup/restore.h"
#include "vault/log/log_keys.h"

namespace facekeep::daemon {

struct OpenedMirror {
  log::VerifierKey vkey;  // as the mirror has it: to be compared with those of the log
  log::LogKeys keys;      // that and those that followed it
  backup::MirrorLog log;  // reads bundle by bundle; one thread
};

// kNotFound without a mirror there, or one without a checkpoint. Its entries fail with kNotFound and their number where
// a bundle or a custody opening is missing.
Result<OpenedMirror> open_mirror_log(const std::string& dir);

}  // namespace facekeep::daemon
