#include "vault/backup/root_epoch.h"

#include <string>
#include <utility>

namespace facekeep::backup {
namespace {

Error refused(std::string message, std::string hint) {
  return make_error(Errc::kFailedPrecondition, std::move(message), std::move(hint));
}

}  // namespace

Status check_root_epoch(std::uint32_t of_backup, std::uint32_t now,
                        const std::optional<ledger::State::Rotation>& rotation) {
  if (of_backup == now) return {};
  if (rotation && rotation->to == now) {
    return refused("a rotation to root key " + std::to_string(now) +
                       " was under way where the mirror ends: it began at log entry " +
                       std::to_string(rotation->entry) + ", and backups from before it can't be restored",
                   "none is taken while a rotation runs, so what was on the lost disk was the only copy: keep that "
                   "disk. After a rotation take a whole backup at once");
  }
  return refused("the backup was sealed under root key " + std::to_string(of_backup) + ", and the vault has root key " +
                     std::to_string(now) + ": nobody can open it any more",
                 "the erasure horizon has passed it, as it is meant to: take a backup from after the rotation");
}

}  // namespace facekeep::backup
