// A log as a folder of files: tiles and bundles in the paths of C2SP tlog-tiles, the checkpoint, the verifier key, and
// beside them the openings that need no key. vault/log/FORMAT.md, "Mirror", is the specification. An auditor's
// programs, a static web server and other people's readers take it as it is.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "vault/audit/openings.h"
#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/ledger/backup.h"
#include "vault/log/handovers.h"
#include "vault/log/tiles.h"
#include "vault/store/store.h"

namespace facekeep::daemon {

// Writes one mirror, entry by entry. Not thread safe. After an error the folder is incomplete and has no checkpoint.
class MirrorWriter {
 public:
  // kFailedPrecondition if the folder exists and has something in it; kIo.
  static Result<MirrorWriter> create(std::filesystem::path dir, bool with_openings);

  // `opening`: of a private entry, or why it has none; kAbsent for a governance entry.
  Status append(ByteView entry, audit::Opening opening = {});
  [[nodiscard]] const log::TileTree& tree() const { return tree_; }
  // The partial tiles, then vkey (the first), what followed it, then checkpoint, which makes the mirror whole. The note
  // must be over this tree.
  Status finish(std::string_view checkpoint_note, std::string_view vkey, const log::FollowedKeys& followed = {});

 private:
  MirrorWriter(std::filesystem::path dir, bool with_openings) : dir_(std::move(dir)), with_openings_(with_openings) {}
  Status write(const std::string& path, ByteView bytes) const;
  Status write_bundle();

  std::filesystem::path dir_;
  bool with_openings_;
  log::TileTree tree_;
  std::vector<Bytes> entries_;  // of the bundle that is being filled
  audit::OpeningsOfBundle openings_;
};

// Writes the stored log, up to its latest checkpoint, with every custody opening, into a new folder. Access openings
// stay sealed: they need the custodians. For an auditor who can't reach the daemon. Recovers the log first, so a
// damaged one is refused. `unlogged`: of a restore that the log does not have yet.
Status export_log(const store::Store& store, const std::filesystem::path& dir,
                  const std::optional<ledger::BehindBackup>& unlogged = {});

}  // namespace facekeep::daemon
